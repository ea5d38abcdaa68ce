"""The gate from end to end: what it stops, what it lets pass, what it refuses."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rayscale.gate.request import _seconds, _seed, _share, parse_tolerance
from tests.projects import surroundings

FAST = "-k=average and numpy-serial"  # 60 us a call: 20 pairs take a fifth of a second
PATIENCE = 300  # seconds, for a run of some seconds
SURE = "--false-alarm=0.001%"  # else one test in some hundreds fails by the chance that is promised
# Decided after some seconds, on however busy a machine.
ENOUGH = ("--pair-budget=120", "--gate-budget=240")
# Error rates of 1e-300, which some thousand pairs would be needed for: never decided.
NEVER_SURE = tuple(f"--{rate}=0.{299 * '0'}1" for rate in ("false-alarm", "miss"))


def replace(file: Path, old: str, new: str) -> None:
    """Write *new* in the place of *old*, which must be in *file*, once."""
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


@dataclass(frozen=True)
class Project:
    """A copy of this project in a git repository of its own."""

    root: Path

    def git(self, *arguments: str) -> str:
        """Call git."""
        who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        return subprocess.run(
            ["git", *who, *arguments],  # noqa: S607 - the user's git
            cwd=self.root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def commit(self) -> None:
        """Commit the tree as it is."""
        self.git("add", ".")
        self.git("commit", "--quiet", "--message=change")

    def gate(self, *arguments: str, **variables: str) -> tuple[int, str]:
        """Run the gate; return its exit code and what it said."""
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no"),
                *("--benchmark-only", SURE, *ENOUGH, *arguments),
            ],
            cwd=self.root,
            env=surroundings(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        return done.returncode, done.stdout

    def saved(self) -> list[dict[str, Any]]:
        """Return the benchmarks in the one file that was saved, apart from all runs."""
        (file,) = (self.root / "results").rglob("*.json")
        assert file.relative_to(self.root / "results").parts[0] == "gates"
        benchmarks: list[dict[str, Any]] = json.loads(file.read_text())["benchmarks"]
        return benchmarks

    def nap(self, seconds: str, kernel: str = "numpy") -> None:
        """Have a kernel take *seconds* more: a number, or what gives one, anew each time."""
        replace(
            self.root / "kernels" / "moving_average.py",
            old=f"def moving_average_{kernel}(",
            new="def nap(kernel):\n"
            "    import functools, time\n"
            "    @functools.wraps(kernel)\n"
            "    def sleepy(*given, **named):\n"
            f"        time.sleep({seconds})\n"
            "        return kernel(*given, **named)\n"
            "    return sleepy\n\n"
            f"@nap\ndef moving_average_{kernel}(",
        )


@pytest.fixture
def project(tmp_path: Path, copy_project: Callable[[Path], Path]) -> Project:
    """Return a clean project with one commit."""
    root = tmp_path / "project"
    root.mkdir()
    project = Project(copy_project(root))
    (root / ".gitignore").write_text("__pycache__/\n/results/\n")
    project.git("init", "--quiet", "--initial-branch=main")
    project.commit()
    return project


def test_same_code_passes(project: Project) -> None:
    """The same code twice is the same, run serially and by Ray's workers; all is saved."""
    code, output = project.gate("--against=HEAD", "-k=average and numpy and (serial or whole)")
    sha = project.git("rev-parse", "HEAD")

    assert code == 0, output
    assert re.search(rf"= head against HEAD \({sha[:7]}\) =", output)
    assert "At most 0.001 % chance of any false alarm among these 2 cases." in output
    assert "what Ray gained" not in output
    for benchmark in project.saved():
        gate = benchmark["extra_info"]["gate"]
        assert gate["verdict"] in ("same", "faster")  # a layout may make either copy faster
        assert gate["base_sha"] == sha
        assert gate["dirty"] is False
        assert gate["false_alarm"] == pytest.approx(0.00001 / 2)  # shared by both
        assert f"--pair-seed {gate['seed']} replays the draws" in output
        assert sum(len(loading) for loading in gate["raw_pairs"]) == sum(gate["pairs"]) >= 20


