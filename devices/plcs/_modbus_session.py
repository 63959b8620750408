"""What the answers of a PLC behind registers mean for the session (PLC interface v1 §2, §4).

`_modbus_channel` asks, this judges: a poll moves the session on or ends it, and says what is to be read next; what was
read is believed when the poll after it shows the same epoch; results answer commands.
"""

from __future__ import annotations

from collections.abc import Iterable

from devices.plcs._channel import SESSION, SILENCE_MS, SYES_MS, State
from devices.plcs._modbus_bus import Bus
from devices.plcs._modbus_codec import Answer, Ask, Stray
from devices.plcs._modbus_commands import PLACES, Commands, Placed, place
from devices.plcs._modbus_events import WRAP, ahead
from devices.plcs._modbus_intake import Intake
from devices.plcs._modbus_records import REFUSALS, SIZE, Names, write
from devices.plcs._outbox import Waiting
from devices.types import Answered, Counters, DeviceError, Garbled, GivenUp, Item, Lagging, SessionLost
from devices.value import value

MAP_VERSION = 1
EVENT_RING, RESULT_RING = 16, 528
MOST_RESULTS = 7
LATE_MS = 300.0
RETRY_MS = 100.0
"""After an exception, or a PLC that cannot be understood, it is left alone for so long."""

MUTE_MS = 2000.0
"""Who answers nothing for so long is not there; who answers only exceptions is, and needs no new connection."""

RAW = 64


@value
class Pace:
    """What the wire allows: ms from poll to poll (0 = without a pause), records in one request."""

    poll_ms: float
    most_records: int
    hangs_up: bool


