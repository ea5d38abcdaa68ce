"""A series of launches that is being made, so that another process can finish it.

Its file says of what the series is.  Which launches are done, the saved runs say.  Nothing in the
file is run: whoever finishes a series gives the same command.
"""

import shlex
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from rayscale.identity import Identity, code_files, differences, installed
from rayscale.saved.files import write_whole
from rayscale.saved.opening import contents
from rayscale.saved.raw import LaunchError
from rayscale.saved.recording import Plan
from rayscale.saved.saving import make_results
from rayscale.saved.store import kept, read_all
from rayscale.text import moment

PREFIX, SUFFIX = ".unfinished-series-", ".json"
FORMAT = 1


class Series(msgspec.Struct, frozen=True):
    """What a series is of, and the id that its launches have."""

    format: int
    begun: datetime
    id: str
    name: str
    launches: int
    identity: Identity

    @property
    def command(self) -> str:
        """The command that finishes it, as people write it."""
        options = self.identity.options  # what follows after -- comes last
        arguments = options.pop("--", "")
        words = [f"{option} {value}".rstrip() for option, value in options.items()]
        return " ".join(
            ["rayscale record --resume", *words, *(["--", arguments] if arguments else [])]
        )


def identity(plan: Plan, name: str) -> Identity:
    """Return what the launches of *plan* are of, if they are called *name*."""
    options = {"--launches": str(plan.launches), "--name": name}
    options |= {"--baseline": ""} if plan.kind == "baseline" else {}
    options |= {"--": shlex.join(plan.arguments)} if plan.arguments else {}
    return Identity(
        cases=(),
        options=options,
        files=code_files(plan.project, plan.results),
        versions=installed(),
        machine={key: str(value) for key, value in plan.hardware().items()},
    )


def begin(plan: Plan, name: str, series: str) -> Path:
    """Write down what the *series* is of; its file is deleted when all launches are kept."""
    make_results(plan.results)
    file = plan.results / f"{PREFIX}{series}{SUFFIX}"
    own = Series(FORMAT, datetime.now(UTC), series, name, plan.launches, identity(plan, name))
    write_whole(file, msgspec.json.encode(own))
    return file


def read_all_begun(results: Path) -> tuple[list[tuple[Path, Series]], list[LaunchError]]:
    """Return the series that were not finished, oldest first, and the files that say nothing."""
    found, faults = [], []
    for file in results.glob(f"{PREFIX}*{SUFFIX}"):
        try:
            found.append((file, _read(file)))
        except LaunchError as error:
            faults.append(error)
    return sorted(found, key=lambda one: one[1].begun), faults


def _read(file: Path) -> Series:
    try:
        found = msgspec.json.decode(contents(file), type=Series)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise LaunchError(file, f"not what rayscale writes of a series ({error})") from error
    if found.format != FORMAT or found.begun.tzinfo is None:
        raise LaunchError(file, "of another version of rayscale; use the one that wrote it")
    return found


def interrupted(plan: Plan, name: str) -> tuple[Path, Series]:
    """Return the newest series that *plan* can finish; LookupError, with the reason, if none is."""
    begun, faults = read_all_begun(plan.results)
    if not begun:
        why = f" ({faults[0]})" if faults else ""
        raise LookupError(f"no series in {plan.results}/ was begun and not finished{why}")
    now = identity(plan, name)
    for file, series in reversed(begun):
        if not differences(series.identity, now):
            return file, series
    last = begun[-1][1]
    raise LookupError(
        f"the series {last.name}, begun {moment(last.begun)}, was of something "
        f"else: {'; '.join(differences(last.identity, now))}. It is finished by: {last.command}"
    )


def done(series: Series, results: Path) -> dict[int, Path]:
    """Return the files of the launches that are kept, by their numbers."""
    launches, _ = read_all(kept(results), results)
    own = (one for one in launches if one.series and one.series.id == series.id)
    return {one.series.launch: Path(one.file) for one in own if one.series}
