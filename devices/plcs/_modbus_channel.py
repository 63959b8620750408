"""The controller's side of a PLC behind registers (PLC interface v1 §2, §4).

Theory. Nothing is sent to us; we read. A poll reads block 0; what it shows to be new, records of the event ring and
results of commands, is read next; and the poll after that tells whether it may be believed: another epoch voids it.
So what the PLC said becomes items at the second poll, and each record's age is counted from the first.

A channel is in one of the states of `_channel.State`. ASKING goes in steps: `poll` until the PLC is there and all
that was taken is durable -> `own`, read registers 1024 to 1031 -> `record`, write SYES -> `announce` it in 1027 ->
`wait` for its result. BEGINNING until SYBE stands in the ring, then as on the other encodings. In a session our
registers are written whenever something in them changed, and every 500 ms for the life counter.

Whatever fails, a request without an answer or with a wrong one, is followed by a poll, and voids what was read since
the last. That poll asks for another number of registers than the one before: over a serial line a late answer has the
wrong length.
"""

from __future__ import annotations

from devices.plcs._channel import MAY_SEND, SENDINGS, SESSION, SILENCE_MS, SYES_MS, State
from devices.plcs._messages import command as fields_of
from devices.plcs._modbus_bus import COMMAND, Due
from devices.plcs._modbus_codec import EXCEPTIONS, Answer, Ask, Stray
from devices.plcs._modbus_commands import place
from devices.plcs._modbus_events import WRAP
from devices.plcs._modbus_records import SIZE, write
from devices.plcs._modbus_session import RETRY_MS, Session
from devices.plcs._outbox import Waiting
from devices.types import Command, Kept

BLOCK = range(9, 16)
"""Registers that a poll reads: 9 are used, up to 15 are there."""

OWN, OWN_SIZE = 1024, 8
COMMAND_RING = 1040
LIFE_MS = 500.0


