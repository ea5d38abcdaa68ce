"""A gate that was ended, and finished by another session."""

import errno
import os
import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rayscale.gate import attempts
from rayscale.gate.attempts import Attempted, AttemptsError, Decided
from rayscale.identity import Identity
from tests.gate.test_gate import FLAT, SLOWER, Project, project
from tests.projects import Run, run

# Three cases, of which the second one ends the gate's session, or this loading, on request.
THREE = """
import os
import signal
import made_clock
import pytest
from mylib.code import work

pytestmark = pytest.mark.benchmark(timer=made_clock.read)

def test_a(benchmark):
    assert benchmark(work) == 1

def test_b(benchmark):
    if "END" in os.environ:
        os.kill(os.getppid(), int(os.environ["END"]))
        signal.pause()
    assert benchmark(work) == 1

def test_c(benchmark):
    assert benchmark(work) == 1
"""
HEEDING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
"""
ATTEMPTED_B = b'{"type":"attempted","case":"tests/test_speed.py::test_b"}\n'
IDENTITY = Identity((), {"--against": "3f2a"}, {"k.py": "1f"}, {}, {"cpus": "2"})
REPORT: dict[str, Any] = {
    "$report_type": "TestReport",
    "nodeid": "a",
    "location": ["a.py", 1, "a"],
    "keywords": {},
    "outcome": "passed",
    "longrepr": None,
    "when": "call",
    "sections": [],
    "duration": 0.1,
    "user_properties": [],
}
LOADING = {
    "pairs": [{"base": 1.0, "head": 1.1, "head_first": True}],
    "calls": 1,
    "spent": 1.0,
    "needed": 1.0,
}
SEEN: dict[str, Any] = {
    "id": "a",
    "place": "file",
    "number": 0,
    "kind": "compared",
    "why": "",
    "notes": [],
    "tolerance": None,
    "reports": [REPORT],
    "loading": LOADING,
}
CASES = msgspec.structs.replace(IDENTITY, cases=("a", "b"))


def gate(own: Project, *arguments: str, **variables: str) -> Run:
    """Run the gate with a cache, as a user does; END is the signal that ends it in test_b."""
    words = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "--color=no"]
    words += ["--benchmark-only", "--rayscale-against=HEAD", *arguments]
    return run(own.folder, words, own.folder / "results", variables)


@pytest.fixture
def begun(tmp_path: Path) -> Project:
    """Return a project, one of whose cases got slower, and whose gate was killed in the second."""
    own = project(tmp_path, FLAT | {"tests/test_speed.py": THREE, "tests/conftest.py": HEEDING})
    own.change({"mylib/code.py": SLOWER})
    assert gate(own, "-k", "test_", END=str(int(signal.SIGKILL))).exit_code == -signal.SIGKILL
    return own


def test_ended_gate_is_finished(begun: Project) -> None:
    """Cases with a verdict keep it, the others get theirs; one that was interrupted has less share.

    A slower case that was suspected had no verdict yet: it is compared anew.
    """
    seen = gate(begun, "-k", "test_", "--rayscale-resume")

    assert seen.exit_code == pytest.ExitCode.TESTS_FAILED, seen.output
    assert "0 of 3 cases are decided" in seen.output
    assert "3 slower" in seen.output
    assert "At most 2 % chance of any false alarm among these 3 cases" in seen.output
    assert not list(begun.folder.rglob("gate.jsonl*"))


def test_verdict_of_the_ended_gate_is_kept(tmp_path: Path) -> None:
    """A case that was the same before the end is not compared again."""
    own = project(tmp_path, FLAT | {"tests/test_speed.py": THREE, "tests/conftest.py": HEEDING})
    first = gate(own, END=str(int(signal.SIGINT)))
    seen = gate(own, "--rayscale-resume")

    assert first.exit_code == pytest.ExitCode.INTERRUPTED, first.output
    assert "the same command with --resume finishes it" in first.output
    assert "1 of 3 cases are decided" in seen.output
    assert (seen.exit_code, "3 same" in seen.output) == (0, True), seen.output
    assert "3 passed" in seen.output


def test_interrupted_attempts_ask_for_more_evidence(tmp_path: Path) -> None:
    """The shares reach the pairs: a case that was interrupted often needs more of them."""
    own = project(tmp_path, FLAT | {"tests/test_speed.py": THREE, "tests/conftest.py": HEEDING})
    gate(own, END=str(int(signal.SIGINT)))
    file = next(own.folder.rglob("gate.jsonl"))
    file.write_bytes(file.read_bytes() + 5 * ATTEMPTED_B)
    seen = gate(own, "--rayscale-resume").output
    pairs = dict(re.findall(r"::(test_[abc]) .*\] +(\d+)   same", seen))

    assert pairs.keys() == {"test_a", "test_b", "test_c"}
    assert int(pairs["test_b"]) > int(pairs["test_a"]) == int(pairs["test_c"])


def test_other_gate_is_not_finished(begun: Project) -> None:
    """Other code, other options, or no gate at all: one sentence, and what was written stays."""
    kept = next(begun.folder.rglob("gate.jsonl"))
    before = kept.read_bytes()
    options = gate(begun, "-k", "test_a", "--rayscale-resume")
    begun.change({"mylib/code.py": SLOWER + "\n"})
    code = gate(begun, "-k", "test_", "--rayscale-resume")
    assert kept.read_bytes() == before
    kept.unlink()
    none = gate(begun, "-k", "test_", "--rayscale-resume")

    assert {one.exit_code for one in (options, code, none)} == {pytest.ExitCode.USAGE_ERROR}
    assert "the gate that was begun was another one: options:" in options.output
    assert "mylib/code.py has changed" in code.output
    assert "no gate was begun here and not finished; leave it out" in none.output


def written(folder: Path, *lines: Attempted | Decided) -> Path:
    """Write what a session has left in *folder*."""
    own = attempts.first(folder)
    own.start(CASES)
    for line in lines:
        own.note(line)
    own.end(is_done=False)
    return folder / attempts.NAME


def decided(case: str) -> Decided:
    """Return the line of a *case* that has its verdict."""
    return Decided(({**SEEN, "id": case, "kind": "new"},))


def test_each_interrupted_attempt_halves_the_share(tmp_path: Path) -> None:
    """After k of them it is halved k times; an attempt that came to its verdict does not count."""
    lines = Attempted("a"), Attempted("a"), Attempted("a"), decided("a"), Attempted("b")
    written(tmp_path, *lines)
    seen = attempts.interrupted(tmp_path, IDENTITY)

    assert [seen.share(case) for case in ("a", "b", "c")] == [0.25, 0.5, 1.0]
    assert (seen.sharing, seen.most()) == (2, 2.0)
    assert seen.done == [("a", "file", 0)]


def test_shares_of_all_attempts_keep_the_promise() -> None:
    """However many there are, together they err at most twice as often as one."""
    every = [attempts.Attempts(None, before={"a": number}).share("a") for number in range(60)]
    assert 1.99 < sum(every) <= attempts.MOST


def test_torn_last_line_is_an_attempt_at_nothing(tmp_path: Path) -> None:
    """What was not on the disk is not known, and the next line comes in its place."""
    file = written(tmp_path, Attempted("a"))
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"type":"deci')
    seen = attempts.interrupted(tmp_path, IDENTITY)
    seen.start(CASES)
    seen.end(is_done=False)

    assert file.read_bytes() == whole


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"--against": "77aa"}, "--against: 3f2a, now 77aa"),
        ({}, "--against: 3f2a, now not given"),
    ],
)
def test_other_base_is_refused(tmp_path: Path, changes: Mapping[str, str], said: str) -> None:
    """Verdicts against one base say nothing of another."""
    written(tmp_path)
    other = msgspec.structs.replace(IDENTITY, options=dict(changes))
    with pytest.raises(AttemptsError, match=said):
        attempts.interrupted(tmp_path, other)


def test_other_cases_are_refused(tmp_path: Path) -> None:
    """The shares are those of the first session's cases."""
    written(tmp_path)
    seen = attempts.interrupted(tmp_path, IDENTITY)
    with pytest.raises(AttemptsError, match="b is gone"):
        seen.start(msgspec.structs.replace(IDENTITY, cases=("a",)))


