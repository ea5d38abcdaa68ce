"""Which launches a user means by a name, a file, a folder or a glob."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from rayscale.saved.launches import Launch
from rayscale.saved.store import Fault, Group, groups, kept, read_all


class ChoiceError(ValueError):
    """What is asked for is not kept; the message says what is."""


def choose(text: str, results: Path, here: Callable[[], str]) -> list[Launch]:
    """Return the launches that *text* means: a file's, a folder's, a glob's, or a name's.

    A NAME means the newest complete series, or run, of that name in *results*; "baseline" means
    the newest complete baseline.  Where several machines have one, it is that of the folder that
    *here* returns: this machine's.  ChoiceError where there is none, or a file is not a launch.
    """
    files = _files(text)
    launches, faults = read_all(files or kept(results), results)
    if files:
        if faults:
            raise ChoiceError(str(faults[0]))
        return launches
    if broken := [fault for fault in faults if fault.name == text]:
        raise ChoiceError(f"{broken[-1]}; mend or remove it, for it may be of the newest series")
    named = [group for group in groups(launches) if group.is_called(text)]
    machines = {group.folder for group in named}
    ours = [group for group in named if len(machines) == 1 or group.folder == here()]
    complete = [group for group in ours if group.is_complete]
    if not complete:
        raise ChoiceError(f'"{text}" {_absence(ours, machines, launches, results)}')
    return list(complete[-1].launches)


def _files(text: str) -> list[Path]:
    path = Path(text)
    if path.is_file():
        return [path]
    if path.is_dir():
        return sorted(path.glob("*.json")) or sorted(path.glob("*/*.json"))
    anchor = Path(path.anchor)
    return sorted(anchor.glob(str(path.relative_to(anchor)))) if "*" in text else []


def _absence(
    ours: Sequence[Group], machines: Collection[str], launches: Sequence[Launch], results: Path
) -> str:
    """Return why a name means nothing, and what to do."""
    if ours:
        last = ours[-1]
        failed = any(launch.failed for launch in last.launches)
        why = ", and a case failed" if failed else ""
        return (
            f"is incomplete: the newest has {len(last.launches)} of {last.planned} launches{why}; "
            "record it again, or name its files"
        )
    if machines:
        return f"is kept for other machines alone: {', '.join(sorted(machines))}; name its folder"
    there = ", ".join(dict.fromkeys(launch.name for launch in launches[-50:])) or "nothing"
    return f"is not a file, a folder, or the name of a run in {results}/, which has: {there}"


@dataclass(frozen=True)
class Selection:
    """What is to be reported: launches of one run or series, those of its history, and faults."""

    newest: tuple[Launch, ...]
    history: tuple[Launch, ...]
    machine: tuple[Launch, ...]  # all that are kept of its machine
    faults: tuple[Fault, ...]  # files that are left out of the history


def subject(text: str | None, results: Path, here: Callable[[], str]) -> Selection:
    """Return the newest run or series that *text* matches or, without *text*, that is kept.

    Its history is all other matches or, if there are none, all runs of its machine.
    ChoiceError as in ``choose``.
    """
    everything, faults = read_all(kept(results), results)
    chosen = everything if text is None else choose(text, results, here)
    if not chosen:
        raise ChoiceError(f"nothing is kept in {results}/ yet; pytest --benchmark-only measures")
    matches = groups(chosen)
    newest = matches[-1]
    same = tuple(launch for launch in everything if launch.folder == newest.folder)
    if text is not None and len(matches) > 1:
        return Selection(newest.launches, tuple(chosen), same, ())
    return Selection(newest.launches, same or newest.launches, same, tuple(faults))
