"""The channel of rings and counters, seen from the PLC: session, commands, what its registers show.

Source: PLC interface v1 §4, and §2 for the rules of the channel (numbers in comments are theirs). Everything happens in
the PLC's scan, so what the controller reads at once belongs together.
"""

from __future__ import annotations

from firmware_stubs.plcs._line import Line
from firmware_stubs.plcs._modbus_buffer import Buffer
from firmware_stubs.plcs._modbus_commands import judge
from firmware_stubs.plcs._modbus_records import RECORD, TYPES, WORD_MOST, Numbers, clock, result
from firmware_stubs.plcs._modbus_registers import (
    COMMAND_HEAD,
    COMMAND_RING,
    COMMANDS,
    CONTROLLER_EPOCH,
    CONTROLLER_LIFE,
    COUNT,
    DURABLE,
    DURABLE_EPOCH,
    RESULTS,
    TAKEN,
    TERM,
    Registers,
)
from firmware_stubs.plcs._modbus_ring import EventRing

MAP_VERSION = 1
LIFE_MS = 500.0
SILENCE_MS = 3000.0


class Channel:
    """The session of one PLC and its two rings."""

    def __init__(self, line: Line, buffer: Buffer, numbers: Numbers, *, head: int, commands: int, now: float) -> None:
        """`head`, `commands`: records written and commands taken so far in this epoch, all of them done with."""
        self.in_session = False
        self.registers = orders = Registers()
        self.ring = EventRing(line, self.registers, numbers, head, now)
        self._line = line
        self._buffer = buffer
        self._numbers = numbers
        self._term = 0  # the highest ever, kept over power loss (9)
        self._peer = (0, 0)  # term and epoch to which the session belongs
        self._life, self._life_at = 0, now  # the controller's
        self._start = now  # of the PLC's own life
        self._stands_at: float | None = None  # since when its life does not go on
        self._tail = commands
        orders.put(COMMAND_HEAD, [commands])
        for address, word in ((DURABLE, head), (TAKEN, head), (DURABLE_EPOCH, line.epoch)) if head else ():
            orders.put(address, [word])

    # Time and power

    def tick(self, now: float) -> None:
        """Notice that the controller is gone, and write what there is to write."""
        if self.in_session and now >= self._life_at + SILENCE_MS:
            self._lose()
        self.ring.write(now)

    def next_at(self) -> float | None:
        """When the session is lost if nothing comes."""
        return self._life_at + SILENCE_MS if self.in_session else None

    def power_cycle(self, now: float, *, retentive: bool) -> None:
        """The PLC was off: no session. Not retentive: every register is 0, and the line's epoch is to be a new one."""
        self._lose()
        if retentive:
            return
        self.registers.clear()
        self._start, self._stands_at = now, None if self._stands_at is None else now
        self._life = self._tail = 0
        self.ring.number_from(0)

    def hush(self, on: bool, now: float) -> None:
        """Its life stands still, or goes on from there."""
        if on and self._stands_at is None:
            self._stands_at = now
        elif not on and self._stands_at is not None:
            self._start += now - self._stands_at
            self._stands_at = None

    def _lose(self) -> None:
        self.in_session = False
        self.ring.close()

    # What the controller reads

    def show(self, now: float) -> None:
        """Bring what is read up to the moment: block 0, and which records in the ring have become old."""
        line = self._line
        lived = (now if self._stands_at is None else self._stands_at) - self._start
        life = 1 + int(lived / LIFE_MS) % WORD_MOST
        speed, lost = (min(number, WORD_MOST) for number in (line.tracking.speed, self._buffer.lost_ever))
        block = (MAP_VERSION, line.epoch, life, self.ring.head, self._tail, clock(now), speed, self.in_session, lost)
        self.registers.put(0, [int(word) for word in block])
        self.ring.age(now)

    # What the controller wrote

    def heed(self, now: float) -> None:
        """A scan after the controller wrote something: counters first, then commands, then events."""
        fenced = self._term_now() < self._term  # another controller, whose time is over, wrote over the registers (9)
        if not fenced:
            self._listen(now)
        self._obey(fenced, now)
        self.ring.write(now)

    def _term_now(self) -> int:
        return self.registers[TERM] << 16 | self.registers[TERM + 1]

    def _listen(self, now: float) -> None:
        orders = self.registers
        if orders[CONTROLLER_LIFE] != self._life:
            self._life, self._life_at = orders[CONTROLLER_LIFE], now
        if not self.in_session:
            return
        if self._peer != (self._term_now(), orders[CONTROLLER_EPOCH]):
            self._lose()
        elif orders[DURABLE_EPOCH] == self._line.epoch:
            self.ring.take(orders[TAKEN], orders[DURABLE])

    # Commands

    def _obey(self, fenced: bool, now: float) -> None:
        waiting = (self.registers[COMMAND_HEAD] - self._tail) % COUNT
        if waiting > COMMAND_RING:  # which of them are lost cannot be told: none is obeyed
            self._line.counts["commands_astray"] += 1
            self._lose()
            self.registers.put(RESULTS, [result("NSYN")] * COMMAND_RING)
            self._tail = self.registers[COMMAND_HEAD]
            return
        for _ in range(waiting):
            place = self._tail % COMMAND_RING
            words = self.registers.words(COMMANDS + RECORD * place, RECORD)
            assert words is not None  # the ring is there
            refusal = self._judge(words, fenced, now)
            self._line.counts["form"] += refusal == "FORM"
            self.registers.put(RESULTS + place, [result(refusal)])
            self._tail = (self._tail + 1) % COUNT
            if refusal == "NSYN":  # who refuses with NSYN drops his own session (2)
                self._lose()

    def _judge(self, words: list[int], fenced: bool, now: float) -> str | None:
        if words[0] == TYPES["SYES"]:
            return self._syes(fenced, now)
        if not self.in_session:
            return "NSYN"
        if fenced:
            return "OLDC"
        return judge(words, self._numbers, self._line, synchronised=self.ring.synchronised, now=now)

    def _syes(self, fenced: bool, now: float) -> str | None:
        if fenced:
            self._line.counts["old_term"] += 1
            return "OLDC"
        orders, durable = self.registers, None
        if orders[DURABLE_EPOCH] == self._line.epoch:
            durable = orders[DURABLE]
            if orders[TAKEN] != durable:  # numbers that were taken and are not durable would be given away again
                return "FORM"
        self._term = self._term_now()
        self._peer = (self._term, orders[CONTROLLER_EPOCH])
        self._life_at = now
        self.ring.begin(durable, now)
        self.in_session = True
        return None