@pytest.mark.parametrize(
    "contents", [b"", b"{}\n{}\n", b"\xff\n", b'{"type":"attempted","case":"a"}\n']
)
def test_broken_file_is_refused(tmp_path: Path, contents: bytes) -> None:
    """In a sentence that says what to do."""
    (tmp_path / attempts.NAME).write_bytes(contents)
    with pytest.raises(AttemptsError, match="remove it"):
        attempts.interrupted(tmp_path, IDENTITY)


def test_whole_verdict_is_read(tmp_path: Path) -> None:
    """The control of those below."""
    written(tmp_path, Decided((SEEN, SEEN)))

    assert attempts.interrupted(tmp_path, IDENTITY).done == [("a", "file", 0)]


@pytest.mark.parametrize(
    "seen",
    [
        (),
        ({},),
        ({**SEEN, "kind": "other"},),
        ({**SEEN, "loading": None},),
        ({**SEEN, "loading": {**LOADING, "pairs": [{"base": "1"}]}},),
        ({**SEEN, "number": "0"},),
        ({**SEEN, "reports": [{**REPORT, "outcome": "well"}]},),
        ({**SEEN, "reports": [{**REPORT, "location": None}]},),
        *[({key: value for key, value in SEEN.items() if key != left},) for left in SEEN],
        *[
            ({**SEEN, "reports": [{key: REPORT[key] for key in REPORT if key != left}]},)
            for left in REPORT
        ],
    ],
)
def test_verdict_that_is_not_whole_is_refused(tmp_path: Path, seen: tuple[Any, ...]) -> None:
    """The file lies where anybody may have changed it; nothing of it is shown in part."""
    written(tmp_path, Decided(seen), Attempted("b"))
    with pytest.raises(AttemptsError, match="remove it"):
        attempts.interrupted(tmp_path, IDENTITY)


def test_gate_that_is_at_work_is_nobody_elses(tmp_path: Path) -> None:
    """Two sessions do not finish one gate."""
    own = attempts.first(tmp_path)
    own.start(CASES)
    with pytest.raises(AttemptsError, match="another process is working on this gate"):
        attempts.interrupted(tmp_path, IDENTITY)
    own.end(is_done=True)
    assert list(tmp_path.iterdir()) == []


def test_attempts_that_cannot_be_written_cost_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another gate writes, or the disk is full, this one goes on and says why."""
    first, second = attempts.first(tmp_path), attempts.first(tmp_path)
    first.start(CASES)
    second.start(CASES)
    second.note(Attempted("a"))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    first.note(Attempted("a"))
    first.note(Attempted("b"))

    assert second.trouble == "another gate is at work in this project"
    assert os.strerror(errno.ENOSPC) in first.trouble
