"""The journal of a run: what was acknowledged is there, whatever ended the process."""

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rayscale.identity import Identity, code_files, differences
from rayscale.lines import is_being_written
from rayscale.saved import journal
from rayscale.saved.journal import Failed, Finished, Journal, Known, Left, Process, Running
from rayscale.saved.raw import LaunchError

BEGUN = Identity(("a", "b"), {}, {"k.py": "1f"}, {"numpy": "2.4"}, {"cpus": "2"})


def finished(case: str, seconds: float = 0.5) -> Finished:
    """Return the line of a *case* that took some *seconds*."""
    known = Known(case, case, None, None, {"number": 1}, {"kernel": "loop"}, {"timer": "x"})
    return Finished(case, known, 1, (seconds, seconds / 3))


def begun(folder: Path, *lines: journal.Line) -> Path:
    """Return the journal of a process that wrote *lines* and has left it."""
    own = journal.begin(folder / "machine", BEGUN, "pytest --benchmark-only")
    for line in lines:
        own.add(line)
    own.close()
    return own.file


def test_journal_gives_back_what_was_written(tmp_path: Path) -> None:
    """Each line is as it was, floats to the last digit."""
    lines = (Process(1, "now"), Running("a"), finished("a", 0.1 + 0.2), Failed("b"), Left("-k"))
    run = journal.read(begun(tmp_path, *lines))

    assert run.lines == lines
    assert (run.first.identity, run.first.command) == (BEGUN, "pytest --benchmark-only")
    assert (run.processes, run.torn) == (1, False)


def test_journal_cut_off_anywhere_keeps_all_whole_lines(tmp_path: Path) -> None:
    """Power may end at any byte after the last line that is on the disk: that line is there.

    What is after it may be a piece of a line, or what a file system puts in its place.
    """
    file = begun(tmp_path, Process(1, "now"), finished("a"))
    acknowledged = file.read_bytes()
    with file.open("ab") as out:
        out.write(b'{"type":"finished","case":"b","benchmark":{}}\n')
    piece = file.read_bytes()[len(acknowledged) :]
    for rest in (*(piece[:end] for end in range(len(piece))), bytes(7), bytes(7) + b"\n"):
        file.write_bytes(acknowledged + rest)
        run = journal.read(file)
        assert list(run.finished) == ["a"]
        assert (run.nbytes, run.torn) == (len(acknowledged), rest != b"")
        journal.go_on(run).close()
        assert file.read_bytes() == acknowledged


@pytest.mark.parametrize("bad", [b"", b"{", b"[]", b'{"type":"other"}', b'{"type":"running"}'])
def test_bad_line_inside_a_journal_is_an_error(tmp_path: Path, bad: bytes) -> None:
    """It is named by its number: nobody knows what else is wrong."""
    file = begun(tmp_path, Process(1, "now"))
    file.write_bytes(file.read_bytes() + bad + b"\n" + b'{"type":"failed","case":"a"}\n')

    with pytest.raises(LaunchError, match="line 3 is not what rayscale writes"):
        journal.read(file)


@pytest.mark.parametrize("contents", [b"", b"\n", b"{}\n", b'{"type":"failed","case":"a"}\n'])
def test_journal_without_a_first_line_is_refused(tmp_path: Path, contents: bytes) -> None:
    """It says nothing of the run."""
    file = tmp_path / "journal"
    file.write_bytes(contents)
    with pytest.raises(LaunchError, match="first line"):
        journal.read(file)


def test_journal_of_another_format_is_refused(tmp_path: Path) -> None:
    """A newer version's journal is not read by guess."""
    file = begun(tmp_path)
    file.write_bytes(file.read_bytes().replace(b'"format":1', b'"format":2'))
    with pytest.raises(LaunchError, match="format 2, and this version reads 1"):
        journal.read(file)


def test_line_is_on_the_disk_before_the_next_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line is synced with all its bytes, and the folder with the journal's name."""
    synced, sync = [], os.fsync

    def noted(descriptor: int) -> None:
        status = os.fstat(descriptor)
        synced.append("folder" if stat.S_ISDIR(status.st_mode) else status.st_size)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    own = journal.begin(tmp_path, BEGUN, "pytest")
    first = own.file.stat().st_size
    own.add(finished("a"))
    assert synced == [first, "folder", own.file.stat().st_size]
    own.delete()
    assert not list(tmp_path.glob(".unfinished*"))


