"""The gate on calls that never return, and on faults of the surroundings: the other cases go on."""

import re
from pathlib import Path

from tests.gate.test_gate import FLAT, WORK, project

CALM = """

def breaks():
    return work()

def repaired():
    return work()

def spoilt():
    return work()
"""
# A pool is broken at one call of both sides' together, which is in a pair.
FAULT = """
    from concurrent.futures.process import BrokenProcessPool
    from pathlib import Path
    seen = Path("FOLDER", "seen")
    with seen.open("a") as out:
        out.write(".")
    if len(seen.read_text()) == 4:
        raise BrokenProcessPool("a process was killed")
    return work()
"""
BENCHMARK = """
import made_clock
import pytest
from mylib import code

pytestmark = pytest.mark.benchmark(timer=made_clock.read)

def test_breaks(benchmark):
    benchmark(code.breaks)

def test_repaired(benchmark):
    benchmark(code.repaired)

def test_spoilt(benchmark):
    benchmark(code.spoilt)

def test_work(benchmark):
    benchmark(code.work)
"""


def hanging(text: str, name: str) -> str:
    """Return the code of *text* with a function *name* that never returns."""
    old = f"def {name}():\n    return work()"
    assert text.count(old) == 1
    return text.replace(old, f"def {name}():\n    import time\n    while True: time.sleep(60)")


def test_call_that_never_returns_fails_its_side_and_the_others_go_on(tmp_path: Path) -> None:
    """A head that hangs fails; a base that hangs is changed; a killed process is nobody's fault."""
    spoilt = CALM.replace(
        "def spoilt():\n    return work()\n",
        f"def spoilt():{FAULT.replace('FOLDER', str(tmp_path))}",
    )
    base, head = WORK + hanging(spoilt, "repaired"), WORK + hanging(spoilt, "breaks")
    own = project(tmp_path, FLAT | {"mylib/code.py": base, "tests/test_speed.py": BENCHMARK})
    own.change({"mylib/code.py": head})
    run = own.gate("--rayscale-case-timeout=3", "--rayscale-pair-budget=1")

    assert own.verdicts["test_work"] == "same", run.output
    assert re.search(r"test_breaks was not done after 6 s; where its processes were", run.output)
    assert re.search(r"test_repaired: changed: LimitError: .*test_repaired was not", run.output)
    assert re.search(r"test_spoilt.*not compared: a process of the pool died", run.output)
    assert run.exit_code == 1
    for file in map(Path, set(re.findall(r"is in (\S+\.txt)", run.output))):
        assert "in breaks" in (text := file.read_text()) or "in repaired" in text
        file.unlink()


def test_call_that_never_returns_on_either_side_is_ended_twice(tmp_path: Path) -> None:
    """The second side has its own time; the case fails, and the others go on."""
    code = {"mylib/code.py": WORK + hanging(CALM, "breaks")}
    own = project(tmp_path, FLAT | code | {"tests/test_speed.py": BENCHMARK})
    run = own.gate("--rayscale-case-timeout=3", "--rayscale-pair-budget=1")
    found = re.search(r"test_breaks was not done after 6 s; .* is in (\S+\.txt)", run.output)

    assert found, run.output
    assert own.verdicts["test_work"] == "same", run.output
    assert run.exit_code == 1
    stacks = Path(found[1])  # one of two, by the same process
    files = list(stacks.parent.glob(f"{stacks.stem.rpartition('-')[0]}-*"))
    for file in files:
        file.unlink()
    assert len(files) == 2