class Channel(Session):
    """One PLC; a member of a bus."""

    _block = BLOCK[0]

    # --- what the driver calls ----------------------------------------------------------------------------------------

    def opened(self, now: float, kept: Kept) -> None:
        """The channel is open: ask for a session, unless this term has been refused already."""
        self.closed(now)
        fenced = self.state is State.FENCED and self._term >= kept.term
        self._boot, self._term = kept.boot, kept.term
        self._intake.events.remember(kept)
        self._told.clear()
        self._good_at = self._heard_at = self._in_time = now
        if not fenced:
            self._ask_anew(now)
        self.bus.enter(self, now)
        self.advance(now)

    def closed(self, now: float) -> None:
        """The channel is gone, and with it its session and every command."""
        self.now = now
        if partial := self.bus.leave(self):
            self.stray(Stray("an incomplete answer", partial, True, garbled=True), now)
        self.out.clear()
        self._job = ""
        self._end("the channel was closed", False)
        if self.state is not State.FENCED:
            self.state = State.CLOSED

    def send(self, command: Command, now: float, expires: float | None) -> int:
        """Queue a command; see `Driver.send`."""
        kind, fields = fields_of(command)
        record = write(kind, fields, self._names)
        self._last_id += 1
        if self.state in MAY_SEND:
            waiting = Waiting(self._last_id, kind, {**fields, "record": record}, expires)
            self._give_up(self._commands.put(waiting), now)
            self._command_at = now
        else:
            self._give_up([(self._last_id, "no session")], now)
        self.advance(now)
        return self._last_id

    def confirm(self, token: tuple[int, int], now: float) -> None:
        """Everything up to `token` is on disk; the PLC reads it in 1026."""
        self.now = now
        durable = self._intake.events.durable
        self._intake.events.confirm(token)
        if self.state in SESSION and self._intake.events.durable != durable:
            self._touch(now)
        self.bus.run(now)

    def advance(self, now: float) -> None:
        """Do what is due at `now`."""
        self.now = now
        self._check_silence(now)
        self._expire(now)
        self.bus.run(now)

    def next_at(self) -> float | None:
        """When `advance` has something to do; the present, if items or bytes are waiting to be given."""
        if self.items or self.out:
            return self.now
        times = [self._commands.next_expiry(), self.bus.next_event(self.now)]
        if self.state in SESSION or (self.state is State.ASKING and self._pace.hangs_up):
            times.append(self._good_at + SILENCE_MS)
        return min((time for time in times if time is not None), default=None)

    # --- what the bus calls -------------------------------------------------------------------------------------------

    def due(self) -> Due | None:
        """When it wants to ask next."""
        if self.state in (State.CLOSED, State.FENCED):
            return None
        return self._plan()[1]

    def is_dead(self, now: float) -> bool:
        """Nothing was heard of it for 3 s."""
        return now >= self._heard_at + SILENCE_MS

    def write(self, data: bytes) -> None:
        """For the next `take`."""
        self.out += data

    def begin(self, now: float) -> Ask:
        """What to ask now."""
        self.now = now
        self._expire(now)
        if self.state in SESSION:
            self._commands.prepare(MAY_SEND.get(self.state, ()))
        self._job = self._plan()[0]
        self._ask = self._question(now)
        return self._ask

    def answered(self, answer: Answer, sampled: float, at: float) -> None:
        """What was asked is answered."""
        self.now = self._heard_at = at
        self._counters.frames += 1
        job, self._job = self._job, ""
        if answer.exception:
            why = EXCEPTIONS.get(answer.exception, "an exception that Modbus does not know")
            self._complain(f"MODBUS {answer.exception}", f"{self._ask}: {why}", answer.raw, at)
            self._void(at + RETRY_MS)
            self._undone(job, at, known=True)
            return
        if job in ("own", "record", "announce", "registers"):
            self._failures = 0
        match job:
            case "poll":
                self._polled(answer, sampled, at)
            case "events" | "results":
                del self._wanted[0]
                self._held.append((job, answer))
                self._poll_at = self._read_at = at
            case "own":
                self._own_read(answer.registers, at)
            case "record":
                self._commands.stage = "announce"
                self._step = "announce"
                self._command_at = at
            case "announce":
                self._commands.announced()
                self._step = "wait"
                self._poll_at = self._command_at = at

    def failed(self, why: str, raw: bytes, now: float) -> None:
        """No answer, or one that was not to be: nothing read since the last poll holds."""
        self.now = now
        self._counters.note(why)
        self._block = BLOCK[(BLOCK.index(self._block) + 1) % len(BLOCK)]
        self._void(now)
        job, self._job = self._job, ""
        self._undone(job, now, known=False)

    # --- asking -------------------------------------------------------------------------------------------------------

    def _plan(self) -> tuple[str, Due]:
        """What to ask next, and from when on."""
        poll = ("poll", Due(self._poll_at))
        if self._resync:
            return poll
        if self.state is State.ASKING:
            if self._step in ("own", "record", "announce"):
                return self._step, Due(self._command_at)
            return self._reading() or poll
        if self._commands.must_ask:
            return "own", Due(self._command_at, COMMAND)
        if self._commands.wants(MAY_SEND.get(self.state, ())):
            stage = "record" if self._commands.stage == "record" else "announce"
            return stage, Due(self._command_at, COMMAND)
        registers = ("registers", Due(self._life_at if self._dirty_at is None else self._dirty_at))
        reading = self._reading()
        wishes = (reading, registers) if reading else (registers, poll)
        return min(wishes, key=lambda wish: wish[1].at)

    def _reading(self) -> tuple[str, Due] | None:
        return (self._wanted[0][0], Due(self._read_at)) if self._wanted else None

    def _question(self, now: float) -> Ask:
        match self._job:
            case "poll":
                self._poll_sent = now
                return Ask(0, self._block)
            case "events" | "results":
                return self._wanted[0][1]
            case "own":
                return Ask(OWN, OWN_SIZE)
            case "record":
                batch = self._commands.batch
                values = tuple(register for one in batch for register in one.record)
                return Ask(COMMAND_RING + SIZE * place(self._commands.head + 1), len(values), values)
            case "announce":
                return Ask(OWN, OWN_SIZE, self._registers(self._commands.next_head, now))
            case _:
                return Ask(OWN, OWN_SIZE, self._registers(self._commands.head, now))

    def _registers(self, head: int, now: float) -> tuple[int, ...]:
        """1024 to 1031 as they are to be written."""
        if now >= self._life_at:
            self._life = self._life % WRAP + 1
            self._life_at = now + LIFE_MS
        self._dirty_at = None
        events = self._intake.events
        asking = self.state is State.ASKING
        durable, taken = (self._base, self._base) if asking else (events.durable, events.taken)
        epoch = self._epoch if asking else events.epoch
        return self._boot, self._life, durable, head, epoch, self._term >> 16 & WRAP, self._term & WRAP, taken

    def _undone(self, job: str, now: float, known: bool) -> None:
        """A request failed. `known`: the PLC has not done it, else it may have."""
        if job == "announce":
            self._commands.stage = "record" if known else "unsure"
        elif job == "registers":
            self._touch(now)
        if job not in ("own", "record", "announce", "registers"):
            return
        self._command_at = now
        self._failures += 1
        if self._failures >= SENDINGS:
            self._failures = 0
            self._lose(f"{self._ask} failed {SENDINGS} times", now)
            self._syes_at = now + SYES_MS
        elif self.state is State.ASKING:
            self._step = "poll"