def test_slower_kernel_fails(project: Project, tmp_path: Path) -> None:
    """A kernel that the tree makes slower fails its case in one sentence, and no other."""
    project.nap("0.0001")
    page = tmp_path / "page.md"
    page.write_text("before\n")
    code, output = project.gate(
        *(
            "--against=HEAD",
            "-k=average and (numpy or pandas) and serial",
            f"--gate-summary={tmp_path}/own.md",
        ),
        GITHUB_STEP_SUMMARY=str(page),
    )
    sentence = (
        r"^moving_average numpy serial small: \d+ % slower than HEAD \([0-9a-f]{7}\), "
        r"99 % interval \d+ to \d+ %, \d+ \+ \d+ pairs$"
    )

    assert code == 1, output
    assert re.search(sentence, output, flags=re.MULTILINE)
    assert "Traceback" not in output
    assert "1 failed, 1 passed" in output, output
    assert re.search(r"\| moving_average numpy serial small .*\| slower", page.read_text())
    assert page.read_text() == "before\n" + (tmp_path / "own.md").read_text()
    assert [one["extra_info"]["gate"]["dirty"] for one in project.saved()] == [True, True]


def test_slower_kernel_fails_in_rays_workers(project: Project) -> None:
    """A slowdown in what the workers run fails the Ray case, and no other."""
    project.nap("0.005")
    code, output = project.gate("--against=HEAD", "-k=average and (numpy-ray_whole or pandas)")

    assert code == 1, output
    assert "moving_average numpy ray_whole cpus1 small: " in output
    assert "1 failed, 1 passed" in output, output


def test_faster_kernel_is_called_faster(project: Project) -> None:
    """Half the time is faster; 25 ms, so that no delay of the machine's makes up for it."""
    project.nap("0.05")
    project.commit()
    replace(project.root / "kernels" / "moving_average.py", "time.sleep(0.05)", "time.sleep(0.025)")
    code, output = project.gate("--against=HEAD", FAST)

    assert code == 0, output
    assert [one["extra_info"]["gate"]["verdict"] for one in project.saved()] == ["faster"]


def test_new_kernel_is_listed(project: Project) -> None:
    """A kernel that the base lacks is new: not compared, not failed, not counted."""
    matrix = project.root / "benchmarks" / "matrix.py"
    name = "moving_average_fresh"
    replace(
        matrix, old="    moving_average_loop,\n", new=f"    moving_average_loop,\n    {name},\n"
    )
    replace(
        matrix,
        old='    + cases({"pandas":',
        new=f'    + cases({{"fresh": {name}}}, sizes={{"small": SMALL}}, ways=[serial])\n'
        '    + cases({"pandas":',
    )
    source = project.root / "kernels" / "moving_average.py"
    source.write_text(
        source.read_text() + "\n\ndef moving_average_fresh(data):\n"
        "    return moving_average_pandas(data)\n"
    )
    code, output = project.gate("--against=HEAD", "-k=average and (fresh or numpy) and serial")

    assert code == 0, output
    assert re.search(r"moving_average fresh serial small .* new$", output, flags=re.MULTILINE)
    assert "among these 1 case." in output


