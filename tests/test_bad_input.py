"""Bad input, all of it: one sentence and exit code 4, and nothing is written.

Each option, setting, variable, command and argument, with what is wrong, empty, huge, hostile to a
terminal, or contradicts another.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rayscale.__main__ import main
from tests import bad_options
from tests.bad_options import FULL_WIDTH, MANY, RED
from tests.projects import PATIENCE, ROOT, surroundings, write

Ended = tuple[int, str, list[str]]  # an exit code, what was said, and the files that were written

PROJECT = {
    "test_it.py": """
import numpy as np
import rayscale

@rayscale.cases({"negative": np.negative}, sizes={"few": 6}, ways=[rayscale.serial])
def test_negative(measure, size):
    measure(np.arange(size), -np.arange(size))
"""
}


def check(ended: Ended) -> None:
    """Check that one sentence, which no terminal obeys, says why nothing was done."""
    code, said, written = ended
    assert code == 4, said
    assert not written
    assert "Traceback" not in said
    assert "INTERNALERROR" not in said
    assert "\x1b" not in said
    assert max(map(len, said.splitlines())) < 1000


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """Return how each session of pytest ended that could not be had, in a project in git."""
    project = write(tmp_path_factory.mktemp("bad"), PROJECT)
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=one"]):
        subprocess.run(["git", *who, *words], cwd=project, check=True)  # noqa: S607 - the user's git
    done = subprocess.run(
        [sys.executable, "-m", "tests.bad_options"],
        cwd=project,
        env=surroundings(PYTHONPATH=str(ROOT), PYTHONDONTWRITEBYTECODE="1"),
        stdout=subprocess.PIPE,
        check=True,
        timeout=PATIENCE,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {name: (code, said, written) for name, code, said, written in lines}


@pytest.mark.parametrize("name", [name for name, *_ in bad_options.cases()])
def test_session_that_cannot_be_had_is_refused(sessions: dict[str, Ended], name: str) -> None:
    """A session of pytest says in one sentence what it cannot do."""
    check(sessions[name])
    assert sessions[name][1].count("\nERROR: ") + sessions[name][1].startswith("ERROR: ") == 1


NAMES = ["", " ", "a/b", "..\\x", "../x", RED, "a\nb", "\udcff", "x" * 300, "."]
NUMBERS = ["", "0", "-1", "x", "nan", "1.5", "1e9", "²", RED, str(10**100), MANY]
LISTS = [
    ",",
    "1,",
    ",1",
    "1,,2",
    "1 2",
    "1, 2",
    "4;16",
    "1,x",
    "1,0",
    "1,²",
    f"1,{FULL_WIDTH}",
    "a\nb",
]
SHARES = ["", "0", "1", "100%", "-1%", "nan", "1e-3", "²%", f"{FULL_WIDTH}%", RED, MANY, "a\nb"]
PLACES = ["", ".", "/no/where/x", "results/x/y", f"{RED}/x", "x" * 300, "mine/x"]
CACHE = ".launches.msgpack"  # what was read once
RUNS = ["", " ", "nowhere", "..", RED, "a\nb", "\udcff", "x" * 5000, "[", "*", "mine"]

COMMANDS: list[list[str]] = [
    ["nothing"],
    [RED],
    ["runs", "x"],
    ["runs", f"--{RED}"],
    ["--results=mine", "runs"],
    ["--results", "runs"],
    ["compare"],
    ["compare", "a"],
    ["compare", "run", "run", "--format=xml"],
    ["compare", "run", "run", "--launches=3"],
    ["compare", "run", "run", "--launch", "--across-machines"],
    ["export", "run"],
    ["report", "--section=nothing"],
    ["report", "--format=pdf"],
    ["report", f"--section={RED}"],
    ["new"],
    ["history", "nothing"],
    ["history", RED],
    ["record", "-k", "x"],
    ["--results=mine/x", "record"],
    ["--results=/proc/no", "compare", "--launch", "a", "b"],
    ["record", "--baseline=x"],
    ["overhead", f"--rayscale-cpus={RED}"],
    ["predict"],
    ["predict", "run", "run"],
    ["predict", "run"],
    ["predict", "run", "--noisy=1"],
    ["predict", "run", "--format=html"],
    ["predict", "run", f"--format={RED}"],
    *(["record", f"--name={name}"] for name in NAMES),
    *(["record", f"--launches={number}"] for number in NUMBERS),
    *(["compare", "run", "run", f"--tolerance={share}"] for share in SHARES),
    *(["compare", "run", "run", f"--false-alarm={share}"] for share in SHARES),
    *(["compare", "run", "run", f"--miss={share}"] for share in SHARES),
    *(["compare", name, "run"] for name in RUNS),
    *(["compare", "run", name] for name in RUNS),
    *(["report", name] for name in RUNS),
    *(["predict", name] for name in RUNS),
    *(["predict", "run", f"--cpus={number}"] for number in [*NUMBERS, *LISTS, "10001"]),
    *(["predict", "run", f"--rows={number}"] for number in [*NUMBERS, *LISTS, "1000000001"]),
    *(["export", name, "--output=t.csv"] for name in RUNS),
    *(["export", "run", f"--output={place}.csv"] for place in PLACES if place not in {"", "."}),
    *(["export", "run", f"--output={place}"] for place in ["", ".", "x.xls", "x", "x.CSV "]),
    *(["report", f"--output={place}"] for place in PLACES),
    *(["report", f"--charts={place}"] for place in ("mine", "/proc/no/x", "mine/x")),
    *(["new", name] for name in ("", "x", ":", "x:", ":y", "x:y:z", "1:2", "no.such:f", "os:no")),
    *(["new", name] for name in (RED, f"os:{RED}", "os.path:join\n", "test_bad:f", "a-b:c")),
    *(
        ["new", "os:getcwd", f"--output={place}"]
        for place in ("", ".", "x" * 300, "mine", "mine/x")
    ),
]


def _run(_: str, words: list[str]) -> None:
    """Run a program beside this one, where a command would become it."""
    sys.exit(subprocess.run(words, check=False).returncode)


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda words: ascii(" ".join(words))[:60])
def test_command_that_cannot_be_done_is_refused(
    arguments: list[str],
    save: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The command rayscale says in one sentence what it cannot do."""
    save({"loop-serial-small": 0.03})
    write(tmp_path, {"mine": "mine", "test_bad.py": "raise RuntimeError('no')"})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["rayscale", *arguments])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(os, "execv", _run)  # the tests go on
    before = {str(one) for one in tmp_path.rglob("*")}
    with pytest.raises(SystemExit) as ended:
        main()
    out, errors = capfd.readouterr()
    written = {str(one) for one in tmp_path.rglob("*")} - before
    check((int(ended.value.code or 0), out + errors, [one for one in written if CACHE not in one]))
    assert (tmp_path / "mine").read_text() == "mine"
    # What click drops of an escape, where its output is a log, leaves the word or "[31mred".
    assert not re.search(r"(\b|m)red\b", errors.replace("\\x1b[31mred", ""))
