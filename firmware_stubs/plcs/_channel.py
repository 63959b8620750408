"""The channel of telegrams, seen from the PLC: session, requests, answers, repeats, synchronisation.

Source: PLC interface v1 §2, rules of the channel (numbers in comments are theirs), and §3. The channel asks its line
what to say and how to judge; it never moves anything.
"""

from __future__ import annotations

from collections import deque

from firmware_stubs.plcs._drops import UNREAD_MOST
from firmware_stubs.plcs._elements import LINE
from firmware_stubs.plcs._events import EVT_LAST, Event, is_ahead
from firmware_stubs.plcs._line import Line
from firmware_stubs.plcs._telegram_codec import Deframer, FieldError, Fields, Telegram, frame, report_body
from firmware_stubs.plcs._telegram_commands import judge
from firmware_stubs.plcs._telegram_requests import Request, report, trak

SEQUENCE_LAST = 9999
SENDINGS_MOST = 4
SILENCE_MS = 3000.0
LIFE_MS = 900.0
SLOW_BAUD = 38_400
ANSWERS_MOST = 1000  # not fetched yet; a line that nobody reads loses them


class Channel:
    """One serial line or connection to the controller."""

    def __init__(
        self, line: Line, *, plc: str, controller: str, baud: int, gap_ms: float, next_sequence: int, now: float
    ) -> None:
        self.in_session = False
        self.arrivals: deque[tuple[int, int, float]] = deque(maxlen=UNREAD_MOST)
        self._line = line
        self._plc = plc
        self._controller = controller
        self._byte_ms = 10_000 / baud
        self._repeat_ms, self._trak_most = (1000.0, 4) if baud < SLOW_BAUD else (300.0, 12)
        self._counts = line.counts
        self._deframer = Deframer(gap_ms, line.counts)
        self._answers: deque[bytes] = deque(maxlen=ANSWERS_MOST)
        self._open: Request | None = None
        self._sync: deque[Request] = deque()  # SYBE, SPED, TRAK that are still to be sent
        self._sync_until: int | None = None  # the evt after which SYEN comes; 0 = no event; None = SYEN was sent
        self._sequence = next_sequence
        self._reported_speed = 0
        self._term = 0  # the highest ever, kept over power loss (9)
        self._peer: tuple[int, int] | None = None  # term and epoch to which the controller's numbering belongs
        self._last: tuple[int, bytes] | None = None  # its last request taken, and our answer
        self._heard_at = now
        self._sent_until = now  # when the last byte was or will be on the wire

    # Time and power

    def tick(self, now: float) -> None:
        """Notice that the controller is gone (2)."""
        if not self.in_session:
            return
        unanswered = self._open is not None and self._open.sendings >= SENDINGS_MOST and now >= self._open.due
        if unanswered or now >= self._heard_at + SILENCE_MS:
            self._lose()

    def next_at(self) -> float | None:
        """When `tick` or `take` has something to do without input."""
        if not self.in_session:
            return None
        next_word = self._sent_until + LIFE_MS if self._open is None else self._open.due
        return min(self._heard_at + SILENCE_MS, next_word)

    def power_cycle(self, now: float, *, retentive: bool) -> None:
        """The PLC was off: no session, nothing half said or half heard. The highest term is kept (9)."""
        self._lose()
        self._answers.clear()
        self._deframer.reset()
        self._last = None
        self._sent_until = self._heard_at = now
        if not retentive:
            self._sequence = 1

    def _lose(self) -> None:
        self.in_session = False
        self._open = None
        self._sync.clear()
        self._sync_until = None

    # In

    def feed(self, data: bytes, now: float) -> None:
        """Bytes from the controller."""
        for telegram in self._deframer.feed(data, now):
            if telegram.receiver != f"{self._plc:.<4}":
                self._counts["wrong_receiver"] += 1
                continue
            self._heard_at = now
            if telegram.flag == "R":
                self._request(telegram, now)
            elif telegram.flag in ("A", "N") and telegram.version == "1":
                self._answered(telegram, now)
            else:
                self._counts["unknown"] += 1

    def _answer(self, telegram: Telegram, code: str | None) -> bytes:
        flag, body = ("A", "") if code is None else ("N", f"{code:.<4}")
        answer = frame(self._plc, telegram.sender, telegram.type, flag, telegram.epoch, telegram.sequence, body)
        self._answers.append(answer)
        return answer

    def _request(self, telegram: Telegram, now: float) -> None:
        if telegram.type == "SYES":
            self._syes(telegram, now)
            return
        if not self.in_session:
            self._answer(telegram, "NSYN")
            return
        if self._peer is None or telegram.epoch != self._peer[1]:
            self._counts["other_session"] += 1
            return
        if self._known(telegram):
            return
        try:
            code = judge(telegram, self._line, synchronised=self._sync_until is None, now=now)
        except FieldError:
            code = "FORM"
        if code == "FORM":
            self._counts["form"] += 1
        self._last = (telegram.sequence, self._answer(telegram, code))
        if code == "NSYN":  # who refuses with NSYN drops his own session (2)
            self._lose()

    def _known(self, telegram: Telegram) -> bool:
        """Rule 3: a repeat gets the same answer again, an older number none."""
        if self._last is None:
            return False
        sequence, answer = self._last
        if telegram.sequence == sequence:
            self._answers.append(answer)
            return True
        if is_ahead(sequence, telegram.sequence, SEQUENCE_LAST):
            self._counts["old"] += 1
            return True
        return False

    def _syes(self, telegram: Telegram, now: float) -> None:
        fields = Fields(telegram.body)
        try:
            term, durable_epoch, durable_evt = fields.number(8), fields.hex4(), fields.number(6)
            if telegram.version != "1" or telegram.epoch == 0 or telegram.sequence == 0:
                raise FieldError("no such version, epoch or sequence")
        except FieldError:
            self._counts["form"] += 1
            self._answer(telegram, "FORM")
            return
        if term < self._term:
            self._counts["old_term"] += 1
            self._answer(telegram, "OLDC")
            return
        if self._peer == (term, telegram.epoch) and self._known(telegram):
            return
        self._term, self._peer = term, (term, telegram.epoch)
        self._answers.clear()
        self._last = (telegram.sequence, self._answer(telegram, None))
        self._begin(durable_epoch, durable_evt, now)

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
        self._sync.append(Request("SYBE", lambda _: ""))
        self._sync.append(Request("SPED", lambda _: self._speed_body(0)))
        for start in range(0, len(items), self._trak_most):
            self._sync.append(trak(items[start : start + self._trak_most], line))
        self._sync_until = line.buffer.waiting[-1].evt if line.buffer.waiting else 0
        self._sent_until = max(self._sent_until, now)
        self.in_session = True

    def _answered(self, telegram: Telegram, now: float) -> None:
        request = self._open
        epoch = self._line.epoch
        if request is None or (telegram.epoch, telegram.sequence) != (epoch, request.sequence):
            self._counts["unmatched"] += 1
        elif telegram.flag == "A":
            self._done(request, keep=True)
            try:
                self._line.forget(Fields(telegram.body).number(6))
            except FieldError:
                self._counts["form"] += 1
        elif telegram.body.startswith("NSYN"):
            self._lose()
        elif telegram.body.startswith("BUSY"):  # again after the repeat time, not counted as a sending (2)
            request.sendings = max(0, request.sendings - 1)
            request.due = now + self._repeat_ms
        elif telegram.body.startswith("FORM"):  # the controller stored it raw (2)
            self._counts["refused"] += 1
            self._done(request, keep=False)
        else:
            self._counts["unknown"] += 1

    def _done(self, request: Request, *, keep: bool) -> None:
        self._open = None
        if request.event:
            self._line.buffer.settle(request.event, keep=keep)

    # Out

    def take(self, now: float) -> bytes:
        """All that may be said now: answers at once, and one request at a time."""
        out = b""
        if self._answers:
            out = b"".join(self._answers)
            self._answers.clear()
            self._on_wire(out, now)
        if self._open is None and self.in_session:
            self._open = self._next(now)
            if self._open:
                self._open.sequence = self._sequence
                self._open.due = now
                self._sequence = self._sequence % SEQUENCE_LAST + 1
        request = self._open
        if request is None or request.sendings >= SENDINGS_MOST or now < request.due:
            return out
        return out + self._send(request, now)

    def _send(self, request: Request, now: float) -> bytes:
        body, epoch = request.body(now), self._line.epoch
        data = frame(self._plc, self._controller, request.type, "R", epoch, request.sequence, body)
        self._on_wire(data, now)
        request.sendings += 1
        request.due = self._sent_until + self._repeat_ms
        if request.event:
            self._announce(request.event, now)
        return data

    def _announce(self, event: Event, now: float) -> None:
        track = event.values.get("track")
        item = self._line.tracking.items.get(track) if isinstance(track, int) else None
        if item:
            item.announced = True
        if event.type == "ARRV" and isinstance(track, int) and not event.sent:
            self.arrivals.append((self._line.epoch, track, now))
        event.sent = True

    def _on_wire(self, data: bytes, now: float) -> None:
        if data:
            self._sent_until = max(self._sent_until, now) + len(data) * self._byte_ms

    def _next(self, now: float) -> Request | None:
        """The order of rule 8 and of a synchronisation."""
        if self._sync:
            return self._sync.popleft()
        waiting = self._line.buffer.waiting
        if self._sync_until is not None and not (waiting and self._belongs_to_sync(waiting[0])):
            self._sync_until = None
            return Request("SYEN", lambda _: "")
        if waiting:
            return report(waiting[0])
        speed = self._line.tracking.speed
        if abs(speed - self._reported_speed) * 50 > self._reported_speed:  # more than 2 %
            return Request("SPED", lambda at: self._speed_body(at - self._line.tracking.speed_since))
        if now >= self._sent_until + LIFE_MS:
            return Request("LIFE", lambda _: "")
        return None

    def _belongs_to_sync(self, event: Event) -> bool:
        return bool(self._sync_until) and not is_ahead(event.evt, self._sync_until or 0, EVT_LAST)

    def _speed_body(self, age: float) -> str:
        tracking = self._line.tracking
        self._reported_speed = tracking.speed
        values = {"element": LINE, "mm_s": tracking.speed, "encoder": tracking.encoder(age), "age": int(age)}
        return report_body("SPED", values)