def test_first_timing_counts_and_later_ones_are_again(tmp_path: Path) -> None:
    """A serial case that a later process times again stays as it was, and is kept beside it."""
    lines = Process(1, "x"), finished("a", 0.5), Process(2, "y"), finished("a", 0.7)
    run = journal.read(begun(tmp_path, *lines))

    assert run.finished == {"a": lines[1]}
    assert run.again == [lines[3]]
    assert [one["process"] for one in run.history] == [1, 2]


def test_case_that_ended_its_process_is_known(tmp_path: Path) -> None:
    """A process that ends in order has not died in a case; one that is killed has."""
    run = journal.read(
        begun(
            tmp_path,
            *(Process(1, "x"), Running("a"), Left("interrupted")),
            *(Process(2, "x"), Running("a")),
            *(Process(3, "x"), Running("b"), Failed("b"), Running("a")),
        )
    )
    assert run.deaths == {"a": 2}


def test_run_that_was_killed_at_its_first_line_is_finished(tmp_path: Path) -> None:
    """Nothing has been run, and nothing has ended a process."""
    run = journal.read(begun(tmp_path))

    assert (run.finished, run.deaths, run.stuck, run.processes) == ({}, {}, {}, 0)


def test_case_whose_time_ran_out_is_known_by_its_stacks(tmp_path: Path) -> None:
    """A process that was ended for it has written where it stood."""
    stacks, empty = tmp_path / "stacks", tmp_path / "empty"
    stacks.write_text("Thread 0x1\n")
    empty.touch()
    lines = Running("a", str(stacks)), Process(2, "x"), Running("b", str(empty))
    no_name = Process(3, "y"), Running("c", "x" * 3000)
    run = journal.read(begun(tmp_path, *lines, *no_name))

    assert run.stuck == {"a": str(stacks)}


# Writes what was acknowledged to its output, until it is killed.
WRITER = """
import sys
from pathlib import Path
from rayscale.identity import Identity, code_files, differences
from rayscale.lines import is_being_written
from rayscale.saved import journal
from rayscale.identity import Identity

own = journal.begin(Path(sys.argv[1]), Identity((), {}, {}, {}, {}), "pytest")
print(own.file, flush=True)
for number in range(10**6):
    known = journal.Known("x" * 300, str(number), None, None, None, {}, {})
    own.add(journal.Finished(str(number), known, 1, (0.5,) * (1 + number % 50)))
    print(number, flush=True)
"""


def test_killed_writer_has_kept_what_it_acknowledged(tmp_path: Path) -> None:
    """SIGKILL while it writes: all lines that it had said are kept are there, in order."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        file = Path(writer.stdout.readline().strip())
        said = [writer.stdout.readline().strip() for _ in range(20)]
        writer.kill()
        said += writer.stdout.read().split()
    kept = list(journal.read(file).finished)

    assert kept[: len(said)] == said
    assert len(kept) <= len(said) + 1
    assert not is_being_written(file)


def test_run_that_is_being_written_is_nobody_elses(tmp_path: Path) -> None:
    """While one process writes the journal, another one cannot take it up."""
    own: Journal = journal.begin(tmp_path, BEGUN, "pytest")
    own.add(Process(1, "now"))
    assert is_being_written(own.file)
    with pytest.raises(LaunchError, match="another process is working on this run"):
        journal.go_on(journal.read(own.file))
    own.close()
    assert not is_being_written(own.file)


def test_code_files_are_the_projects_code_alone(tmp_path: Path) -> None:
    """Environments, hidden folders, results and notes are not what is measured."""
    for name in ("k.py", "sub/m.pyx", ".venv/a.py", "env/lib/b.py", "results/c.py", "n.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "env" / "pyvenv.cfg").touch()
    (tmp_path / "gone.py").symlink_to("nowhere")

    found = code_files(tmp_path, tmp_path / "results")
    assert sorted(found) == ["gone.py", "k.py", "sub/m.pyx"]
    (tmp_path / "k.py").write_text("changed")
    assert code_files(tmp_path, tmp_path / "results")["k.py"] != found["k.py"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"cases": ("b", "a")}, ["the cases come in another order"]),
        ({"cases": ("a",)}, ["b is gone"]),
        ({"options": {"-k": "x"}}, ["-k: not given, now x"]),
        ({"machine": {"cpus": "4"}, "files": {}}, ["cpus: 2, now 4", "k.py is gone"]),
        ({"versions": {}}, ["numpy: 2.4, now not installed"]),
        ({"files": BEGUN.files | {"m.py": "2e"}}, ["m.py is new"]),
    ],
)
def test_differences_are_named(changes: dict[str, Any], said: list[str]) -> None:
    """What is not as it was when the run was begun, in words."""
    assert differences(BEGUN, msgspec.structs.replace(BEGUN, **changes)) == said
