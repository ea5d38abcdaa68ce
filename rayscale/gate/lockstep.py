"""A loading: both revisions' sessions in one process, test by test, their calls taken in pairs.

``loadings.py`` starts a process that calls ``main(FILE, FD)``: FILE has the request, FD takes what
is seen, a line of JSON each.  After each case it waits for a line on its standard input: whether to
go on.
"""

import contextvars
import json
import os
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from greenlet import getcurrent, greenlet

from rayscale import faults
from rayscale.gate import calls, half, inputs, matching, pairs, process, sharing, worlds
from rayscale.gate.calls import Call
from rayscale.gate.evidence import Judge
from rayscale.gate.half import Answer, Arrived, Collected, Ended, Event, Finished, Half
from rayscale.gate.lenient import Bearing, held, lacks
from rayscale.gate.relocation import Owned, Places
from rayscale.gate.terms import Terms
from rayscale.gate.worlds import Side, World
from rayscale.guard import Guard, LimitError
from rayscale.parent import end_with
from rayscale.watching import Trace, by_name, watched

BROKEN = (3, 4)  # pytest's exit codes of an error inside it, and of a wrong request
LAST_WORDS = 12  # lines of what a session printed
# Why nothing of the project ran, and how to mend it.
INSTALLED = (
    "{} is an installed copy; 'pip install -e .', or the folder of the code in pytest's setting "
    "'pythonpath', has the benchmarks import the project's own files"
)
ELSEWHERE = "the call runs installed packages or built code alone, or works in a subprocess"
SIDES: tuple[Side, Side] = ("base", "head")


@dataclass(frozen=True)
class Request:
    """What one loading is asked for; all paths are absolute."""

    tree: str  # pytest's root folder in the working tree
    folder: str  # where pytest was called
    copies: Mapping[Side, str]
    first: Side  # who is loaded first
    arguments: Sequence[str]
    path: Sequence[str]  # sys.path
    yardstick: Sequence[str]
    chosen: Sequence[tuple[str, str, int]] | None  # id, place and number there; None: all
    done: Sequence[tuple[str, str, int]]  # the same, of those that have their verdicts
    shares: Mapping[str, float]  # by what a case's error rates are multiplied, where not by 1
    terms: Mapping[str, float]  # tolerance, false alarm of the session, miss
    sharing: int  # cases that share the false alarm; 0: all that are found
    pair_budget: float
    budget: float  # of all pairs together
    seed: int
    case_timeout: float | None  # seconds of a case, beside those of its pairs; None: no limit


@dataclass(frozen=True)
class Seen:
    """What was seen of one case: pairs, or why there are none."""

    id: str
    place: str
    number: int  # among those of one place
    kind: str  # "compared", "new", "changed", "not compared", "failed" or "late"
    why: str = ""
    notes: Sequence[str] = ()
    loading: Mapping[str, Any] | None = None
    tolerance: str | None = None
    reports: Sequence[Mapping[str, Any]] = ()


class CallError(Exception):
    """A call of one side raised an error."""

    def __init__(self, side: Side, error: BaseException, *, again: bool) -> None:
        super().__init__(side)
        self.side, self.error, self.again = side, error, again


