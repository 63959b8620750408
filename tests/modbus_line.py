"""A bank of registers in place of a PLC, and a cable in virtual time: frames are built here by hand.

Frames are those of the Modbus Application Protocol V1.1b3 (functions 3 and 16, exceptions), Modbus over serial line
V1.02 (CRC-16, 11 bits a character) and Modbus messaging on TCP/IP V1.0b (MBAP header). What the bank does with its
registers is PLC interface v1 §4.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from devices.plcs.modbus import Driver, Settings, join
from devices.types import Destination, Item, Kept

T = TypeVar("T")
NUMBERS = {"IND-1": 2, "P2": 3, "L07": 17, "L08": 18, "L09": 19, "L10": 20, "DRV-1": 40}
LINES = {"LN2": 2}
EPOCH = 0x1A
KEPT = Kept(epoch=EPOCH, evt=0, boot=3, term=7)
DEST = Destination("IND-1", 417, 1, "PLAN", ("L07", "L08"))
SYES, SYBE, SYEN, TRAK, ARRV, DIVC, STAT, PASS = 1, 2, 3, 4, 5, 7, 10, 15
DONE, NSYN, LATE, BUSY, OLDC = 1, 17, 19, 23, 25


@lru_cache(4096)
def crc16(data: bytes) -> bytes:
    """CRC-16/MODBUS, bit by bit, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


def rtu(unit: int, pdu: bytes) -> bytes:
    frame = bytes([unit]) + pdu
    return frame + crc16(frame)


def mbap(transaction: int, unit: int, pdu: bytes) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


def reading(registers: Sequence[int]) -> bytes:
    return struct.pack(f">BB{len(registers)}H", 3, 2 * len(registers), *registers)


def record(kind: int, track: int = 0, edge: int = 0, **at: int) -> list[int]:
    """A record; `r3` … `r15` name the other registers."""
    values = [kind, track >> 16, track & 0xFFFF, *[0] * 13]
    values[7] = edge
    for name, value in at.items():
        values[int(name[1:])] = value
    return values


def arrv(track: int = 417, edge: int = 0, left: int = 1300) -> list[int]:
    return record(ARRV, track, edge, r3=2, r8=380, r9=1210, r10=left, r13=ord("S"))


def divc(track: int = 417, edge: int = 0) -> list[int]:
    return record(DIVC, track, edge, r4=17, r5=17, r6=1, r11=1, r13=ord("G"))


def passed(track: int, edge: int = 0) -> list[int]:
    return record(PASS, track, edge, r3=3)


