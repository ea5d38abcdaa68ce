"""What runs in a worker beside the kernel: it notes the kernel's work and tells who did it."""

import importlib
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from rayscale.suite.environment import Conditions, conditions

if TYPE_CHECKING:
    from rayscale.suite.ways import Kernel

Span = tuple[float, float]  # begin and end, by the clock that all processes of a machine share


@dataclass
class Tally:
    """The kernel's calls and the rows in them, in one process, for one case."""

    calls: int = 0
    rows: int = 0
    spans: list[Span] = field(default_factory=list)  # of a Stamped kernel's calls alone


_tallies: defaultdict[str, Tally] = defaultdict(Tally)  # of this process, by case


@dataclass(frozen=True)
class Witnessed:
    """A kernel that counts its calls and rows where it runs, in about 0.2 us a call."""

    kernel: "Kernel" = field(hash=False, compare=False)
    case: str

    def __call__(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Count *rows* and run the kernel on them."""
        tally = _tallies[self.case]
        tally.calls += 1
        tally.rows += len(rows)
        return self.kernel(rows)


@dataclass(frozen=True)
class Stamped:
    """A kernel that notes when each call began and ended; for calls that are not timed."""

    kernel: "Kernel" = field(hash=False, compare=False)
    case: str

    def __call__(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Run the kernel on *rows* and note when."""
        begun = time.perf_counter()
        result = self.kernel(rows)
        _tallies[self.case].spans.append((begun, time.perf_counter()))
        return result


@dataclass(frozen=True)
class Answer:
    """What one process says of itself."""

    conditions: Conditions
    tally: Tally


def answer(case: str, modules: tuple[str, ...], hold: float) -> Answer:
    """Import *modules*, stay busy for *hold* seconds, and tell this process's tally of *case*."""
    for module in modules:
        importlib.import_module(module)
    time.sleep(hold)
    return Answer(conditions(), _tallies[case])
