"""The report: from saved runs to sentences, tables and charts, and from these to a page."""

from importlib.util import find_spec

NEEDED = ("jinja2", "matplotlib")  # the extra `report` brings them


class MissingError(ValueError):
    """A report cannot be made here; the message says what to install."""


def demand_extra() -> None:
    """Raise MissingError unless all is installed that a report needs; import none of it."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise MissingError(
            f"a report needs {' and '.join(missing)}: pip install 'rayscale[report]'"
        )
