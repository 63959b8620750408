"""Whose turn it is on a wire that carries one Modbus request at a time, shared by one driver or by several.

Every member says when it wants the wire next and how urgently; the bus lets one begin, waits for its answer or until
its time is over, keeps the silence that a serial line needs, and goes on. Commands go before everything else, then who
has waited longest. A unit that has not answered for 3 s is only probed: while others are alive, the bus spends one
request a second on all such units together, in turn. So a dead unit delays the others by at most one time-out (that of
`Bus`, and the wire time of question and answer) and the pause after it; twice in a row at most while it is dying.

All members wake whenever anything can happen on the bus, whoever it concerns: `next_event` is the same for all.
"""

from __future__ import annotations

from typing import Protocol

from devices.plcs._modbus_codec import Answer, Ask, Stray, Wire
from devices.value import value

PAUSE_CHARS = 3.5
LEAST_PAUSE_MS = 1.75
"""Above 19,200 baud the pause does not get shorter (Modbus over serial line V1.02 §2.5.1.1)."""

QUIET_MS = 20.0
"""Silence that ends what was damaged: a USB adapter may hold bytes back for 16 ms."""

MOST_QUIET_MS = 500.0
"""So long a babbling line is given to become silent."""

PROBE_MS = 1000.0
COMMAND, OTHER = 0, 1


@value
class Due:
    """From when on a member wants the wire; `rank` COMMAND or OTHER."""

    at: float
    rank: int = OTHER


class Member(Protocol):
    """A driver as the bus sees it."""

    unit: int

    def due(self) -> Due | None:
        """Its next wish; None = only after input."""

    def is_dead(self, now: float) -> bool:
        """It has not answered for long."""

    def begin(self, now: float) -> Ask:
        """It is its turn: what to ask."""

    def write(self, data: bytes) -> None:
        """Its `take` gives this."""

    def answered(self, answer: Answer, sampled: float, at: float) -> None:
        """The answer came at `at` and was begun by the unit at `sampled`."""

    def failed(self, why: str, raw: bytes, now: float) -> None:
        """No answer came, or not a good one; `ask` is over."""

    def stray(self, found: Stray, at: float) -> None:
        """Something came that is not the answer."""


@value
class Turn:
    """The request under way."""

    member: Member
    ask: Ask
    deadline: float


class Bus:
    """One wire. `char_ms` = the time of one character, 0 on TCP."""

    def __init__(self, wire: Wire, char_ms: float, timeout_ms: float) -> None:
        self.wire = wire
        self._timeout_ms = timeout_ms
        self._pause = max(PAUSE_CHARS * char_ms, LEAST_PAUSE_MS) if char_ms else 0.0
        self._quiet = QUIET_MS + self._pause if char_ms else 0.0
        self._members: list[Member] = []
        self._turn: Turn | None = None
        self._last: Member | None = None
        self._free_at = self._heard_at = self._probe_at = 0.0
        self._noisy_since: float | None = None

    @property
    def members(self) -> tuple[Member, ...]:
        """Those whose channel is open."""
        return tuple(self._members)

    def enter(self, member: Member, now: float) -> None:
        """A member's channel is open."""
        self.leave(member)
        if not self._members:
            self.wire.reset()
            self._turn, self._free_at = None, now + self._pause
        self._members.append(member)

    def leave(self, member: Member) -> bytes:
        """A member's channel is gone; returns what had come of its answer."""
        partial = self.wire.reset() if self._turn and self._turn.member is member else b""
        if self._turn and self._turn.member is member:
            self._free_at = max(self._free_at, self._turn.deadline)  # its unit may be speaking
            self._turn = None
        if self._last is member:
            self._last = None
        if member in self._members:
            self._members.remove(member)
        return partial

    def feed(self, member: Member, data: bytes, at: float) -> None:
        """Bytes of the wire; every member is fed them all, and the first one that is open hears for all."""
        if not self._members or self._members[0] is not member:
            return
        self.wire.feed(data)
        self._heard_at = at
        self._keep_silent(at)
        while (listener := self._turn.member if self._turn else self._last) is not None:
            found = self.wire.find(listener.unit, self._turn.ask if self._turn else None)
            if found is None:
                break
            self._found(listener, found, at)
        if listener is None:
            self.wire.reset()

    def _found(self, listener: Member, found: Answer | Stray, at: float) -> None:
        turn = self._turn
        if isinstance(found, Stray):
            listener.stray(found, at)
            if found.void:
                self._fail(listener, found.why, found.raw, at)
        elif turn is not None:
            self._turn, self._noisy_since = None, None
            self._free_at = at + self._pause
            on_wire = self.wire.time(2 if found.exception else turn.ask.answer_length)
            turn.member.answered(found, at - on_wire, at)

    def _keep_silent(self, at: float) -> None:
        """Nobody may speak into what comes now; for ever it is not waited."""
        if self._turn is None:
            if self._noisy_since is None:
                self._noisy_since = at
            if at < self._noisy_since + MOST_QUIET_MS:
                self._free_at = max(self._free_at, at + self._quiet)

    def _fail(self, member: Member, why: str, raw: bytes, now: float) -> None:
        self._turn = None
        self._free_at = max(now, self._heard_at) + self._quiet
        member.failed(why, raw, now)

    def run(self, now: float) -> None:
        """Do what is due: end a turn whose time is over, begin the next."""
        if self._turn and now >= self._turn_ends(self._turn):
            why = "no answer" if now >= self._turn.deadline else "a damaged answer"
            if self._quiet and (left := self.wire.reset()):
                self._turn.member.stray(Stray("bytes that are no answer", left, True, garbled=True), now)
            self._fail(self._turn.member, why, b"", now)
        if self._turn is None and (choice := self._choice(now)) is not None and choice[0] <= now:
            self._begin(choice[1], now)

    def _begin(self, member: Member, now: float) -> None:
        if member.is_dead(now):
            self._probe_at = now + PROBE_MS
        ask = member.begin(now)
        data = self.wire.request(member.unit, ask)
        on_wire = self.wire.time(ask.pdu_length) + self.wire.time(ask.answer_length)
        self._turn = Turn(member, ask, now + on_wire + self._timeout_ms)
        self._last, self._noisy_since = member, None
        member.write(data)

    def _choice(self, now: float) -> tuple[float, Member] | None:
        """(when, who) begins next."""
        wishes = [(member, due) for member in self._members if (due := member.due()) is not None]
        others_live = any(not member.is_dead(now) for member in self._members)
        ready: list[tuple[int, float, float, Member]] = []
        later: list[tuple[float, Member]] = []
        for member, due in wishes:
            wished = max(due.at, self._probe_at) if others_live and member.is_dead(now) else due.at
            start = max(wished, self._free_at)
            if start <= now:
                ready.append((due.rank, wished, due.at, member))
            else:
                later.append((start, member))
        if ready:
            return now, min(ready, key=lambda one: one[:3])[3]
        return min(later, key=lambda one: one[0], default=None)

    def _turn_ends(self, turn: Turn) -> float:
        if self.wire.is_full(turn.ask):
            return min(turn.deadline, self._heard_at + self._quiet)
        return turn.deadline

    def next_event(self, now: float) -> float | None:
        """When `run` will have something to do."""
        if self._turn:
            return self._turn_ends(self._turn)
        choice = self._choice(now)
        return choice[0] if choice else None
