"""Which folder pytest takes for its root: the project's, or one that an option's value named.

Before it knows the plug-ins' options, pytest takes each word of the command that is not an option
for a place of tests, and looks for the root around them.  So the value of ``--benchmark-json FILE``
moves the root where FILE exists; with ``=`` it does not.
"""

import inspect
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from _pytest.config.findpaths import determine_setup  # there is no public way to ask for a root

from rayscale.quoting import quoted

FALSE = ("n", "no", "f", "false", "off", "0", "")  # pytest's own words, of a setting that is a bool


def demand_own_root(
    config: pytest.Config, args: Sequence[str], ours: Collection[str], *, is_asked_for: bool
) -> None:
    """Raise UsageError where the value of an option in *args* has moved the root.

    *ours* are options that pytest may not know yet, which take a value each.  Unless rayscale
    *is_asked_for*, only a project whose settings ask for it counts.
    """
    known = config.known_args_namespace
    if getattr(known, "inifilename", None) or getattr(known, "rootdir", None):
        return  # the user has said which
    for before, word in pairwise(args):
        is_option = before.startswith("--") and "=" not in before and not word.startswith("-")
        if not is_option or not (before in ours or word not in known.file_or_dir):
            continue
        root, settings = _without(config, args, word)
        if root != config.rootpath.resolve() and (is_asked_for or _asks(settings)):
            raise pytest.UsageError(
                f"{before} {quoted(word)}: after a space pytest takes this for a place of tests, "
                f"and {quoted(config.rootpath)} for the project; write {before}=FILE"
            )


def _without(
    config: pytest.Config, args: Sequence[str], word: str
) -> tuple[Path, Mapping[str, Any]]:
    """Return the root, and the settings, that pytest would take without *word*."""
    folder = config.invocation_params.dir
    given: dict[str, Any] = {
        "inifile": None,
        "override_ini": None,  # from pytest 8.4 on
        "args": [one for one in args if one != word],
        "rootdir_cmd_arg": None,
        "invocation_dir": folder,
    }
    accepted = inspect.signature(determine_setup).parameters
    root, _, settings, *_ = determine_setup(**{name: given[name] for name in accepted})
    return root.resolve(), settings


def _asks(settings: Mapping[str, Any]) -> bool:
    """Tell whether a project's settings ask for rayscale; newer versions of pytest wrap them."""
    setting = settings.get("rayscale", "false")
    return str(getattr(setting, "value", setting)).lower() not in FALSE
