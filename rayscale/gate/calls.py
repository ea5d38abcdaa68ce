"""What a benchmark asks pytest-benchmark to time, as a value that a gate can call again."""

import contextvars
import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pytest_benchmark.fixture import BenchmarkFixture

from rayscale.gate.pairs import Cost

Ask = Callable[["Call", BenchmarkFixture], Any]  # has a call compared, and returns its result


@dataclass(frozen=True)
class Call:
    """A function with its arguments, and what is to be done around each call, outside the clock.

    *iterations* calls follow each other without *setup* and *teardown*.  The *context* is that of
    the test, which may be a task of an event loop.
    """

    function: Callable[..., Any]
    arguments: Sequence[Any]
    keywords: Mapping[str, Any]
    setup: Callable[[], Any] | None
    teardown: Callable[..., Any] | None
    iterations: int
    timer: Callable[[], float]
    collects: bool  # whether the garbage collector is on inside the clock
    context: contextvars.Context = field(default_factory=contextvars.copy_context)

    def once(self) -> Any:
        """Call once, untimed, with what is to be done around it; return the result."""
        return self.context.run(self._once)

    def observe(self, calls: int) -> Cost:
        """Call *calls* times *iterations*; return the seconds of one call, and with all around."""
        return self.context.run(self._observe, calls)

    def _once(self) -> Any:
        arguments, keywords = self._prepared()
        result = self.function(*arguments, **keywords)
        self._tidy(arguments, keywords)
        return result

    def _observe(self, calls: int) -> Cost:
        number = calls * self.iterations
        start = time.perf_counter()
        gc.collect()  # outside the inner clock: what the other copy left behind is not this one's
        with self._collecting():
            if self.setup is None and self.teardown is None:
                inside = _loop(self.function, self.arguments, self.keywords, number, self.timer)
            else:
                inside = sum(self._prepared_loop() for _ in range(calls))
        whole = time.perf_counter() - start
        return Cost(inside / number, whole / number)

    def _prepared_loop(self) -> float:
        arguments, keywords = self._prepared()
        seconds = _loop(self.function, arguments, keywords, self.iterations, self.timer)
        self._tidy(arguments, keywords)
        return seconds

    def _prepared(self) -> tuple[Sequence[Any], Mapping[str, Any]]:
        given = self.setup() if self.setup is not None else None
        if not given:
            return self.arguments, self.keywords
        if self.arguments or self.keywords:
            raise TypeError("Can't use `args` or `kwargs` if `setup` returns the arguments.")
        arguments, keywords = given
        return arguments, keywords

    def _tidy(self, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> None:
        if self.teardown is not None:
            self.teardown(*arguments, **keywords)

    @contextmanager
    def _collecting(self) -> Iterator[None]:
        was_on = gc.isenabled()
        if not self.collects:
            gc.disable()
        try:
            yield
        finally:
            if was_on:
                gc.enable()


def _loop(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    keywords: Mapping[str, Any],
    number: int,
    timer: Callable[[], float],
) -> float:
    """Return the seconds of *number* calls: the same frame for both worlds."""
    start = timer()
    for _ in range(number):
        function(*arguments, **keywords)
    return timer() - start


@contextmanager
def compared_by(ask: Ask) -> Iterator[None]:
    """Have each ``benchmark(...)`` and ``benchmark.pedantic(...)`` of this process go to *ask*.

    Parts of pytest-benchmark (5.3) that are not public are replaced here: it accepts no fixture but
    its own.  All its checks, weaving and patching stay before them.
    """
    kept = BenchmarkFixture._raw, BenchmarkFixture._raw_pedantic  # noqa: SLF001 - see above

    def plain(
        self: BenchmarkFixture, function: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        return ask(_call(self, function, args, kwargs), self)

    def pedantic(
        self: BenchmarkFixture,
        target: Callable[..., Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        setup: Callable[[], Any] | None = None,
        teardown: Callable[..., Any] | None = None,
        rounds: int = 1,
        warmup_rounds: int = 0,
        iterations: int = 1,
    ) -> Any:
        for name, value, least in (
            ("iterations", iterations, 1),
            ("rounds", rounds, 1),
            ("warmup_rounds", warmup_rounds, 0),
        ):
            if not isinstance(value, int) or value < least:
                raise ValueError(f"Must have positive int for `{name}`.")
        if iterations > 1 and setup:
            raise ValueError("Can't use more than 1 `iterations` with a `setup` function.")
        call = _call(self, target, args, kwargs or {}, (setup, teardown), iterations)
        return ask(call, self)

    fixture: Any = BenchmarkFixture
    fixture._raw, fixture._raw_pedantic = plain, pedantic  # noqa: SLF001 - see above
    try:
        yield
    finally:
        fixture._raw, fixture._raw_pedantic = kept  # noqa: SLF001 - see above


def _call(
    fixture: BenchmarkFixture,
    function: Callable[..., Any],
    arguments: Sequence[Any],
    keywords: Mapping[str, Any],
    around: tuple[Callable[[], Any] | None, Callable[..., Any] | None] = (None, None),
    iterations: int = 1,
) -> Call:
    return Call(
        function,
        tuple(arguments),
        dict(keywords),
        *around,
        iterations,
        fixture._timer,  # noqa: SLF001 - what option and mark have settled
        collects=not fixture._disable_gc,  # noqa: SLF001 - the same
    )


def put_down(benchmark: BenchmarkFixture, seconds: Sequence[float]) -> None:
    """Give *benchmark* the stats of *seconds*, which it did not time itself.

    It has no public way to take in timings (5.3).
    """
    stats = benchmark._make_stats(1)  # noqa: SLF001 - there is no public way
    for one in seconds:
        stats.update(one)