class Session:
    """The session with one PLC. Items collect in `items`; whoever owns it empties them after each call."""

    def __init__(self, bus: Bus, unit: int, names: Names, pace: Pace, counters: Counters) -> None:
        self.bus = bus
        self.unit = unit
        self._names = names
        self._pace = pace
        self._counters = counters
        self.items: list[Item] = []
        self.out = bytearray()
        self.now = 0.0
        self._commands = Commands(pace.most_records)
        self._intake = Intake(names, counters, self.items, self._left)
        self._last_id = 0
        self._boot = self._term = 0
        self._told: set[str] = set()

        self._life = 0
        self._job = ""
        self._ask = Ask(0, 1)
        self._step = "poll"
        self._epoch = self._base = self._head = self._tail = 0
        """the PLC's epoch, head and tail at the last poll while asking, and what SYES says to be durable"""
        self._wanted: list[tuple[str, Ask]] = []
        self._held: list[tuple[str, Answer]] = []
        self._resync = False
        self._zero_since: float | None = None
        """since when the PLC has not written version or epoch"""
        self._failures = 0
        self._poll_at = self._read_at = self._poll_sent = self._in_time = 0.0
        self._good_at = self._heard_at = self._syes_at = self._begun_at = 0.0
        self._life_at = self._command_at = 0.0
        self._dirty_at: float | None = None

    @property
    def state(self) -> State:
        """Where the session is."""
        return self._intake.state

    @state.setter
    def state(self, state: State) -> None:
        self._intake.state = state

    # --- what a poll shows --------------------------------------------------------------------------------------------

    def _polled(self, answer: Answer, sampled: float, at: float) -> None:
        version, epoch, life, head, tail, clock, speed, flags, _ = answer.registers[:9]
        self._poll_at, self._read_at = max(at, self._poll_sent + self._pace.poll_ms), at
        if version != MAP_VERSION or not epoch:
            self._not_started(version, epoch, answer.raw, at)
            return
        self._zero_since = None
        self._resync, self._good_at = False, at
        held, self._held = self._held, []
        self._intake.clock.polled(sampled)
        self._clock_answer(sampled, at)
        alive = self._intake.alive(life, at)
        self._intake.speed = (speed, sampled)
        if self.state is State.ASKING:
            self._asking_polled(epoch, head, tail, held, at)
        elif epoch != self._intake.events.epoch:
            self._lose(f"the PLC speaks in epoch {epoch:04X}", at)
        elif not flags & 1:
            self._lose("the PLC has no session", at)
        elif not alive:
            self._lose("the PLC's life counter has stood still for 3 s", at)
        else:
            self._intake.tell_speed(at)
            self._believe(held, at)
        if self.state in SESSION:
            self._look(head, tail, clock, sampled, at)

    def _not_started(self, version: int, epoch: int, raw: bytes, at: float) -> None:
        """A PLC that starts writes its epoch last: for a while that is no mistake, another map version is."""
        if self._zero_since is None:
            self._zero_since = at
        why = f"register 1 is {epoch}: the PLC must write its epoch there when it has started"
        if version != MAP_VERSION:
            why = f"register 0 is {version}: the PLC must write map version {MAP_VERSION} there"
        if (version not in (0, MAP_VERSION)) or at >= self._zero_since + SILENCE_MS:
            self._complain("VERSION", why, raw, at)
        if self.state in SESSION:
            self._lose(why, at)
        self._step = "poll"
        self._epoch = 0
        self._void(at + RETRY_MS)

    def _clock_answer(self, sampled: float, at: float) -> None:
        took = sampled - self._poll_sent - self.bus.wire.time(5)
        if took <= LATE_MS:
            self._in_time = self._poll_sent
        elif self.state in SESSION:
            self.items.append(Lagging(took, self._in_time, at, sure=True))

    def _asking_polled(self, epoch: int, head: int, tail: int, held: list[tuple[str, Answer]], at: float) -> None:
        if epoch != self._epoch:
            self._step = "poll"
            self._commands.clear("")
            self._epoch = epoch
        self._head, self._tail = head, tail
        if self._step == "poll":
            if at >= self._syes_at and self._intake.events.all_durable(epoch):
                self._step, self._command_at = "own", at
        elif self._step == "wait":
            self._believe(held, at)
            if self.state is State.ASKING and self._step == "wait":
                self._want_results(tail, at)
                if not self._wanted and at >= self._syes_at:
                    self._step = "poll"

    def _own_read(self, own: tuple[int, ...], at: float) -> None:
        """1024 to 1031 as they are in the PLC: before SYES, or to learn whether a batch is in force."""
        if self.state is not State.ASKING:
            self._commands.read_back(own[3])
            self._command_at = at
            return
        self._base = self._intake.events.base(self._epoch, self._head, own)
        self._syes_at = at + SYES_MS
        mine = (self._boot, self._base, self._commands.head, self._epoch, self._term >> 16 & WRAP, self._term & WRAP)
        if self._commands.placed and (own[0], *own[2:7]) == mine:
            self._step = "wait"  # SYES stands there still, and is as it should be
            return
        self._commands.clear("")
        self._life, self._life_at = own[1], at
        self._commands.head = own[3]
        waiting = (own[3] - self._tail) & WRAP
        if waiting >= PLACES:
            why = f"{waiting} commands are not taken: the PLC must take those up to register 1027 and move 4 on"
            self._complain("RING", why, b"", at)
        if waiting == PLACES:
            self._step = "poll"
            return
        if waiting > PLACES:
            self._commands.head = self._tail  # no PLC comes from there to 1027
        self._commands.place_syes(write("SYES", {}, self._names))
        self._step = "record"

    def _believe(self, held: list[tuple[str, Answer]], at: float) -> None:
        """What was read before this poll is of this epoch. Results first: a DEST is answered before its DIVC."""
        for kind, answer in sorted(held, key=lambda one: one[0], reverse=True):
            if kind == "results":
                for value in answer.registers:
                    if not self._result(value, answer.raw, at):
                        break
            elif self.state in SESSION:
                records = answer.registers
                self._intake.take([records[i : i + SIZE] for i in range(0, len(records), SIZE)], at)
                self._touch(at)

    def _look(self, head: int, tail: int, clock: int, sampled: float, at: float) -> None:
        """In a session: what to read next."""
        events = self._intake.events
        new = (head - events.taken) & WRAP
        if self.state is State.BEGINNING and at >= self._begun_at + SILENCE_MS:
            self._lose("the PLC took SYES and began nothing: it must set 3 back to 1026 and write SYBE next", at)
        elif new > 32 and self.state is not State.BEGINNING:
            why = f"3 is {head} and 1031 is {events.taken}: the PLC must write at most 32 records ahead of 1031"
            self._complain("HEAD", why, b"", at)
            self._lose(why, at)
        else:
            if 0 < new <= 32:
                self._intake.clock.mark(head, clock, sampled, events.taken)
                first = (events.next - 1) % 32
                count = min(new, 32 - first, self._pace.most_records)
                self._wanted.append(("events", Ask(EVENT_RING + SIZE * first, SIZE * count)))
            self._want_results(tail, at)

    def _want_results(self, tail: int, at: float) -> None:
        commands = self._commands
        done = ahead(tail, commands.first) + 1
        if commands.stage == "unsure":
            return  # it may have taken what we do not know to be in force
        if done > len(commands.placed) and (commands.placed or self.state in SESSION):
            why = f"4 is {tail} and 1027 is {commands.head}: the PLC must not take commands that are not there"
            self._complain("TAIL", why, b"", at)
            self._lose(why, at)
        elif done > 0 and commands.placed:
            first = place(commands.first)
            count = min(done, MOST_RESULTS, PLACES - first)
            self._wanted.append(("results", Ask(RESULT_RING + first, count)))

    # --- results ------------------------------------------------------------------------------------------------------

    def _result(self, value: int, raw: bytes, at: float) -> bool:
        """The answer to the oldest command in force; False = the next ones say nothing."""
        if not self._commands.placed:
            return False
        one = self._commands.placed[0]
        known = 16 < value <= 16 + len(REFUSALS)
        refusal = None if value == 1 else REFUSALS[value - 17] if known else str(value)
        if not known and value != 1:
            number = self._commands.first
            why = f"result {value} of command {number}: the PLC must write 1 or 17 to 26 before it moves 4 on"
            self._complain("RESULT", why, raw, at)
            if not value:
                return False
        if refusal is not None:
            self._counters.note(f"refused {refusal if known else 'otherwise'}")
        if one.command is None:
            self._commands.answered(one)
            self._syes_answered(refusal, raw, at)
            return False
        return self._command_answered(one, one.command, refusal, at)

    def _command_answered(self, one: Placed, command: Waiting, refusal: str | None, at: float) -> bool:
        is_open = self._commands.is_open(one)
        if refusal == "BUSY" and is_open:
            self._commands.busy(one, at)
            return True
        self._commands.answered(one)
        if is_open:
            self.items.append(Answered(command.id, refusal, at))
        else:
            self._counters.note("answer to nothing open")
        if refusal == "NSYN":
            self._lose("the PLC has no session", at)
            return False
        return True

    def _syes_answered(self, refusal: str | None, raw: bytes, at: float) -> None:
        self._step = "poll"
        if refusal is None:
            self.state, self._begun_at = State.BEGINNING, at
            self._intake.resume(self._epoch, self._base, at)
        elif refusal == "OLDC":
            self.state = State.FENCED
            why = f"the PLC obeys a controller with a newer term than {self._term}: stopped until restarted"
            self.items.append(DeviceError(refusal, why, raw, at))
        elif refusal == "BUSY":
            self._syes_at = at + LATE_MS
        else:
            self.items.append(DeviceError(refusal, "the PLC refused SYES", raw, at))

    # --- endings ------------------------------------------------------------------------------------------------------

    def _check_silence(self, now: float) -> None:
        """No good poll for 3 s: the session is lost, and a connection on which nothing comes at all."""
        if now < self._good_at + SILENCE_MS:
            return
        mute = now >= self._heard_at + MUTE_MS
        if self.state in SESSION or (self.state is State.ASKING and self._pace.hangs_up and mute):
            self._lose("no good poll for 3 s", now, hang_up=mute)
        elif self.state is State.ASKING and self._pace.hangs_up:
            self._good_at = now

    def _lose(self, why: str, now: float, hang_up: bool = False) -> None:
        """The session is lost while the channel stands: ask for a new one, at once unless the connection is about to
        be closed."""
        self._end(why, hang_up)
        self._ask_anew(now + (SYES_MS if hang_up and self._pace.hangs_up else 0.0))

    def _ask_anew(self, at: float) -> None:
        self.state, self._step = State.ASKING, "poll"
        self._syes_at = self._poll_at = at
        if self._pace.hangs_up:
            self._good_at = max(self._good_at, at)
        self._resync = True
        self._failures = 0
        self._epoch = 0
        self._dirty_at = None

    def _end(self, why: str, hang_up: bool) -> None:
        self._give_up(self._commands.clear(f"session lost: {why}"), self.now)
        self._wanted.clear()
        self._held.clear()
        if self.state in SESSION or hang_up:
            self.items.append(SessionLost(why, self.now, hang_up))

    def _expire(self, now: float) -> None:
        self._give_up(self._commands.expire(now), now)

    def _left(self, track: int, at: float) -> None:
        """The track has ended."""
        self._give_up(self._commands.left(track), at)

    def _give_up(self, commands: Iterable[tuple[int, str]], now: float) -> None:
        self.items += [GivenUp(number, why, now) for number, why in commands]

    def _complain(self, code: str, why: str, raw: bytes, at: float) -> None:
        """Say what the PLC does wrong, once until the channel is opened anew."""
        if code not in self._told:
            self._told.add(code)
            self.items.append(DeviceError(code, why, raw[:RAW], at))

    def _touch(self, now: float) -> None:
        """Something in our registers has changed."""
        if self._dirty_at is None:
            self._dirty_at = now

    def _void(self, poll_at: float) -> None:
        """A poll comes next, and what was read since the last does not count."""
        self._resync = True
        self._poll_at = poll_at
        self._wanted.clear()
        self._held.clear()

    def stray(self, found: Stray, at: float) -> None:
        """Bytes that are not the answer waited for."""
        if found.garbled:
            self._counters.bad(found.why)
            self.items.append(Garbled(found.raw[:RAW], found.why, at))
        elif not found.void:
            self._counters.note(found.why)