@dataclass
class Plc:
    """The PLC's side of the registers, as small as it can be."""

    unit: int = 1
    epoch: int = EPOCH
    speed: int = 2500
    clock0: int = 0
    tracks: list[list[int]] = field(default_factory=list)
    results: list[int] = field(default_factory=list)
    """of the next commands; then DONE"""
    live: bool = True
    runs: bool = True
    takes: bool = True

    def __post_init__(self) -> None:
        self.r: dict[int, int] = dict.fromkeys((*range(544), *range(1024, 1296)), 0)
        self.r[0], self.r[1], self.r[6] = 1, self.epoch, self.speed
        self.buffer: list[list[int]] = []
        """records not durable, the last one is number `written`"""
        self.waiting: list[list[int]] = []
        """not in the ring yet"""
        self.commands: list[list[int]] = []
        """taken, SYES too"""
        self.asked: list[tuple[float, int, int, tuple[int, ...]]] = []
        """(when, address, count, values)"""
        self.exception = 0
        self.now = 0.0

    def jump(self, number: int) -> None:
        """As if so many records and commands had been: everything durable and taken."""
        for at in (3, 4, 1026, 1027, 1031):
            self.r[at] = number & 0xFFFF
        self.r[1028] = self.epoch

    def clock(self, now: float) -> int:
        return (int(now) + self.clock0) & 0xFFFF

    def event(self, *values: list[int]) -> None:
        self.waiting += values

    def scan(self, now: float) -> None:
        """One cycle of its program."""
        self.now = now
        self.r[5] = self.clock(now)
        if not self.runs:
            return
        if self.live:
            self.r[2] = int(now) // 500 % 65535 + 1
        while self.takes and self.r[4] != self.r[1027]:
            self._command()
        durable = self.r[1026] if self.r[1028] == self.r[1] else 0
        del self.buffer[: len(self.buffer) - ((self.r[3] - durable) & 0xFFFF)]
        taken = self.r[1031] if self.r[1028] == self.r[1] else 0
        while self.r[7] & 1 and self.waiting and (self.r[3] - taken) & 0xFFFF < 32:
            self._write(self.waiting.pop(0))

    def _write(self, values: list[int]) -> None:
        place = self.r[3] % 32
        self.r.update({16 + 16 * place + i: value for i, value in enumerate(values)})
        self.r[3] = (self.r[3] + 1) & 0xFFFF
        self.buffer.append(values)

    def _command(self) -> None:
        place = self.r[4] % 16
        values = [self.r[1040 + 16 * place + i] for i in range(16)]
        self.commands.append(values)
        result = self.results.pop(0) if self.results else DONE
        if values[0] == SYES and result == DONE:
            self._begin()
        elif not self.r[7] & 1 and values[0] != SYES:
            result = NSYN
        self.r[528 + place] = result
        self.r[4] = (self.r[4] + 1) & 0xFFFF

    def _begin(self) -> None:
        durable = self.r[1026] if self.r[1028] == self.r[1] else 0
        kept = [one for one in self.buffer[len(self.buffer) - ((self.r[3] - durable) & 0xFFFF) :] if one[0] > TRAK]
        self.r[3], self.r[7], self.buffer = durable, 1, []
        self.waiting = [record(SYBE), *self.tracks, *kept, *self.waiting, record(SYEN)]

    def answer(self, pdu: bytes, now: float) -> bytes:
        """The PDU that answers."""
        function, address, count = struct.unpack(">BHH", pdu[:5])
        values = struct.unpack(f">{count}H", pdu[6:]) if function == 16 else ()
        self.asked.append((now, address, count, values))
        if self.exception:
            return bytes([function | 0x80, self.exception])
        if function not in (3, 16):
            return bytes([function | 0x80, 1])
        if any(at not in self.r or (values and at < 1024) for at in range(address, address + count)):
            return bytes([function | 0x80, 2])
        if function == 3:
            self.scan(now)
            return reading([self.r[at] for at in range(address, address + count)])
        self.r.update({address + i: value for i, value in enumerate(values)})
        self.scan(now)
        return pdu[:5]


Fault = Callable[[bytes, list[tuple[float, bytes]]], list[tuple[float, bytes]]]
"""(request, [(ms later, bytes that arrive)]) -> the same, changed."""


