"""Saved runs: results/FINGERPRINT/NNNN_NAME.json, in pytest-benchmark's own format."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.storage.file import FileStorage
from pytest_benchmark.utils import get_commit_info, safe_dumps

from rayscale.suite import environment, options

FOLDER = "results"


def folder(config: pytest.Config) -> Path:
    """Return where the runs of this machine, or what gates saw on it, are kept."""
    return _storage(config) / environment.fingerprint(environment.hardware())


def choose_folder(config: pytest.Config) -> None:
    """Have pytest-benchmark keep its runs in results/, unless the user says where.

    What a gate saw goes into results/gates/: it is no run, and nothing to compare with.
    """
    if not options.given(config, "--benchmark-storage"):
        config.option.benchmark_storage = f"file://{_storage(config)}"


def _storage(config: pytest.Config) -> Path:
    gates = [] if config.getoption("--against") is None else ["gates"]
    return config.rootpath.joinpath(FOLDER, *gates)


def save_every_timed_run(config: pytest.Config) -> None:
    """Have pytest-benchmark save this run, named by its revision, unless the user says how."""
    if config.option.collectonly:
        return
    if not config.option.benchmark_save and not config.option.benchmark_autosave:
        config.option.benchmark_save = revision()


def name_folder_by_hardware(config: pytest.Config) -> None:
    """Replace pytest-benchmark's machine name, which two different machines can share."""
    session = _benchmark_session(config)
    session.machine_id = session.storage.default_machine_id = folder(config).name
    if isinstance(session.storage, FileStorage):
        vars(session.storage)["save"] = partial(_save_whole, session.storage)


def _save_whole(storage: Any, output_json: dict[str, Any], save: str) -> None:
    """Write a run as NNNN_*save*.json, in the place of pytest-benchmark's own method (5.3).

    That one writes in place, and takes the next number without asking who else does.
    """
    from rayscale.saved.files import keep

    contents = safe_dumps(output_json, ensure_ascii=True, indent=4).encode()
    file = keep(storage.get(""), save, contents)
    storage.logger.info(f"Saved benchmark data in: {file}")  # noqa: G004 - it takes one string


def save_nothing(config: pytest.Config) -> None:
    """Keep pytest-benchmark from a warning where no case can run: something else says why."""
    session = _benchmark_session(config)
    session.save = session.autosave = None


def _benchmark_session(config: pytest.Config) -> Any:
    """Return what pytest-benchmark 5.3 keeps to itself: it has no option for what is set here."""
    return config._benchmarksession  # type: ignore[attr-defined]  # noqa: SLF001


def revision() -> str:
    """Return the revision as a word for a file name: 3f2a91c-dirty, or unversioned."""
    commit = get_commit_info()
    short = re.sub(r"^([0-9a-f]{7})[0-9a-f]+$", r"\1", str(commit["id"]))
    return short + ("-dirty" if commit["dirty"] else "")


def describe_launch(
    output_json: dict[str, Any], failed: list[str], control: list[float], kind: str
) -> None:
    """Add what pytest-benchmark does not tell of a run: what failed, and how the control went."""
    from rayscale.saved.launches import FORMAT

    output_json["rayscale"] = {
        "format": FORMAT,
        "kind": kind,
        "failed": failed,
        "control": control,
    }


def describe_machine(machine_info: dict[str, Any]) -> None:
    """Add what the timings depend on to a saved run."""
    hardware = environment.hardware()
    machine_info["fingerprint"] = environment.fingerprint(hardware)
    machine_info["hardware"] = hardware
    machine_info["software"] = environment.software()