def test_removed_kernel_fails_unless_allowed(project: Project) -> None:
    """A public function that is gone fails the gate; --allow-removed lists it all the same."""
    source = project.root / "kernels" / "timer.py"
    source.write_text(source.read_text() + "\n\ndef timer_old(calls):\n    return calls\n")
    project.commit()
    project.git("revert", "--no-edit", "HEAD")

    code, output = project.gate("--against=HEAD~1", FAST)
    assert code == 1, output
    assert re.search(r"timer\.timer_old .* removed", output)
    assert project.gate("--against=HEAD~1", "--allow-removed", FAST)[0] == 0


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("import pandas as pd", "import pandas as pd, nowhere", "cannot be imported (Module"),
        ("data: ArrayLike, window: SupportsIndex = 10", "data, *, window", "raises TypeError: "),
        (
            "np.divide(sums[: len(ends)], window",
            "np.divide(sums[: len(ends)], 11",
            "another result",
        ),
    ],
    ids=["import", "signature", "result"],
)
def test_base_that_cannot_be_compared_fails_unless_allowed(
    project: Project, old: str, new: str, sentence: str
) -> None:
    """A base that does not import, take the call or give the result is an error that says so."""
    source = project.root / "kernels" / "moving_average.py"
    good = source.read_text()
    place = good.index("def moving_average_numpy") if "ArrayLike," in old else 0
    source.write_text(good[:place] + good[place:].replace(old, new, 1))
    project.commit()
    source.write_text(good)

    code, output = project.gate("--against=HEAD", FAST)
    assert code == 1, output
    assert re.search(
        r"^moving_average numpy serial small: HEAD \([0-9a-f]{7}\) ", output, re.MULTILINE
    )
    assert sentence in output

    if sentence != "another result":
        return  # one of them is enough to see that it can be allowed
    name = "moving_average numpy serial small"
    code, output = project.gate("--against=HEAD", FAST, f"--allow-changed={name}")
    assert code == 0, output
    assert re.search(rf"{name} .* changed: HEAD", output)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--against=nowhere"], 'there is no revision "nowhere" here'),
        (["--against=borrower"], "kernels/timer.py:1 imports kernels.moving_average in borrower"),
        (["--against=empty"], "has no folder kernels/"),
        (["--against=other"], "has none of the 1 cases chosen; choose others with -k"),
        (["--against=HEAD", "--gate-summary=nowhere/page.md"], 'cannot write to "nowhere/page.md"'),
    ],
)
def test_gate_that_cannot_be_is_a_usage_error(
    project: Project, arguments: list[str], sentence: str
) -> None:
    """What makes the comparison impossible ends it with one line and exit code 4."""
    (project.root / "kernels" / "timer.py").write_text("import kernels.moving_average\n")
    project.commit()
    project.git("tag", "borrower")
    project.git("rm", "--quiet", "kernels/moving_average.py", "kernels/timer.py")
    project.git("commit", "--quiet", "--message=other")
    project.git("tag", "other")
    project.git("rm", "--quiet", "-r", "kernels")
    project.git("commit", "--quiet", "--message=empty")
    project.git("tag", "empty")
    project.git("reset", "--quiet", "--hard", "HEAD~3")

    assert_refused(*project.gate("--quiet", FAST, *arguments), sentence)


def test_gate_in_a_shallow_clone_says_what_to_fetch(project: Project, tmp_path: Path) -> None:
    """Where the base is not in the clone, the message says how to get it."""
    project.git("commit", "--quiet", "--allow-empty", "--message=second")
    project.git("clone", "--quiet", "--depth=1", f"file://{project.root}", f"{tmp_path}/clone")

    assert_refused(*Project(tmp_path / "clone").gate(FAST, "--against=HEAD~1"), "fetch-depth: 0")


def assert_refused(code: int, output: str, sentence: str) -> None:
    """Assert that a run ended with one line, and with 4."""
    assert code == 4, output
    assert sentence in output
    assert len([line for line in output.splitlines() if "ERROR" in line]) == 1
    assert "Traceback" not in output


