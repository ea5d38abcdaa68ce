"""A series of launches that is being made, so that another process can finish it.

Its file says what was planned.  Which launches are done, the saved runs say.
"""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from rayscale.identity import Identity, code_files, differences, installed
from rayscale.saved.files import write_whole
from rayscale.saved.raw import LaunchError
from rayscale.saved.recording import Plan, Planned
from rayscale.saved.saving import make_results
from rayscale.saved.store import kept, read_all

PREFIX, SUFFIX = ".unfinished-series-", ".json"
FORMAT = 1


class Series(msgspec.Struct, frozen=True):
    """What was planned: which launches, how, and of what."""

    format: int
    begun: str
    identity: Identity
    kind: str
    arguments: tuple[str, ...]
    planned: tuple[Planned, ...]

    @property
    def id(self) -> str:
        """Of the series, as its launches have it."""
        return self.planned[0].series

    @property
    def name(self) -> str:
        """The NAME in NNNN_NAME.json."""
        return self.planned[0].name


def begin(plan: Plan, planned: Sequence[Planned]) -> Path:
    """Write down what is *planned*; return the file, to be deleted when all launches are kept."""
    make_results(plan.results)
    file = plan.results / f"{PREFIX}{planned[0].series}{SUFFIX}"
    own = Series(
        FORMAT,
        datetime.now(UTC).isoformat(),
        _identity(plan),
        plan.kind,
        tuple(plan.arguments),
        tuple(planned),
    )
    write_whole(file, msgspec.json.encode(own))
    return file


def _identity(plan: Plan) -> Identity:
    return Identity(
        cases=(),
        options={},
        files=code_files(plan.project, plan.results),
        versions=installed() | {"python": platform.python_version()},
        machine={name: str(value) for name, value in plan.hardware().items()},
    )


def unfinished(results: Path) -> list[Path]:
    """Return the files of all series in *results* that were not finished, oldest first."""
    return sorted(results.glob(f"{PREFIX}*{SUFFIX}"), key=lambda file: file.stat().st_mtime_ns)


def read(file: Path) -> Series:
    """Return what was planned; LaunchError where the file does not say it."""
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Series)
    except OSError as error:
        raise LaunchError(file, f"cannot be read ({error.strerror})") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise LaunchError(file, f"not what rayscale writes of a series ({error})") from error
    if found.format != FORMAT or not found.planned:
        raise LaunchError(file, "of another version of rayscale; use the one that wrote it")
    return found


def changes(series: Series, plan: Plan) -> list[str]:
    """Return in words what is not as it was when the *series* was begun."""
    return differences(series.identity, _identity(plan))


def done(series: Series, results: Path) -> dict[int, Path]:
    """Return the files of the launches that are kept, by their numbers."""
    launches, _ = read_all(kept(results), results)
    own = (one for one in launches if one.series and one.series.id == series.id)
    return {one.series.launch: Path(one.file) for one in own if one.series}
