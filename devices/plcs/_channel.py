"""The controller's side of a PLC channel in any encoding with requests and answers (PLC interface v1 §2).

Theory. A channel is in one of the states below. Without a session it answers nothing and says only SYES, at once and
every 2 s. SYES taken -> the PLC's SYBE begins the session and tells its epoch -> SYEN makes it normal. The session is
lost by NSYN in either direction, by a request unanswered after 4 sendings, and by 3 s without a valid message; then
every command is given up, for none may reach another session, and it all begins anew. Where `hangs_up` says that the
owner closes the connection of a peer that no longer answers (TCP), the next SYES is for the next connection.

In a session three things happen, each in one place:
- a request of the PLC is judged by its number, then by its content, and answered (`request`);
- an answer of the PLC closes the open request (`answer`);
- `_advance` does what is due: gives up, repeats, and sends the next request in the order of priority.

*Taken* is said at once. *Durable* is what `confirm` said; it rides in every `A` and LIFE. An event that cannot be read
is refused with FORM only when it is durable as raw bytes, because the PLC then drops it. So is a message of an unknown
type or version whose body begins with the number of the next event: every event's does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from devices.plcs import _messages as messages
from devices.plcs._answers import Answers, Write
from devices.plcs._lag import Lag
from devices.plcs._messages import Incoming, Outgoing
from devices.plcs._outbox import Open, Outbox, Waiting
from devices.plcs._taken import Rings, Taken, after
from devices.types import (
    Answered,
    Command,
    Counters,
    DeviceError,
    Discharged,
    Garbled,
    GivenUp,
    Item,
    Kept,
    Lagging,
    SessionBegun,
    SessionLost,
    Synchronised,
    Token,
    TrackLost,
)

SENDINGS = 4
SILENCE_MS = 3000.0
LIFE_MS = 1000.0
SYES_MS = 2000.0


class State(Enum):
    """CLOSED no channel · FENCED our term is too old, stopped · ASKING SYES is out · BEGINNING SYES was taken ·
    SYNCHRONISING since SYBE · NORMAL since SYEN."""

    CLOSED = 0
    FENCED = 1
    ASKING = 2
    BEGINNING = 3
    SYNCHRONISING = 4
    NORMAL = 5


SESSION = (State.BEGINNING, State.SYNCHRONISING, State.NORMAL)
MAY_SEND: dict[State, tuple[str, ...]] = {
    State.SYNCHRONISING: ("DEST", "LIFE"),
    State.NORMAL: ("DEST", "CMND", "LAMP", "TIME", "LIFE"),
}


class Channel:
    """One channel. Items collect in `items`; whoever owns it empties them after each call."""

    def __init__(
        self,
        write: Write,
        counters: Counters,
        repeat_ms: float,
        durable_first: bool,
        hangs_up: bool,
        rings: Rings | None = None,
        late_ms: float | None = None,
    ) -> None:
        """`late_ms`: an answer that takes so long is a late one, `repeat_ms` if None."""
        self._hangs_up = hangs_up
        self._write_to = write
        self._counters = counters
        self._repeat_ms = repeat_ms
        self._lag = Lag(repeat_ms if late_ms is None else late_ms)
        self._durable_first = durable_first
        self._rings = rings or Rings()
        self._taken = Taken(self._rings)
        self._outbox = Outbox(self._rings.decision)
        self._answers = Answers(self._write, self._taken)
        self._numbering = (0, 0)
        self._last_id = 0
        self._last_sent = self._last_valid = self._syes_at = 0.0
        self.now = 0.0
        self.next_sequence = 1
        self.items: list[Item] = []
        self.state = State.CLOSED

    # --- what the driver calls ----------------------------------------------------------------------------------------

    def opened(self, now: float, kept: Kept) -> None:
        """The channel is open: ask for a session, unless this term has been refused already."""
        self.closed(now)
        fenced = self.state is State.FENCED and self._numbering[0] >= kept.term
        if self._numbering != (kept.term, kept.boot):
            self._numbering = (kept.term, kept.boot)
            self.next_sequence = 1
        self._taken.remember(kept)
        if not fenced:
            self.state, self._syes_at = State.ASKING, now
        self.advance(now)

    def closed(self, now: float) -> None:
        """The channel is gone, and with it its session and every command."""
        self.now = now
        self._end("the channel was closed", False)
        if self.state is not State.FENCED:
            self.state = State.CLOSED

    def send(self, command: Command, now: float, expires: float | None) -> int:
        """Queue a command; see `Driver.send`."""
        kind, fields = messages.command(command)
        self._last_id += 1
        if self.state in MAY_SEND:
            self._give_up(self._outbox.put(Waiting(self._last_id, kind, fields, expires)), now)
        else:
            self._give_up([(self._last_id, "no session")], now)
        self.advance(now)
        return self._last_id

    def confirm(self, token: Token, now: float) -> None:
        """Everything up to `token` is on disk; an answer that waited for it leaves."""
        self.now = now
        self._taken.confirm(token)
        self._answers.release(now)

    def alive(self, at: float) -> None:
        """A valid message came."""
        self._last_valid = at

    def check_silence(self, now: float) -> None:
        """Lose the session when no valid message came for 3 s."""
        if self.state in SESSION and now >= self._last_valid + SILENCE_MS:
            self._lose("no valid message for 3 s", now, hang_up=True)

    def lose(self, why: str, now: float) -> None:
        """The encoding knows that the PLC has no session any more: ask for a new one."""
        if self.state in SESSION:
            self._lose(why, now)

    def ask(self, why: str, now: float) -> None:
        """The encoding knows that the PLC has just begun to hear: ask for a session now, whatever was asked before."""
        if self.state in SESSION or self.state is State.ASKING:
            self._lose(why, now)

    def advance(self, now: float) -> None:
        """Do what is due at `now`."""
        self.now = now
        self.check_silence(now)
        self._give_up(self._outbox.expire(now), now)
        self._repeat(now)
        self._send_next(now)

    def next_at(self) -> float | None:
        """When `advance` has something to do; the present, if items are waiting to be given."""
        if self.items:
            return self.now
        times = [self._outbox.next_expiry()]
        if self._outbox.open:
            times.append(self._outbox.open.due)
        if self.state is State.ASKING:
            times.append(self._syes_at)
        if self.state in SESSION:
            times.append(self._last_valid + SILENCE_MS)
        if self.state in MAY_SEND and not self._outbox.open:
            times.append(self._last_sent + LIFE_MS)
        return min((time for time in times if time is not None), default=None)

    # --- requests of the PLC ------------------------------------------------------------------------------------------

    def request(self, message: Incoming, at: float) -> None:
        """Judge a request and answer it."""
        if self.state not in SESSION or (self.state is State.BEGINNING and message.type != "SYBE"):
            self._counters.note("request without session")
        elif self.state is not State.BEGINNING and message.epoch != self._taken.epoch:
            self._counters.note("request of another epoch")
            self._answers.give(message, at, "NSYN")
            self._lose(f"the PLC speaks in epoch {message.epoch:04X}", at)
        else:
            self._judge(message, at)

    def _judge(self, message: Incoming, at: float) -> None:
        """Rule 3. The SYBE that follows our SYES comes after everything older: its number is taken as it is, so a PLC
        that went far ahead in between is not taken for one that repeats itself."""
        beginning = self.state is State.BEGINNING
        verdict = "new" if beginning else self._taken.judge_request(message.epoch, message.sequence)
        if verdict != "new":
            self._counters.note(f"{verdict} request")
            if verdict == "repeat":
                self._answers.repeat(at)
            return
        if message.type == "SYBE" and not message.problem:
            self._begin(message.epoch, at)
        if self.state is not State.BEGINNING:
            self._taken.sequence = message.sequence
        self._take(message, at)

    def _begin(self, epoch: int, at: float) -> None:
        new_epoch = self._taken.begin(epoch)
        self.state = State.SYNCHRONISING
        self.items.append(SessionBegun(epoch, new_epoch, at))

    def _take(self, message: Incoming, at: float) -> None:
        """A request whose number is new: its effect, and its answer."""
        token = (message.epoch, message.evt) if message.evt else None
        verdict = self._taken.judge_event(message.evt) if message.evt else "none"
        if message.foreign and verdict == "jump":
            token, verdict = None, "none"  # only the number that comes next proves an event
        if verdict == "known":
            self._counters.note("known event")
            waits = message.foreign or self._durable_first
            self._answers.give(message, at, "FORM" if message.foreign else "", waits_for=token if waits else None)
            return
        if token:
            if verdict == "jump":
                self._report_jump(message, at)
            self._taken.take_event(token[1])
        if message.problem:
            self._counters.bad("refused")
            self.items.append(Garbled(message.raw, message.problem, at, token, refused=True))
            self._answers.give(message, at, "FORM", waits_for=token)
        else:
            self._effect(message, token, at)
            self._answers.give(message, at, waits_for=token if self._durable_first else None)

    def _effect(self, message: Incoming, token: Token | None, at: float) -> None:
        if token:
            item = messages.event(message.type, message.fields, at, token)
            self.items.append(item)
            if isinstance(item, Discharged | TrackLost):
                self._give_up(self._outbox.left(item.track), at)
        elif message.type == "TRAK":
            self.items.append(messages.tracks(message.fields, at))
        elif message.type == "SPED":
            self.items.append(messages.speed(message.fields, at))
        elif message.type == "SYEN" and self.state is State.SYNCHRONISING:
            self.state = State.NORMAL
            self.items.append(Synchronised(at))

    def _report_jump(self, message: Incoming, at: float) -> None:
        last = self._taken.evt
        self._counters.note("event jump")
        why = f"event {message.evt} came after {last or 'none'}: the numbers between them are missing"
        self.items.append(DeviceError("JUMP", why, message.raw, at))

    # --- answers of the PLC -------------------------------------------------------------------------------------------

    def answer(self, message: Incoming, at: float) -> None:
        """Close the open request, if this is its answer."""
        request, refusal = self._outbox.answered(message), message.refusal
        if request is None:
            self._counters.note("answer to nothing open")
            self._clocked(self._lag.answered_again(message, at))
            return
        if refusal is not None:
            self._counters.note(f"refused {refusal if refusal in messages.REFUSALS else 'otherwise'}")
        if request is self._outbox.open:  # BUSY: an answer, and in time; what counts now is the next sending
            request.sent = request.due
            return
        self._clocked(self._lag.answered(request, at))
        if request.command is not None:
            self.items.append(Answered(request.command.id, refusal, at))
        if request.message.type == "SYES":
            self._syes_answered(refusal, message, at)
        elif refusal == "NSYN":
            self._lose("the PLC has no session", at)
        elif refusal is not None and request.command is None:
            self.items.append(DeviceError(refusal, f"the PLC refused {request.message.type}", message.raw, at))

    def _clocked(self, lag: Lagging | None) -> None:
        """How late an answer was tells how late everything else of the PLC may be."""
        if lag is not None and self.state in SESSION:
            self.items.append(lag)

    def _syes_answered(self, refusal: str | None, message: Incoming, at: float) -> None:
        if refusal is None:
            self.state = State.BEGINNING
        elif refusal == "OLDC":
            self.state = State.FENCED
            why = f"the PLC obeys a controller with a newer term than {self._numbering[0]}: stopped until restarted"
            self.items.append(DeviceError(refusal, why, message.raw, at))
        else:
            self.items.append(DeviceError(refusal, "the PLC refused SYES", message.raw, at))

    # --- our requests -------------------------------------------------------------------------------------------------

    def _repeat(self, now: float) -> None:
        waiting = self._outbox.open
        if waiting is None or now < waiting.due:
            return
        if waiting.sendings < SENDINGS:
            waiting.sendings += 1
            self._transmit(waiting, now)
        elif self.state is State.ASKING and not self._hangs_up:
            waiting.due = self._syes_at  # the next SYES takes its place
        else:
            self._lose(f"{waiting.message.type} not answered after {SENDINGS} sendings", now, hang_up=True)

    def _send_next(self, now: float) -> None:
        """The next request, if none is open: SYES, or a command, or LIFE."""
        if self.state is State.ASKING and now >= self._syes_at:
            self._syes_at = now + SYES_MS
            epoch, evt = self._taken.durable
            self._request("SYES", {"term": self._numbering[0], "durable_epoch": epoch, "durable_evt": evt}, None, now)
        elif self.state in MAY_SEND and self._outbox.open is None:
            command = self._outbox.next(MAY_SEND[self.state])
            if command:
                self._request(command.type, command.fields, command, now)
            elif now >= self._last_sent + LIFE_MS:
                self._request("LIFE", {"durable_evt": self._taken.durable_evt()}, None, now)

    def _request(self, kind: str, fields: Mapping[str, Any], command: Waiting | None, now: float) -> None:
        message = Outgoing(kind, "R", self._numbering[1], self.next_sequence, fields)
        self.next_sequence = after(self.next_sequence, self._rings.sequence)
        self._outbox.open = Open(message, command, now)
        self._transmit(self._outbox.open, now)
        self._outbox.open.sent = self._last_sent

    def _transmit(self, waiting: Open, now: float) -> None:
        waiting.due = self._write(waiting.message, now) + self._repeat_ms

    def _write(self, message: Outgoing, now: float) -> float:
        self._last_sent = self._write_to(message, now)
        return self._last_sent

    # --- endings ------------------------------------------------------------------------------------------------------

    def _lose(self, why: str, now: float, hang_up: bool = False) -> None:
        """The session is lost, or SYES is in vain, while the channel stands: ask for a new one, at once unless the
        connection is about to be closed."""
        self.now = now
        self._end(why, hang_up)
        self.state, self._syes_at = State.ASKING, now
        if hang_up and self._hangs_up:
            self._syes_at += SYES_MS

    def _end(self, why: str, hang_up: bool) -> None:
        if self._outbox.open:
            self._clocked(self._lag.unanswered(self._outbox.open, self.now))
        self._give_up(self._outbox.clear(f"session lost: {why}"), self.now)
        self._answers.forget()
        self._lag.forget()
        if self.state in SESSION or hang_up:
            self.items.append(SessionLost(why, self.now, hang_up))

    def _give_up(self, commands: Iterable[tuple[int, str]], now: float) -> None:
        self.items += [GivenUp(number, why, now) for number, why in commands]
