"""The channel of a PLC, whatever its encoding: session, requests, answers, repeats, synchronisation.

Source: PLC interface v1 §2, rules of the channel (numbers in comments are theirs), and §5 for what sessions with a
number add. The channel asks its line what to say and how to judge; it never moves anything.
"""

from __future__ import annotations

from collections import deque
from typing import Generic

from firmware_stubs.plcs._commands import judge
from firmware_stubs.plcs._drops import UNREAD_MOST
from firmware_stubs.plcs._elements import LINE
from firmware_stubs.plcs._events import Event
from firmware_stubs.plcs._line import Line
from firmware_stubs.plcs._messages import Codec, FieldError, Fields, Heard, P, Rules
from firmware_stubs.plcs._requests import Request, bare, report, trak

SENDINGS_MOST = 4
SILENCE_MS = 3000.0
LIFE_MS = 900.0
ANSWERS_MOST = 1000  # not fetched yet; a line that nobody reads loses them


class Channel(Generic[P]):
    """What is said to the controller and heard from it, one message a piece."""

    def __init__(self, line: Line, codec: Codec[P], rules: Rules, *, next_sequence: int, now: float) -> None:
        self.in_session = False
        self.hushed = False  # it says no LIFE
        self.arrivals: deque[tuple[int, int, float]] = deque(maxlen=UNREAD_MOST)
        self._line = line
        self._codec = codec
        self._rules = rules
        self._counts = line.counts
        self._answers: deque[P] = deque(maxlen=ANSWERS_MOST)
        self._open: Request | None = None
        self._sync: deque[Request] = deque()  # SYBE, SPED, TRAK that are still to be sent
        self._sync_until: int | None = None  # the evt after which SYEN comes; 0 = no event; None = SYEN was sent
        self._sequence = next_sequence
        self._reported_speed = 0
        self._term = 0  # the highest ever, kept over power loss (9)
        self._session = 0  # the one in force, or the last one
        self._peer: tuple[int, int] | None = None  # term and epoch to which the controller's numbering belongs
        self._last: tuple[int, P] | None = None  # its last request taken, and our answer
        self._hangs_up = False
        self._heard_at = now
        self._sent_until = now  # when the last byte was or will be on the wire

    # Time and power

    def tick(self, now: float) -> None:
        """Notice that the controller is gone (2)."""
        if self._line.buffer.exhausted:
            self._renew(now)
        if not self.in_session:
            return
        unanswered = self._open is not None and self._open.sendings >= SENDINGS_MOST and now >= self._open.due
        if unanswered or now >= self._heard_at + SILENCE_MS:
            self._lose()
            self._hangs_up = True

    def hang_up(self) -> bool:
        """Whether the connection is to be closed: once, by the side that noticed the loss of the session (2)."""
        wanted, self._hangs_up = self._hangs_up, False
        return wanted

    def closed(self) -> None:
        """The connection is gone, and the session with it."""
        self._lose()
        self._answers.clear()
        self._hangs_up = False

    def next_at(self) -> float | None:
        """When `tick` or `take` has something to do without input."""
        if not self.in_session:
            return None
        if self._open is None and self.hushed:
            return self._heard_at + SILENCE_MS
        next_word = self._sent_until + LIFE_MS if self._open is None else self._open.due
        return min(self._heard_at + SILENCE_MS, next_word)

    def power_cycle(self, now: float, *, retentive: bool) -> None:
        """The PLC was off: no session, no connection, nothing half said. The highest term is kept (9)."""
        self.closed()
        self._hangs_up = True
        self._last = None
        self._sent_until = self._heard_at = now
        if not retentive:
            self._sequence = 1

    def _renew(self, now: float) -> None:
        """Numbers that do not wrap are used up: only a new epoch has others (6)."""
        self._lose()
        self._line.new_epoch(now, counted=True)
        self._sequence = 1

    def _lose(self) -> None:
        self.in_session = False
        self._open = None
        self._sync.clear()
        self._sync_until = None

    # In

    def hear(self, heard: Heard, now: float) -> None:
        """A message of the controller to this PLC."""
        if heard.session == self._session:
            self._heard_at = now
        if heard.flag == "R":
            self._request(heard, now)
        elif heard.flag in ("A", "N") and heard.understood:
            self._answered(heard, now)
        else:
            self._counts["unknown"] += 1

    def knock(self, heard: Heard, now: float) -> tuple[list[P], bool]:
        """A message on another connection than that of the session: only SYES is read there (§1).

        What to answer there, and whether that connection replaces the old one: then the answer is in `take`.
        """
        if (heard.type, heard.flag) != ("SYES", "R"):
            self._counts["second_connection"] += 1
            return [], False
        answers, taken = self._syes(heard, now)
        if taken:
            self._heard_at = now
            self._answers.extend(answers)
            self._hangs_up = False
        return ([], True) if taken else (answers, False)

    def _request(self, heard: Heard, now: float) -> None:
        if heard.type == "SYES":
            self._answers.extend(self._syes(heard, now)[0])
            return
        if not self.in_session:
            self._answers.append(self._codec.answer(heard, "NSYN"))
            return
        if self._peer is None or (heard.session, heard.epoch) != (self._session, self._peer[1]):
            self._counts["other_session"] += 1
            return
        again = self._again(heard)
        if again is not None:
            self._answers.extend(again)
            return
        try:
            code = judge(heard, self._line, synchronised=self._sync_until is None, now=now)
        except FieldError:
            code = "FORM"
        if code == "FORM":
            self._counts["form"] += 1
        answer = self._codec.answer(heard, code)
        self._answers.append(answer)
        self._last = (heard.sequence, answer)
        if code == "NSYN":  # who refuses with NSYN drops his own session (2)
            self._lose()

    def _again(self, heard: Heard) -> list[P] | None:
        """Rule 3: a repeat gets the same answer again, an older number none; None = it is new."""
        if self._last is None:
            return None
        sequence, answer = self._last
        if heard.sequence == sequence:
            return [answer]
        if self._rules.sequences.is_ahead(sequence, heard.sequence):
            self._counts["old"] += 1
            return []
        return None

    def _syes(self, heard: Heard, now: float) -> tuple[list[P], bool]:
        """The answer, and whether it is `A`."""
        try:
            fields = heard.read()
            term, durable_epoch, durable_evt = fields["term"], fields["durable_epoch"], fields["durable_evt"]
            if not heard.understood or not 1 <= heard.epoch <= 0xFFFF or heard.sequence < 1:
                raise FieldError("no such version, epoch or sequence")
        except FieldError:
            self._counts["form"] += 1
            return [self._codec.answer(heard, "FORM")], False
        peer = (term, heard.epoch)
        in_force = self._rules.has_sessions and self.in_session and heard.session == self._session
        if term < self._term or (in_force and peer != self._peer):
            self._counts["old_term"] += 1
            return [self._codec.answer(heard, "OLDC")], False
        if peer == self._peer and (again := self._again(heard)) is not None:
            return again, bool(again)
        if in_force:  # a new session needs another number (§5)
            self._counts["other_session"] += 1
            return [], False
        answer = self._codec.answer(heard, None)
        self._term, self._peer, self._session = term, peer, heard.session
        self._answers.clear()
        self._last = (heard.sequence, answer)
        self._heard_at = now
        self._begin(durable_epoch, durable_evt, now)
        return [answer], True

    def _begin(self, durable_epoch: int, durable_evt: int, now: float) -> None:
        line = self._line
        self._lose()
        if durable_epoch == line.epoch and line.buffer.is_beyond(durable_evt):
            line.new_epoch(now, counted=True)
            self._sequence = 1
        elif durable_epoch == line.epoch:
            line.forget(durable_evt)
        line.buffer.rewind()
        line.repeat_states()
        items = [item for item in line.tracking.items.values() if item.announced]
        self._sync.append(bare("SYBE"))
        self._sync.append(Request("SPED", lambda _: self._speed(0)))
        for start in range(0, len(items), self._rules.trak_most):
            self._sync.append(trak(items[start : start + self._rules.trak_most], line))
        self._sync_until = line.buffer.waiting[-1].evt if line.buffer.waiting else 0
        self._sent_until = max(self._sent_until, now)
        self.in_session = True

    def _answered(self, heard: Heard, now: float) -> None:
        request = self._open
        key = (heard.session, heard.epoch, heard.sequence)
        if request is None or key != (self._session, self._line.epoch, request.sequence):
            self._counts["unmatched"] += 1
        elif heard.flag == "A":
            self._done(request, keep=True)
            try:
                self._line.forget(heard.read()["durable_evt"])
            except FieldError:
                self._counts["form"] += 1
        else:
            self._refused(request, heard, now)

    def _refused(self, request: Request, heard: Heard, now: float) -> None:
        try:
            code = heard.read()["code"]
        except FieldError:
            code = ""
        if code == "NSYN":
            self._lose()
        elif code == "BUSY":  # again after the repeat time, not counted as a sending (2)
            request.sendings = max(0, request.sendings - 1)
            request.due = now + self._rules.repeat_ms
        elif code == "FORM":  # the controller stored it raw (2)
            self._counts["refused"] += 1
            self._done(request, keep=False)
        else:
            self._counts["unknown"] += 1

    def _done(self, request: Request, *, keep: bool) -> None:
        self._open = None
        if request.event:
            self._line.buffer.settle(request.event, keep=keep)

    # Out

    def take(self, now: float) -> list[P]:
        """All that may be said now: answers at once, and one request at a time."""
        out = list(self._answers)
        self._answers.clear()
        self._on_wire(out, now)
        if self._open is None and self.in_session:
            self._open = self._next(now)
            if self._open and self._sequence > self._rules.sequences.last:
                self._renew(now)
            elif self._open:
                self._open.sequence = self._sequence
                self._open.due = now
                self._sequence = self._rules.sequences.after(self._sequence)
        request = self._open
        if request is None or request.sendings >= SENDINGS_MOST or now < request.due:
            return out
        return [*out, self._send(request, now)]

    def _send(self, request: Request, now: float) -> P:
        fields = request.fields(now)
        piece = self._codec.request(request.type, self._line.epoch, request.sequence, self._session, fields)
        self._on_wire([piece], now)
        request.sendings += 1
        request.due = self._sent_until + self._rules.repeat_ms
        if request.event:
            self._announce(request.event, now)
        return piece

    def _announce(self, event: Event, now: float) -> None:
        track = event.values.get("track")
        item = self._line.tracking.items.get(track) if isinstance(track, int) else None
        if item:
            item.announced = True
        if event.type == "ARRV" and isinstance(track, int) and not event.sent:
            self.arrivals.append((self._line.epoch, track, now))
        event.sent = True

    def _on_wire(self, pieces: list[P], now: float) -> None:
        if pieces:
            self._sent_until = max(self._sent_until, now) + self._codec.wire_ms(pieces)

    def _next(self, now: float) -> Request | None:
        """The order of rule 8 and of a synchronisation."""
        if self._sync:
            return self._sync.popleft()
        waiting = self._line.buffer.waiting
        if self._sync_until is not None and not (waiting and self._belongs_to_sync(waiting[0])):
            self._sync_until = None
            return bare("SYEN")
        if waiting:
            return report(waiting[0])
        speed = self._line.tracking.speed
        if abs(speed - self._reported_speed) * 50 > self._reported_speed:  # more than 2 %
            return Request("SPED", lambda at: self._speed(at - self._line.tracking.speed_since))
        if now >= self._sent_until + LIFE_MS and not self.hushed:
            return bare("LIFE")
        return None

    def _belongs_to_sync(self, event: Event) -> bool:
        return bool(self._sync_until) and self._line.buffer.is_up_to(event, self._sync_until or 0)

    def _speed(self, age: float) -> Fields:
        tracking = self._line.tracking
        self._reported_speed = tracking.speed
        return {"element": LINE, "mm_s": tracking.speed, "encoder": tracking.encoder(age), "age": int(age)}
