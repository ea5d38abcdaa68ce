"""What comes of a gate: reports of both loadings become verdicts, and pytest's test reports."""

import os
import random
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rayscale.gate import loadings, verdicts
from rayscale.gate.attempts import Attempted, Attempts, AttemptsError, Decided
from rayscale.gate.half import Test
from rayscale.gate.lasting import Lasting
from rayscale.gate.loadings import LoadingError
from rayscale.gate.lockstep import Request as LoadingRequest
from rayscale.gate.matching import match
from rayscale.gate.pairs import Loading, Pair, first_pairs
from rayscale.gate.request import SAFE_TOLERANCE, Request, parse_tolerance
from rayscale.gate.terms import CONFIRMED, Terms
from rayscale.gate.trees import Copies
from rayscale.gate.verdicts import GatedCase
from rayscale.identity import Identity
from rayscale.machine import usable_cpus
from rayscale.surroundings.during import beside_pairs
from rayscale.text import count, duration

SIDES = ("base", "head")


@dataclass
class Suspect:
    """A case that one loading has seen, or several, and that the next one may decide."""

    seen: list[Mapping[str, Any]]  # of each loading
    loadings: list[Loading]


@dataclass
class Outcome:
    """One session's verdicts, as they come."""

    session: pytest.Session
    request: Request
    copies: Copies
    folder: Path  # the gate's own
    environment: Mapping[str, str]  # of the processes
    coin: random.Random
    case_timeout: float | None  # seconds
    attempts: Attempts
    identity: Identity  # of what is compared, without its cases
    cases: list[GatedCase] = field(default_factory=list)
    others: list[tuple[str, str]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    tolerances: dict[str, float] = field(default_factory=dict)
    suspects: list[Suspect] = field(default_factory=list)
    before: list[Test] = field(default_factory=list)  # what the base's own files have, if others
    sharing: int = 0
    lasting: Lasting = field(init=False)
    first: str = ""  # the side that is loaded first, on the first loading
    unseen: list[str] = field(default_factory=list)  # why nothing of the project ran, case by case
    left: list[str] = field(default_factory=list)  # cases that have not begun
    is_interrupted: bool = False

    def __post_init__(self) -> None:
        """Look up how long the cases took in the last gate."""
        self.lasting = Lasting(getattr(self.session.config, "cache", None))

    @property
    def refusal(self) -> str:
        """Why no case could be compared, if it is the same for all."""
        return self.unseen[0] if self.sharing and len(self.unseen) == self.sharing else ""

    @property
    def names(self) -> list[str]:
        """All cases' names."""
        return [*(one.name for one in self.cases), *(name for name, _ in self.others)]

    def run(self) -> None:
        """Run the first loading, and further ones for suspects, with every seat exchanged."""
        copies = {"base": str(self.copies.base), "head": str(self.copies.head)}
        if self.copies.before is not None:
            self._load({"base": str(self.copies.before)}, "base", None)
        first = self.first = self.coin.choice(SIDES)
        try:
            self._load_all(copies, first)
        except BaseException:
            self.is_interrupted = True
            raise
        finally:
            self.attempts.end(is_done=not self.is_interrupted)
        self.lasting.keep()

    def _load_all(self, copies: Mapping[str, str], first: str) -> None:
        """Run the first loading and, while anything is suspected, the next ones."""
        self._load(copies, first, None)
        for number in range(1, CONFIRMED):
            if not self.suspects or self.session.shouldfail:
                break
            self._say(f"{count(len(self.suspects), 'case')} suspected: loaded once more")
            seen = [one.seen[0] for one in self.suspects]
            chosen = [(one["id"], one["place"], one["number"]) for one in seen]
            copies, first = _exchanged(copies), SIDES[first == "base"]
            self._load(copies, first, chosen)
            self._give_up(number)
        self._give_up(CONFIRMED)

    def _give_up(self, number: int) -> None:
        """Judge suspects that no further loading came to: they have been on *number* or fewer."""
        for suspect in [one for one in self.suspects if len(one.seen) <= number]:
            self.suspects.remove(suspect)
            self._decide(suspect.seen)
            self._judge(suspect.seen[0], suspect.loadings)

    def _load(
        self,
        copies: Mapping[str, str],
        first: str,
        chosen: Sequence[tuple[str, str, int]] | None,
    ) -> None:
        request, config = self.request, self.session.config
        root, here = config.rootpath.resolve(), config.invocation_params.dir.resolve()
        given = list(map(str, config.invocation_params.args))
        if not here.is_relative_to(root):
            given = [_written_out(word, here, root) for word in given]
        wanted = LoadingRequest(
            tree=str(root),
            folder=str(here),
            copies=copies,  # type: ignore[arg-type]  # base and head
            first=first,  # type: ignore[arg-type]  # the same
            arguments=[*given, *self._more_arguments()],
            path=[one or os.getcwd() for one in sys.path],  # noqa: PTH109 - as Python means it
            yardstick=sorted(self.copies.yardstick),
            chosen=chosen,
            terms={
                "tolerance": request.tolerance,
                "false_alarm": request.false_alarm,
                "miss": request.miss,
            },
            done=self.attempts.done if chosen is None else (),
            shares={case: self.attempts.share(case) for case in self.attempts.before},
            sharing=self.sharing or self.attempts.sharing,
            pair_budget=request.pair_budget,
            budget=request.gate_budget if chosen is None else float(10**9),
            seed=self.coin.getrandbits(64),
            case_timeout=self.case_timeout,
        )
        try:
            with loadings.started(wanted, self.folder, self.environment) as reports:
                for kind, value in reports:
                    self._take(kind, value, is_first=chosen is None)
                    if self.session.shouldfail:
                        raise self.session.Failed(self.session.shouldfail)
        except LoadingError as error:
            raise pytest.UsageError(f"--against: {error}") from error

    def _more_arguments(self) -> list[str]:
        has_cov = self.session.config.pluginmanager.hasplugin("pytest_cov")
        return ["--no-cov"] if has_cov else []

    def _take(self, kind: str, value: Any, *, is_first: bool) -> None:
        if kind == "tests":
            self.before = [Test(**one) for one in value]
        elif kind == "unknown":
            self._say("the base's own files cannot be collected; what was removed is not listed")
        elif kind == "collected" and is_first:
            self._collected(value)
        elif kind == "case":
            self.lasting.note(value["id"])
            (self._first if is_first else self._again)(value)
            if is_first:
                self._attempt_the_next()
        elif kind == "ended" and value["code"] == pytest.ExitCode.INTERRUPTED:
            raise KeyboardInterrupt
        elif kind == "ended" and value["code"] == pytest.ExitCode.USAGE_ERROR:
            raise pytest.UsageError(f"--against: {self._here(value['reason'])}")
        elif kind == "ended" and value["code"]:
            pytest.exit(self._here(value["reason"]), returncode=value["code"])

    def _collected(self, value: Mapping[str, Any]) -> None:
        broken = value["broken"]
        for file, why in broken["head"].items():
            self._say(f"{file}: {self._here(why)}")
        if broken["head"]:
            raise self.session.Interrupted(
                f"{count(len(broken['head']), 'error')} during collection"
            )
        tolerances = {test["id"]: self._tolerance(test) for test in value["tests"]}
        self.tolerances = {name: tolerances[name] for name in value["cases"]}
        self.sharing = len(value["cases"])
        self.session.testscollected = self.sharing + len(value["new"])
        _, gone, _ = match(self.before, [Test(**one) for one in value["tests"]])
        self.gone = list(dict.fromkeys([*value["gone"], *(one.id for one in gone)]))
        self.others += [(name, "removed") for name in self.gone]
        for name in value["new"]:
            self._unmatched(name, broken["base"])
        if not self.sharing:
            self._say("no benchmark that both sides have was collected")
        else:
            most = min(self.request.gate_budget, self.sharing * self.request.pair_budget)
            self._say(self.lasting.sentence(value["left"], most))
            self._take_up(value["cases"], value["left"])

    def _take_up(self, cases: Sequence[str], left: Sequence[str]) -> None:
        """Report what an earlier session decided, and begin with the cases that are *left*."""
        try:
            self.attempts.start(msgspec.structs.replace(self.identity, cases=tuple(cases)))
        except AttemptsError as error:
            raise pytest.UsageError(f"--resume: {error}") from error
        if self.attempts.begun is not None:
            self._say(f"{len(self.attempts.decided)} of {count(len(cases), 'case')} are decided")
        for one in self.attempts.decided:
            first, *others = one.seen
            self._first(first, again=True)
            for other in others:
                self._again(other, again=True)
        self.left = list(left)
        self._attempt_the_next()

    def _attempt_the_next(self) -> None:
        if self.left:
            self.attempts.note(Attempted(self.left.pop(0)))

    def _decide(self, seen: Sequence[Mapping[str, Any]]) -> None:
        """Keep what was *seen* of a case: it needs no further attempt."""
        self.attempts.note(Decided(tuple(dict(one) for one in seen)))

    def _unmatched(self, name: str, broken: Mapping[str, str]) -> None:
        """Note a benchmark that the base has not collected: it is new, or its file is broken."""
        why = broken.get(name.partition("::")[0], "")
        is_new = not why or why.startswith("rayscale.gate.lenient.MissingError")
        kind = "new" if is_new else "changed"
        self._other({"id": name, "reports": []}, kind, why)

    def _tolerance(self, test: Mapping[str, Any]) -> float:
        """Return a test's own tolerance, or that of all; UsageError where its mark has none."""
        given = test["tolerance"]
        where = f"{test['id']}, mark tolerance"
        return self.request.tolerance if given is None else parse_tolerance(where, given)

    def _first(self, seen: Mapping[str, Any], *, again: bool = False) -> None:
        """Take what the first loading saw; *again*: an earlier session's, with its verdict."""
        compared = seen["kind"] == "compared"
        loadings = [_loading(seen)] if compared else []
        if compared and self._gated(seen, loadings).is_suspected:
            self.suspects.append(Suspect([seen], loadings))
            return
        if not again and seen["kind"] != "late":
            self._decide([seen])
        if compared:
            self._judge(seen, loadings)
        else:
            self._other(seen, seen["kind"], seen["why"])

    def _again(self, seen: Mapping[str, Any], *, again: bool = False) -> None:
        own = next((one for one in self.suspects if _is_same(one.seen[0], seen)), None)
        if own is None:
            return
        own.seen.append(seen)
        if seen["kind"] == "compared":
            own.loadings.append(_loading(seen))
            if self._gated(own.seen[0], own.loadings).is_suspected:
                return
        self.suspects.remove(own)
        if not again:
            self._decide(own.seen)
        self._judge(own.seen[0], own.loadings)

    def _terms(self, name: str) -> Terms:
        own = self.request
        share = self.attempts.share(name)
        false_alarm = share * own.false_alarm / max(1, self.sharing)
        return Terms(self.tolerances[name], false_alarm, share * own.miss)

    def _gated(self, seen: Mapping[str, Any], loads: Sequence[Loading]) -> GatedCase:
        name = seen["id"]
        own = verdicts.gated(name, self._terms(name), loads)
        spent = sum(one.spent for one in loads)
        lost = sum(pair.lost for one in loads for pair in one.pairs)
        outside = max(one.outside for one in loads)
        around = beside_pairs(lost, spent, outside, usable_cpus())
        meant = name in self.request.allow_slower
        return replace(own, meant=meant, notes=(*seen["notes"], *own.notes, *around))

    def _judge(self, seen: Mapping[str, Any], loads: Sequence[Loading]) -> None:
        """Report a case with its verdict."""
        own = self._gated(seen, loads)
        self.cases.append(own)
        words = [
            ("verdict", own.verdict),
            ("head / base", f"{own.ratio:.4f} [{own.interval.low:.4f}, {own.interval.high:.4f}]"),
            ("pairs", " + ".join(map(str, own.pairs))),
            ("loaded first", self.first),
            ("head / base, first pairs", f"{first_pairs(loads[0]):.5f}"),
        ]
        sentence = ""
        if own.verdict == "slower" and not own.meant:
            sentence = own.sentence(str(self.request.revision))
        if own.verdict == "unsure" and self.request.unsure_fails:
            sentence = f"{own.name}: unsure, {own.remark}"
        self._report(seen, "failed" if sentence else None, sentence, words)

    def _other(self, seen: Mapping[str, Any], kind: str, why: str) -> None:
        """Report a case that has no verdict."""
        name, why = seen["id"], self._here(why)
        if kind == "failed":
            self.others.append((name, f"failed: {why}" if why else "failed"))
            self._report(seen, "failed" if why else None, f"{name}: {why}", [])
            return None
        if kind == "late":
            kind, why = (
                "not compared",
                f"the session's {duration(self.request.gate_budget)} are spent",
            )
        elif kind == "not compared" and why.startswith("nothing of the project ran"):
            self.unseen.append(why)
        said = f"{kind}: {why}" if why else kind
        if kind == "not compared" and _is_skipped(seen):
            return self._report(seen, None, "", [])
        self.others.append((name, said))
        if kind == "changed" and name not in self.request.allow_changed:
            advice = f'--allow-changed="{name}" lets it pass'
            return self._report(seen, "failed", f"{name}: {said}; {advice}", [])
        late = kind == "not compared" and self.request.unsure_fails
        return self._report(seen, "failed" if late else "skipped", f"{name}: {said}", [])

    def _report(
        self,
        seen: Mapping[str, Any],
        outcome: str | None,
        why: str,
        words: Sequence[tuple[str, object]],
    ) -> None:
        """Hand pytest the head's reports of a test; *outcome*, if any, is that of the call."""
        hook, config = self.session.config.hook, self.session.config
        reports = [
            hook.pytest_report_from_serializable(config=config, data=self._here(one))
            for one in seen["reports"]
        ] or [_made(seen["id"])]
        hook.pytest_runtest_logstart(nodeid=seen["id"], location=reports[0].location)
        for report in reports:
            report.user_properties.extend(words)  # junit's file has those of the last one
            if report.skipped and isinstance(report.longrepr, list):
                report.longrepr = tuple(report.longrepr)  # as it was before JSON
            if report.when == "call" and outcome is not None and report.passed:
                report.outcome = outcome
                skipped = (report.location[0], report.location[1] or 0, f"Skipped: {why}")
                report.longrepr = skipped if outcome == "skipped" else why
            hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=seen["id"], location=reports[0].location)

    def _here(self, report: Any) -> Any:
        """Return a report, or text, with the working tree's paths in the place of the copies'."""
        copies = (str(self.copies.base), str(self.copies.head))
        return _replaced(report, copies, str(self.session.config.rootpath))

    def _say(self, text: str) -> None:
        reporter = self.session.config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(f"rayscale: {text}")

    def promise(self) -> str:
        """Return what the verdicts of this session are worth, in words; "" where there are none."""
        own, most = self.request, self.attempts.most()
        tolerances = list(self.tolerances.values())
        if not tolerances:
            return ""
        return verdicts.promise(most * own.false_alarm, tolerances, most * own.miss)

    @property
    def is_resumable(self) -> bool:
        """Whether cases are left, and another session can go on with them."""
        return self.is_interrupted and self.attempts.file is not None and not self.attempts.trouble

    def warnings(self) -> Iterator[str]:
        """Return what the user should know beside the verdicts."""
        own = self.request
        unsure = sum(case.verdict == "unsure" for case in self.cases)
        if unsure and not own.unsure_fails:
            yield (
                f"{unsure} unsure, and passed: a larger --pair-budget decides more, "
                "--unsure=fail lets none pass"
            )
        late = sum(kind.startswith("not compared") for _, kind in self.others)
        if late and not own.unsure_fails:
            yield f"{late} not compared, and passed; --unsure=fail lets none pass"
        if min(self.tolerances.values(), default=1) < SAFE_TOLERANCE:
            yield (
                f"a tolerance below {SAFE_TOLERANCE:.0%} may take where a copy of the code lies in "
                "memory for a slowdown: up to 2.9 % of a short call were seen"
            )
        if self.attempts.trouble:
            yield (
                f"should this gate be ended, --resume cannot finish it ({self.attempts.trouble})"
            )
        if own.replayed:
            yield "the draws were replayed: the promise holds for a random seed alone"


