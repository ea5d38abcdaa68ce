"""What could not be saved where it was to be: it goes to a private folder, which is named."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayscale.quoting import plain

if TYPE_CHECKING:
    import pytest


def saved(write: Callable[[Path], Path], folder: Path) -> tuple[Path | None, str]:
    """Have *write* save a run in *folder*, else in a new one of the temporary files.

    Return the file, None where there is none, and what is to be said of it, if anything.
    """
    try:
        return write(folder), ""
    except (OSError, NotImplementedError) as error:  # the latter is filelock's, without locks
        why = _reason(error)
    try:
        file = write(Path(tempfile.mkdtemp(prefix="rayscale-saved-")) / folder.name)
    except (OSError, NotImplementedError) as error:
        lost = f"nor where temporary files go ({_reason(error)}); it is lost"
        return None, f"the run could not be saved in {folder} ({why}), {lost}"
    return file, f"the run could not be saved in {folder} ({why}); it is in {file}"


def guard(config: "pytest.Config", say: Callable[[str], None]) -> None:
    """Have pytest-benchmark's own files, should they fail at the end, fail with a sentence.

    It writes them after all is measured; its error would end pytest before the tables are shown.
    """
    session: Any = getattr(config, "_benchmarksession", None)  # no hook stands around its writing
    if session is None:
        return
    write = session.handle_saving

    def written() -> None:
        try:
            write()
        except OSError as error:
            say(f"pytest-benchmark's file could not be saved ({_reason(error)}){_again()}")

    def _again() -> str:
        session.save = session.autosave = None
        try:
            place = Path(tempfile.mkdtemp(prefix="rayscale-saved-")) / "benchmark.json"
            takes_path = session.json is None or isinstance(session.json, Path)
            session.json = place if takes_path else place.open("wb")  # pytest-benchmark 5.0
            write()
        except OSError as error:
            return f", nor where temporary files go ({_reason(error)}); it is lost"
        return f"; it is in {place}"

    session.handle_saving = written


def _reason(error: OSError | NotImplementedError) -> str:
    if isinstance(error, OSError) and error.strerror:
        return plain(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    return plain(str(error))