class SessionOverError(Exception):
    """A session has ended before its time; the other must, too."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.reason)
        self.ended = ended


@dataclass
class Seat:
    """A world with its session, which stands still at its last *event*."""

    world: World
    half: Half
    session: greenlet
    event: Event | None = None

    def go(self, answer: object = None) -> Event:
        """Let the session go on to its next event; SessionOverError at its end."""
        event = self.finish(answer)
        if isinstance(event, Ended):
            raise SessionOverError(event)
        return event

    def finish(self, answer: object = None) -> Event:
        """Let the session go on with an *answer*, to its next event or its end."""
        with self.world.turn():
            event: Event = self.session.switch(answer)
        self.event = event
        return event


@dataclass
class Lockstep:
    """Both sessions of a loading, and the seconds that are left for pairs."""

    request: Request
    seats: Mapping[Side, Seat]  # in the order of their loading
    judge: Judge
    coin: random.Random
    left: float
    sharing: int
    guard: Guard

    @property
    def in_order(self) -> list[Seat]:
        """The seats, the first one first."""
        return list(self.seats.values())

    def case(self, test: matching.Match) -> Seen:
        """Run one test in both worlds, its calls in pairs.

        Who set up first tears down last: what one of them has patched is found as it was.  A call
        that never returns is ended, and fails its own side.
        """
        with self.guard.limited(test.head.id, more=pairs.STRETCH * self.request.pair_budget):
            for seat in self.in_order:
                seat.go()
            seen, answers = self._compare(test)
            for seat in reversed(self.in_order):
                while isinstance(seat.event, Arrived):
                    side = seat.world.side
                    seat.go(answers.pop(side, None) or self._plain(side, seat.event.call))
        return self._judged(seen)

    def end(self, answer: object) -> None:
        """Have both sessions end, the second one first, with an *answer* to their last events."""
        for seat in reversed(self.in_order):
            while not isinstance(seat.event, Ended):
                own = (
                    Answer(error=KeyboardInterrupt()) if isinstance(seat.event, Arrived) else answer
                )
                seat.finish(own)

    def _compare(self, test: matching.Match) -> tuple[Seen, dict[Side, Answer]]:
        """Take pairs, if both tests have arrived at a call; return what was seen, and answers."""
        events = {side: self.seats[side].event for side in SIDES}
        both = {side: one.call for side, one in events.items() if isinstance(one, Arrived)}
        if len(both) == len(SIDES):
            return self._measure(test, both)
        why = "it calls benchmark on one side alone" if both else "it does not call benchmark"
        return self._seen(test, "not compared", why), {}

    def _plain(self, side: Side, call: Call) -> Answer:
        """Call once, uncompared; return what the benchmark gets."""
        try:
            with self.seats[side].world.turn():
                return Answer(call.once())
        except BaseException as error:  # noqa: BLE001 - it is raised in the test
            return Answer(error=self._own(error))

    def _own(self, error: BaseException) -> BaseException:
        """Return what a call's *error* is to its test: where it was ended for its time, that."""
        return self.guard.taken() if self.guard.has_acted else error

    def _measure(
        self, test: matching.Match, both: Mapping[Side, Call]
    ) -> tuple[Seen, dict[Side, Answer]]:
        if not self.left > 0:
            return self._seen(test, "late", ""), {}
        first: dict[Side, Answer] = {}
        try:
            refused, notes = self._prove(both, first)
            if refused is not None:
                return self._seen(test, *refused, notes), {}
            loading = self._pairs(test, both)
        except CallError as failed:
            return self._spoilt(test, failed, first)
        self.left -= loading.spent
        answers = {
            side: replace(
                self._plain(side, both[side]),
                seconds=[getattr(pair, side) for pair in loading.pairs],
            )
            for side in self.seats  # in the order of their loading
        }
        return self._seen(test, "compared", "", notes, asdict(loading)), answers

    def _spoilt(
        self, test: matching.Match, failed: CallError, first: dict[Side, Answer]
    ) -> tuple[Seen, dict[Side, Answer]]:
        """Return what was seen of a case with a call that *failed*, and answers.

        A fault of the surroundings is nobody's: both call once more, uncompared.
        """
        if (reason := faults.reason(failed.error)) is not None:
            return self._seen(test, "not compared", reason), {}
        is_own = isinstance(failed.error, Exception) and not isinstance(failed.error, LimitError)
        if failed.again and is_own:
            why = f"a later call raises {_words(failed.error)}; give pedantic a setup"
            return self._seen(test, "not compared", why), first
        return self._seen(test, "failed", ""), {failed.side: Answer(error=failed.error)}

    def _prove(
        self, both: Mapping[Side, Call], first: dict[Side, Answer]
    ) -> tuple[tuple[str, str] | None, list[str]]:
        """Watch one call of each, results to *first*; return why not to compare, and notes."""
        notes: list[str] = []
        if (name := held(inputs.given(both["base"]))) is not None:
            return ("new", f"the base lacks {name}"), notes
        if (name := inputs.difference(both["base"], both["head"])) is not None:
            notes.append(f"its {name} differ between base and head: are they drawn unseeded?")
        files: dict[Side, set[str]] = {}
        for seat in self.in_order:
            side = seat.world.side
            files[side] = set()
            trace, owns = Trace(), seat.half.owns
            with seat.world.turn(), watched(files[side]), sharing.tasks_watched(trace, owns):
                first[side] = Answer(self._call(side, both[side].once, again=False))
            files[side] |= trace.files | getattr(both[side].function, "files", set())
            if trace.imports:
                return ("failed", by_name(min(trace.imports))), notes
        return self._refusal(files), notes

    def _refusal(self, files: Mapping[Side, set[str]]) -> tuple[str, str] | None:
        for side, other in (("base", "head"), ("head", "base")):
            world, others = self.seats[side].world, self.seats[other].world  # type: ignore[index]  # mypy widens
            if foreign := self.judge.foreign(others, files[side]):  # type: ignore[index]  # the same
                return "failed", f"the {side} ran {min(foreign)} of another copy"
            if not self.judge.own(world, files[side]):  # type: ignore[index]  # the same
                found = self.judge.installed(world, files[side])  # type: ignore[index]  # the same
                why = INSTALLED.format(found) if found else ELSEWHERE
                return "not compared", f"nothing of the project ran: {why}"
        return None

    def _call(self, side: Side, call: Callable[[], Any], *, again: bool) -> Any:
        try:
            return call()
        except BaseException as error:
            raise CallError(side, self._own(error), again=again) from error

    def _pairs(self, test: matching.Match, both: Mapping[Side, Call]) -> pairs.Loading:
        arms = self._arm("base", both["base"]), self._arm("head", both["head"])
        budget = min(self.request.pair_budget, self.left)
        is_last = self.request.chosen is not None
        return pairs.compare(arms, self._terms(test), budget, self.coin, is_last=is_last)

    def _arm(self, side: Side, call: Call) -> pairs.Arm:
        world = self.seats[side].world

        def observe(number: int) -> pairs.Cost:
            with world.turn():
                seen: pairs.Cost = self._call(side, partial(call.observe, number), again=True)
                return seen

        return observe

    def _terms(self, test: matching.Match) -> Terms:
        from rayscale.text import parse_share

        own = self.request.terms
        tolerance = parse_share(test.head.tolerance) if test.head.tolerance else own["tolerance"]
        share = self.request.shares.get(test.head.id, 1.0)
        return Terms(tolerance, share * own["false_alarm"] / self.sharing, share * own["miss"])

    def _seen(
        self,
        test: matching.Match,
        kind: str,
        why: str,
        notes: Sequence[str] = (),
        loading: Mapping[str, Any] | None = None,
    ) -> Seen:
        own = test.head
        return Seen(own.id, own.place, test.number, kind, why, notes, loading, own.tolerance)

    def _judged(self, seen: Seen) -> Seen:
        """Return *seen* with how the tests ended: a base that fails is new, or changed."""
        head, base = self.seats["head"].event, self.seats["base"].event
        seen = replace(seen, reports=head.reports if isinstance(head, Finished) else ())
        if "failed" in _outcomes(head):
            return replace(seen, kind="failed", why="") if seen.kind != "failed" else seen
        if isinstance(base, Finished) and "failed" in _outcomes(base):
            if (name := lacks(base.error, self.seats["base"].half.bearing.files)) is not None:
                return replace(seen, kind="new", why=f"the base lacks {name}")
            why = _words(base.error) if base.error else "its test fails"
            return replace(seen, kind="changed", why=why)
        return seen


