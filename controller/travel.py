"""The travel: one trip of one item on one line, from induction to exactly one terminal outcome.

The states and moves are the TRANSITIONS table; a move that the table lacks raises ImpossibleMove, which names both:
it is our bug, never the floor's. Everything a restart needs is a field here; the whole travel is kept in the journal as
JSON in the same transaction as the events it caused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import ConfigDict, TypeAdapter

from controller.identity import Result
from controller.routing import Decision

KEPT_DECISIONS = 8
"""A DIVC names the decision obeyed; so many past ones are remembered by number."""

KEPT_RESULTS = 32
"""Results of readers per travel; more are reported but not weighed."""


class State(StrEnum):
    """Where a travel stands between induction and its end."""

    INDUCTED = "inducted"
    ARRIVED = "arrived"
    ROUTED = "routed"
    OBEYED = "obeyed"
    ENDED = "ended"


class ImpossibleMove(RuntimeError):
    """The table has no such move."""


TRANSITIONS: dict[State, dict[str, State]] = {
    State.INDUCTED: {"arrive": State.ARRIVED, "obey": State.OBEYED, "pass": State.INDUCTED, "end": State.ENDED},
    State.ARRIVED: {
        "arrive": State.ARRIVED,
        "route": State.ROUTED,
        "obey": State.OBEYED,
        "refuse": State.ARRIVED,
        "pass": State.INDUCTED,
        "end": State.ENDED,
    },
    State.ROUTED: {
        "arrive": State.ROUTED,
        "route": State.ROUTED,
        "obey": State.OBEYED,
        "refuse": State.ARRIVED,
        "pass": State.INDUCTED,
        "end": State.ENDED,
    },
    State.OBEYED: {
        "arrive": State.OBEYED,
        "route": State.ROUTED,
        "obey": State.OBEYED,
        "refuse": State.OBEYED,
        "pass": State.INDUCTED,
        "end": State.ENDED,
    },
    State.ENDED: {},
}
"""state -> what happens -> state. `route` = a DEST is sent, `obey` = the PLC took one, `refuse` = it took none,
`pass` = on a loop it passed its gates and is still on: its decision is spent, and it comes to a decision point anew."""


@dataclass(slots=True)
class Travel:
    """One trip. Moments are monotonic ms of this machine's boot; positions mm from the start of the line."""

    __pydantic_config__ = ConfigDict(defer_build=True)  # TRAVEL is built with the first one, not at the start
    id: str
    line: str
    epoch: int
    track: int
    visit: str
    state: State = State.INDUCTED
    mark_mm: float | None = None
    """position of the last certain eye, None: never seen with a known age"""
    mark_at: float = 0.0
    eye_mm: float | None = None
    """the last eye that saw it, None: none did with a known age"""
    point: str = ""
    """the decision point whose ARRV wants a DEST"""
    arrived_at: float = 0.0
    """its edge there"""
    length_mm: int = 0
    weight_g: int | None = None
    carrier: str | None = None
    certainty: str = "S"
    said_certainty: str = "S"
    """the PLC's last word on it: the same again after a new read is no news"""
    doubted_at: float = 0.0
    """the last moment that cast doubt on it: only what is read later counts"""
    shifts: tuple[float, ...] = ()
    """mm by which its results would have to be shifted to be those of another item; empty = they are its own"""
    touching: bool = False
    """closer to a neighbour than the line allows"""
    decide_by: float | None = None
    results: list[Result] = field(default_factory=list)
    parcel: str | None = None
    identity: str = "SCANNER_LATE"
    number: int = 0
    """the highest decision number used"""
    current: int = 0
    """the decision in force or on its way, 0 none"""
    obeyed: int = 0
    decisions: dict[int, Decision] = field(default_factory=dict)
    refused: tuple[str, ...] | None = None
    """lanes of the last refused decision: not tried again as they are"""
    expired: bool = False
    resend: bool = False
    """the PLC may not hold `current`: it is decided and sent anew"""
    decide_at: float | None = None
    stop_at: float | None = None
    """when its line is asked to stop, because no lane is left that it may enter"""
    lap: int = 0
    known_lap: int = 0
    """the last lap in which it was surely identified"""
    flushed: bool = False
    """it was found on the belt when the PLC was synchronised, and nobody knew of it"""
    before: str | None = None
    """the travel on another line that it goes on with"""
    at_risk: bool = False
    """said once that no departure keeps its promise"""

    @property
    def doubtful(self) -> bool:
        """Tracking was lost near it: it may be another item."""
        return self.certainty != "S"

    @property
    def suspect(self) -> bool:
        """What was read of it may be another item's."""
        return bool(self.shifts)

    @property
    def decision(self) -> Decision | None:
        """The decision in force."""
        return self.decisions.get(self.current)

    def goes_on(self, before: Travel) -> None:
        """It is the same item as that travel on another line: what was learnt there counts here, beside what was heard
        of it on this one already."""
        self.before, self.results = before.id, [*before.results, *self.results]
        self.length_mm = self.length_mm or before.length_mm
        self.weight_g = before.weight_g if self.weight_g is None else self.weight_g
        self.shifts, self.at_risk = self.shifts or before.shifts, self.at_risk or before.at_risk
        if before.doubtful:
            self.doubt(before.certainty, max(self.doubted_at, before.doubted_at))
            self.read_again()

    def doubt(self, certainty: str, now: float) -> bool:
        """It may be another item than was read: `D`, or `U` = nobody knows what it is. False when that is no news."""
        news = self.certainty == "S" or self.certainty != certainty == "U"
        self.certainty = certainty if news else self.certainty
        self.doubted_at = now
        return news

    def read_again(self) -> bool:
        """Whether a reader named it after the doubt: then it is sure again, and what was read before is forgotten."""
        lifting = (result for result in self.results if result.code is not None and result.dated)
        if not self.doubtful or not any(result.at > self.doubted_at for result in lifting):
            return False
        self.results = [result for result in self.results if result.at > self.doubted_at]
        self.certainty, self.shifts = "S", ()
        return True

    def pass_gates(self, lap: int) -> None:
        """On a loop: its gates lie behind it, its decision is spent; what was not identified is read anew."""
        self.move("pass")
        self.lap, self.current, self.obeyed, self.decide_by = lap, 0, 0, None
        self.refused, self.expired, self.resend, self.stop_at = None, False, False, None
        sure = self.identity == "READ" and not self.doubtful
        # What a reader behind the decision point said is for the next lap; the PLC's scanner speaks of its arrival.
        self.results = [
            result
            for result in self.results
            if (sure and result.code is not None) or (result.at > self.arrived_at and result.source != "plc")
        ]
        self.shifts, self.touching = (), False

    def move(self, what: str) -> None:
        """Make one move of the table."""
        after = TRANSITIONS[self.state].get(what)
        if after is None:
            raise ImpossibleMove(f"travel {self.id}: {what!r} in state {self.state.value}")
        self.state = after

    def seen(self, position_mm: float, edge: float, predicted_mm: float | None, jitter_mm: float) -> bool:
        """An eye saw it. A message may come late, never early: of two estimates that differ by less than `jitter_mm`
        the one further ahead holds. True when the position changed."""
        if predicted_mm is not None and 0 <= predicted_mm - position_mm < jitter_mm:
            return False
        self.mark_mm, self.mark_at = position_mm, edge
        return True

    def heard(self, result: Result) -> bool:
        """Note a result; False when this reader said the same before and no doubt came since, or too much already."""
        for place, old in enumerate(self.results):
            if (old.reader, old.code, old.outcome) == (result.reader, result.code, result.outcome):
                news = old.at <= self.doubted_at < result.at  # said again after a doubt
                if news:
                    self.results[place] = result
                return news
        if len(self.results) >= KEPT_RESULTS:
            return False
        self.results.append(result)
        return True

    def take(self, decision: Decision) -> None:
        """Make `decision` the one in force."""
        self.decisions[decision.number] = decision
        self.number = self.current = decision.number
        self.resend = False
        for old in list(self.decisions)[:-KEPT_DECISIONS]:
            if old not in (self.obeyed, self.current):
                del self.decisions[old]


TRAVEL: TypeAdapter[Travel] = TypeAdapter(Travel)
"""Travel <-> JSON for the journal."""