def _written_out(word: str, here: Path, root: Path) -> str:
    """Return *word* with the place that it names from *here*, if any, as a path below *root*.

    A copy is not where the project is from outside: ``../project/tests`` would not be in it.
    """
    option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    name, colons, test = value.partition("::")
    place = Path(os.path.normpath(here / name))
    if not name or not place.exists() or not place.is_relative_to(root):
        return word
    return f"{option}{equals}{place}{colons}{test}"


def _loading(seen: Mapping[str, Any]) -> Loading:
    own = dict(seen["loading"])
    return Loading(**{**own, "pairs": [Pair(**one) for one in own["pairs"]]})


def _is_same(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    if ours["id"] == theirs["id"]:
        return True
    return bool(ours["place"] == theirs["place"] and ours["number"] == theirs["number"])


def _is_skipped(seen: Mapping[str, Any]) -> bool:
    return any(one["outcome"] == "skipped" for one in seen["reports"])


def _replaced(value: Any, copies: Sequence[str], root: str) -> Any:
    if isinstance(value, str):
        for one in copies:
            value = value.replace(one, root)
        return value
    if isinstance(value, Mapping):
        return {key: _replaced(one, copies, root) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(one, copies, root) for one in value]
    return value


def _made(name: str) -> pytest.TestReport:
    """Return a report of a test that no session ran."""
    return pytest.TestReport(
        nodeid=name,
        location=(name.partition("::")[0], None, name.partition("::")[2]),
        keywords={},
        outcome="passed",
        longrepr=None,
        when="call",
    )


def _exchanged(copies: Mapping[str, str]) -> dict[str, str]:
    """Have base and head trade their folders; return where each is then."""
    base, head = Path(copies["base"]), Path(copies["head"])
    for one in (base, head):
        shutil.rmtree(one.parent / "tmp", ignore_errors=True)
    aside = base.with_name("aside")
    base.rename(aside)
    head.rename(base)
    aside.rename(head)
    return {"base": str(head), "head": str(base)}