class Port:
    """Drivers and PLCs on one cable. `now` moves only in `run`."""

    def __init__(self, drivers: Sequence[Driver], plcs: Sequence[Plc], kept: Kept = KEPT, opened: bool = True) -> None:
        self.drivers = list(drivers)
        self.plcs = {plc.unit: plc for plc in plcs}
        self.tcp = drivers[0].settings.transport == "tcp"
        self.char_ms = 0.0 if self.tcp else 11_000 / drivers[0].settings.baud
        self.now = 1000.0
        self.fault: Fault | None = None
        self.strict = True
        """nothing disturbs the wire: a request while an answer is coming is a mistake"""
        self.items: dict[int, list[Item]] = {driver.settings.unit: [] for driver in drivers}
        self.confirms = True
        """everything is durable at once"""
        self.sent: list[tuple[float, bytes]] = []
        self._coming: list[tuple[float, int, bytes]] = []
        if opened:
            for driver in self.drivers:
                driver.opened(self.now, kept)
            self._after()

    def _after(self) -> None:
        for driver in self.drivers:
            if data := driver.take():
                assert not (self.strict and self._coming), "one request at a time"
                self.sent.append((self.now, data))
                self._carry(data)

    def _carry(self, data: bytes) -> None:
        unit, pdu = (data[6], data[7:]) if self.tcp else (data[0], data[1:-2])
        if not self.tcp:
            assert crc16(data[:-2]) == data[-2:]
        plc = self.plcs.get(unit)
        there = self.now + len(data) * self.char_ms + (1.0 if self.tcp else 4.0)
        answers: list[tuple[float, bytes]] = []
        if plc is not None:
            answer = plc.answer(pdu, there)
            frame = mbap(struct.unpack(">H", data[:2])[0], unit, answer) if self.tcp else rtu(unit, answer)
            back = there + len(frame) * self.char_ms + (1.0 if self.tcp else 0.0)
            answers = [(back - self.now, frame)]
        if self.fault:
            self.strict = False
            answers = self.fault(data, answers)
        for later, frame in answers:
            self._say(later, frame)

    def say(self, later: float, data: bytes) -> None:
        """These bytes arrive so much later, unasked."""
        self.strict = False
        self._say(later, data)

    def _say(self, later: float, data: bytes) -> None:
        self._coming.append((self.now + later, len(self._coming), data))
        self._coming.sort()

    def _took(self, driver: Driver, items: Iterable[Item]) -> None:
        for item in items:
            self.items[driver.settings.unit].append(item)
            token = getattr(item, "token", None)
            if token is not None and self.confirms:
                driver.confirm(token, self.now)

    def step(self, end: float) -> bool:
        """The next thing that happens up to `end`; False = nothing."""
        dues = [at for driver in self.drivers if (at := driver.next_at()) is not None]
        at = min([*dues, *(one[0] for one in self._coming)], default=None)
        if at is None or at > end:
            self.now = end
            return False
        self.now = max(self.now, at)
        if self._coming and self._coming[0][0] <= self.now:
            _, _, data = self._coming.pop(0)
            for driver in self.drivers:
                self._took(driver, driver.feed(data, self.now))
        else:
            for driver in self.drivers:
                due = driver.next_at()
                if due is not None and due <= self.now:
                    self._took(driver, driver.tick(self.now))
        self._after()
        return True

    def run(self, ms: float, unit: int = 1) -> list[Item]:
        """Let time pass; the items of that unit."""
        start, end = len(self.items[unit]), self.now + ms
        for _ in range(200_000):
            if not self.step(end):
                return self.items[unit][start:]
        raise AssertionError("busy loop")


class Line(Port):
    """One driver and its PLC."""

    def __init__(
        self, transport: str = "tcp", plc: Plc | None = None, kept: Kept = KEPT, opened: bool = True, **more: Any
    ) -> None:
        self.plc = plc or Plc()
        self.settings = Settings(
            unit=self.plc.unit, numbers=NUMBERS, lines=LINES, transport=transport, **{"baud": 115_200, **more}
        )
        self.driver = Driver(self.settings)
        super().__init__([self.driver], [self.plc], kept, opened)

    def normal(self) -> Line:
        """Until the session is normal."""
        self.run(400.0 if self.tcp else 1500.0)
        assert kinds(self.items[1])[-1] == "Synchronised", self.items[1]
        self.items[1].clear()
        return self

    def told(self, *values: list[int], ms: float = 100.0) -> list[Item]:
        """The PLC says this; what comes of it."""
        self.plc.event(*values)
        self.plc.scan(self.now)
        return self.run(ms)


def bus(units: Sequence[int], baud: int = 115_200) -> Port:
    """Drivers of several units on one serial line."""
    drivers = [Driver(Settings(unit=unit, numbers=NUMBERS, baud=baud)) for unit in units]
    join(drivers)
    return Port(drivers, [Plc(unit) for unit in units])


def only(items: Sequence[Item], kind: type[T]) -> T:
    """The one item of that class."""
    found = [item for item in items if isinstance(item, kind)]
    assert len(found) == 1, items
    return found[0]


def kinds(items: Iterable[Item]) -> list[str]:
    return [type(item).__name__ for item in items]