def _outcomes(event: Event | None) -> set[str]:
    return {one["outcome"] for one in event.reports} if isinstance(event, Finished) else set()


def _words(error: BaseException) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"[:300]


def _seat(
    request: Request,
    side: Side,
    places: Places,
    shared: dict[str, ModuleType],
    common: dict[str, Any],
    guard: Guard,
) -> Seat:
    """Return a world, and a session that is not yet begun."""
    copy = Path(request.copies[side])
    world = World(side, copy, shared)
    borne = [str(copy / one) for one in request.yardstick] if side == "base" else []
    own = Half(
        is_first=side == request.first,
        seed=request.seed,
        root=copy,
        owns=_owned(request, places),
        outside=getcurrent(),
        common=common,
        bearing=Bearing(frozenset(borne)),
        guard=guard,
    )
    folder = Path(places.moved(request.folder, copy))
    arguments = [one.replace(request.tree, str(copy)) for one in request.arguments]
    arguments += [f"--rootdir={copy}", f"--basetemp={copy.parent / 'tmp'}"]

    def run(_: object) -> Ended:
        worlds.prepare(world, places, list(request.path), folder)
        half.seed_all(request.seed)
        return _explained(half.run(own, arguments), side, copy.parent / "log")

    session = greenlet(run)
    session.gr_context = contextvars.copy_context()
    return Seat(world, own, session)


def _explained(ended: Ended, side: Side, log: Path) -> Ended:
    """Return how a session *ended*; where that was an error of its own, with what it said of it."""
    if ended.code not in BROKEN:
        return ended
    sys.stdout.flush()
    sys.stderr.flush()
    words = ended.reason or "\n".join(_telling_lines(log))
    return replace(ended, reason=f"the {side}'s session failed with {ended.code}:\n{words}")