def test_mark_sets_the_tolerance_of_its_benchmark(project: Project) -> None:
    """A marked benchmark is held to its own tolerance; below 2 % it is refused like the option."""
    project.nap("0.01")
    benchmark = project.root / "benchmarks" / "test_moving_average.py"
    replace(benchmark, old="import numpy as np\n", new="import numpy as np\nimport pytest\n")
    replace(benchmark, old="\ndef test_", new='\n@pytest.mark.tolerance("99%")\ndef test_')
    project.commit()
    project.root.joinpath("kernels/moving_average.py").write_text(
        project.root.joinpath("kernels/moving_average.py").read_text().replace("0.01)", "0.012)")
    )
    code, output = project.gate("--against=HEAD", FAST)

    assert code == 0, output
    assert [one["extra_info"]["gate"]["tolerance"] for one in project.saved()] == [0.99]
    assert "Code slower by 99 % or more" in output

    replace(benchmark, old='"99%"', new='"1%"')
    sentence = "test_moving_average[numpy-serial-small], mark tolerance: 1% is below 2 %"
    assert_refused(*project.gate("--against=HEAD", FAST), sentence)


def test_unsure_passes_with_a_warning_or_fails_on_request(project: Project) -> None:
    """What time ends before it is certain is unsure: said, and a failure where none is wanted.

    The 20 pairs that are compared take 80 ms of the 2 s.
    """
    project.nap("__import__('random').random() / 500")
    project.commit()
    asked = ("--against=HEAD", FAST, "--pair-budget=2", "--pair-seed=7", "--tolerance=3%")
    code, output = project.gate(*asked, *NEVER_SURE)
    first = head_first(project)
    assert code == 0, output
    assert re.search(r"numpy serial small .* unsure: ", output)
    assert "warning: 1 unsure, and passed: a larger --pair-budget decides more" in output
    assert "warning: a tolerance below 5%" in output
    assert "warning: the draws were replayed" in output

    shutil.rmtree(project.root / "results")
    code, output = project.gate(*asked, *NEVER_SURE, "--unsure=fail")
    assert code == 1, output
    assert re.search(r"^moving_average numpy serial small: unsure, ", output, re.MULTILINE)
    assert head_first(project) == first  # the same seed draws the same orders


def head_first(project: Project) -> list[bool]:
    """Return which of the first 20 pairs had the head's call first."""
    (one,) = project.saved()
    pairs = one["extra_info"]["gate"]["raw_pairs"][0]
    assert len(pairs) >= 20
    return [pair["head_first"] for pair in pairs[:20]]


@pytest.mark.parametrize("option", ["--pair-budget", "--gate-budget"])
def test_budget_too_small_fails_with_one_that_is_not(project: Project, option: str) -> None:
    """A case that cannot have 20 pairs is refused, with the budget that it needs."""
    code, output = project.gate("--against=HEAD", FAST, f"{option}=0.001")

    assert code == 1, output
    assert re.search(rf"numpy serial small: 20 pairs take .* 1\.00 ms.* give {option} \d", output)


def test_gate_without_benchmark_only_is_a_usage_error(project: Project) -> None:
    """Without --benchmark-only nothing is timed, so nothing can be compared."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--against=HEAD"],
        cwd=project.root,
        env=surroundings(),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 4
    assert "give --benchmark-only, too" in done.stderr


@pytest.mark.parametrize(
    ("parse", "sentence"),
    [
        (lambda: parse_tolerance("--tolerance", "1%"), "--tolerance: 1% is below 2 %"),
        (
            lambda: parse_tolerance("--tolerance", "5"),
            '--tolerance: "5" is no share',
        ),
        (lambda: _share("--miss", "1 in 9"), '--miss: "1 in 9" is no share'),
        (lambda: _share("--miss", "100%"), '--miss: "100%" is no share'),
        (lambda: _share("--miss", "150%"), '--miss: "150%" is no share'),
        (lambda: _seconds("--pair-budget", "soon"), '--pair-budget: "soon" is no time'),
        (lambda: _seconds("--gate-budget", "-1"), '--gate-budget: "-1" is no time'),
        (lambda: _seed("x"), '--pair-seed: "x" is no whole number'),
    ],
)
def test_option_that_makes_no_sense_is_named(parse: Callable[[], object], sentence: str) -> None:
    """An option's bad value is named, with what to give."""
    with pytest.raises(pytest.UsageError, match=re.escape(sentence)):
        parse()