def _telling_lines(log: Path) -> list[str]:
    """Return the lines in which pytest names its error, wherever they are; else the last ones."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [one for one in lines if one.startswith("ERROR: ")]
    return errors or [one for one in lines if one.strip()][-LAST_WORDS:]


def _owned(request: Request, places: Places) -> Owned:
    return Owned(places, tuple(map(Path, request.copies.values())))


def run(request: Request, say: Callable[[str, Any], None], hear: Callable[[], bool]) -> None:
    """Run a loading: *say* what is seen, and *hear* after each case whether to go on.

    The guard begins first: so both worlds have its handler of SIGINT, and its folder for stacks.
    """
    folder = Path("stacks").resolve()  # in the gate's own folder
    folder.mkdir(exist_ok=True)  # by an earlier loading
    guard = Guard(request.case_timeout, folder, stderr=2)
    with guard.heeded(), guard:
        _load(request, guard, say, hear)


def _load(
    request: Request, guard: Guard, say: Callable[[str, Any], None], hear: Callable[[], bool]
) -> None:
    """Load both revisions, and compare them."""
    places = Places(Path(request.tree))
    process.watch_patches()
    sharing.share(lambda: World.in_place, _owned(request, places))
    shared = dict(sys.modules)
    order = sorted(SIDES, key=lambda side: side != request.first)
    common: dict[str, Any] = {}
    if "head" not in request.copies:
        _collect(_seat(request, "base", places, shared, common, guard), say)
        return
    seats = {side: _seat(request, side, places, shared, common, guard) for side in order}
    judge = Judge(places, frozenset(request.yardstick))
    coin = random.Random(request.seed)
    lockstep = Lockstep(request, seats, judge, coin, request.budget, request.sharing, guard)
    with calls.compared_by(partial(_ask, seats)):
        try:
            _run(lockstep, say, hear)
        except SessionOverError as over:
            lockstep.end("the other session has ended")
            reason = over.ended.reason or f"a session ended before its time, with {over.ended.code}"
            say("ended", asdict(replace(over.ended, reason=reason)))
        except KeyboardInterrupt:
            lockstep.end("interrupted")
            say("ended", {"code": 2, "reason": "interrupted"})


def _collect(seat: Seat, say: Callable[[str, Any], None]) -> None:
    """Say which benchmarks a base has by itself; run none."""
    event = seat.finish()
    if isinstance(event, Collected):
        say("tests", [asdict(one) for one in event.tests])
        event = seat.finish()
    if isinstance(event, Ended) and event.code in BROKEN:
        say("unknown", event.code)  # such as a setting that only an older plug-in knows
    say("ended", {"code": 0, "reason": ""})


def _ask(seats: Mapping[Side, Seat], call: Call, benchmark: Any) -> Any:
    """Have the session that runs now ask for *call* to be compared."""
    here = getcurrent()
    own = next(seat.half for seat in seats.values() if seat.session is here)
    return own.compare(call, benchmark)


def _run(lockstep: Lockstep, say: Callable[[str, Any], None], hear: Callable[[], bool]) -> None:
    seats = lockstep.seats
    tests = {}
    for seat in lockstep.in_order:
        event = seat.go()
        assert isinstance(event, Collected)
        tests[seat.world.side] = event.tests
    both, gone, new = matching.match(tests["base"], tests["head"])
    request = lockstep.request
    chosen = both if request.chosen is None else _named(request.chosen, both)
    done = {one.head.id for one in _named(request.done, both)}
    left = [one for one in chosen if one.head.id not in done]
    lockstep.sharing = request.sharing or len(chosen)
    say(
        "collected",
        {
            "cases": [one.head.id for one in chosen],
            "left": [one.head.id for one in left],
            "tests": [asdict(one) for one in tests["head"]],
            "gone": [one.id for one in gone],
            "new": [one.id for one in new],
            "broken": {side: seat.half.failed_files for side, seat in seats.items()},
        },
    )
    go_on = hear()
    for side, seat in reversed(list(seats.items())):
        own = [one.id for one in tests[side]]
        seat.event = None
        places = [own.index(getattr(one, side).id) for one in left] if go_on else []
        seat.half.chosen = places
    for test in left if go_on else ():
        say("case", asdict(lockstep.case(test)))
        if not hear():
            break
    lockstep.end("the gate has seen enough")
    ends = [seat.event for seat in lockstep.in_order if isinstance(seat.event, Ended)]
    bad = [one for one in ends if one.code in BROKEN]
    say("ended", asdict(bad[0]) if bad else {"code": 0, "reason": ""})


def _named(
    names: Sequence[tuple[str, str, int]], both: Sequence[matching.Match]
) -> list[matching.Match]:
    """Return the tests of these *names*: by id, or by place where ids change."""
    ids = {own for own, _, _ in names}
    known = {one.head.id for one in both}
    places = {(place, number) for own, place, number in names if own not in known}
    return [one for one in both if one.head.id in ids or (one.head.place, one.number) in places]


def main(file: str, descriptor: str) -> None:
    """Run the loading that *file* asks for; end if the gate's own session is killed."""
    end_with(os.getppid())
    request = Request(**json.loads(Path(file).read_text(encoding="utf-8")))
    out = os.fdopen(int(descriptor), "w", encoding="utf-8")
    answers = os.fdopen(os.dup(0), encoding="utf-8")

    def say(kind: str, what: Any) -> None:
        out.write(json.dumps([kind, what], default=str) + "\n")
        out.flush()

    run(request, say, lambda: answers.readline() == "go on\n")
