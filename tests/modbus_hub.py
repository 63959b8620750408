"""A controller as a script, for tests of a Modbus PLC: it builds and reads frames and records from PLC interface v1 §4.

No driver, no library and no codec of the project is used.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from firmware_stubs.plcs.modbus import Geometry, Plc, Settings

LINE = Geometry(
    points={"IND": 0, "EYE": 500, "DEC": 1000},
    inductions=["IND"],
    decisions=["DEC"],
    lanes={"L01": 3000, "L02": 4000, "EX": 6000},
    default_lane="EX",
    speed_mm_s=1000,
    length_mm=6500,
)
# At 1 mm a ms an item inducted at t is at DEC at t + 1000, at the gate of L01 at t + 3000; it is decided 50 ms earlier.
NUMBERS = {"IND": 10, "EYE": 11, "DEC": 12, "L01": 101, "L02": 102, "EX": 60_000, "L03": 103}
TYPES = {1: "SYES", 2: "SYBE", 3: "SYEN", 4: "TRAK", 5: "ARRV", 7: "DIVC", 8: "LOST", 9: "GHST", 10: "STAT", 13: "RCIR"}
TYPES |= {14: "INDU", 15: "PASS", 16: "OVFL", 17: "HAND", 18: "BUTN", 19: "CONT"}  # §4 "Types"
SYES, DEST, CMND, TIME = 1, 6, 11, 12
A, NSYN, UNKT, LATE, OLDD, LUNK, PUNK, MODE, OLDC, FORM = 1, 17, 18, 19, 20, 21, 22, 24, 25, 26  # §4 "528 … 543"


def crc(data: bytes) -> bytes:
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return struct.pack("<H", value)


def new(geometry: Geometry = LINE, **settings: object) -> Plc:
    values: dict[str, object] = {"numbers": NUMBERS} | settings
    return Plc(Settings(**values), geometry, seed=1, now=0.0)  # type: ignore[arg-type]


class Refused(Exception):
    """The server answered with a Modbus exception."""


class Record:
    """One record of the event ring."""

    def __init__(self, number: int, words: Sequence[int]) -> None:
        self.number = number
        self.words = words
        self.kind = TYPES[words[0] & 127]
        self.old = words[0] >= 128  # §4 "carries its type + 128"
        self.track = words[1] << 16 | words[2]  # §4 "1–2 track", high word first

    def __repr__(self) -> str:
        return f"{self.number} {self.kind} {list(self.words)}"


class Hub:
    """A Modbus TCP client that keeps the controller's counters; it takes each record once."""

    def __init__(self, plc: Plc, epoch: int = 3, term: int = 1) -> None:
        self.plc = plc
        self.epoch, self.term = epoch, term
        self.life = 0
        self.taken = 0
        self.durable = True  # what it takes is on its disk at once
        self._transaction = 0

    # Frames

    def ask(self, pdu: bytes, now: float) -> bytes:
        """The PDU of the answer."""
        self._transaction = (self._transaction + 1) & 0xFFFF
        head = struct.pack(">HH", self._transaction, 0)
        self.plc.feed(head + struct.pack(">HB", len(pdu) + 1, 7) + pdu, now)
        answer = self.plc.take()
        assert answer[:4] == head
        assert answer[4:7] == struct.pack(">HB", len(answer) - 6, 7)
        if answer[7] & 0x80:
            assert answer[7] & 0x7F == pdu[0]
            raise Refused(answer[8])
        return answer[7:]

    def read(self, address: int, count: int, now: float) -> list[int]:
        answer = self.ask(struct.pack(">BHH", 3, address, count), now)
        assert answer[:2] == bytes([3, 2 * count])
        return list(struct.unpack(f">{count}H", answer[2:]))

    def write(self, address: int, words: Sequence[int], now: float) -> None:
        count = len(words)
        answer = self.ask(struct.pack(f">BHHB{count}H", 16, address, count, 2 * count, *words), now)
        assert answer == struct.pack(">BHH", 16, address, count)

    # The session

    def live(self, now: float) -> None:
        self.life = self.life % 65535 + 1  # §4 1025
        self.write(1025, [self.life], now)

    def start(self, now: float, durable: int = 0) -> list[Record]:
        """SYES and everything up to SYEN."""
        assert self.begin(now, durable) == A
        return self.listen(now)

    def begin(self, now: float, durable: int = 0) -> int:
        """SYES with this durable number; its result."""
        epoch = self.read(1, 1, now)[0]
        head = self.read(1027, 1, now)[0]
        self.taken = durable
        self.life = self.life % 65535 + 1
        term = (self.term >> 16, self.term & 0xFFFF)
        self.write(1024, [self.epoch, self.life, durable, head, epoch, *term, durable], now)
        return self.command([SYES], now)

    def command(self, words: Sequence[int], now: float) -> int:
        """Write a record at its place, then the head; the result at the same place."""
        head = self.read(1027, 1, now)[0]
        place = head % 16
        self.write(1040 + 16 * place, [*words, *[0] * (16 - len(words))], now)
        self.write(1027, [(head + 1) % 65536], now)
        assert self.read(4, 1, now) == [(head + 1) % 65536]
        return self.read(528 + place, 1, now)[0]

    def dest(
        self, track: int, decision: int, lanes: Sequence[int], now: float, *, flags: int = 0, if_none: str = "D"
    ) -> int:
        first, second, third, fourth = [*lanes, 0, 0, 0, 0][:4]
        words = [DEST, track >> 16, track & 0xFFFF, NUMBERS["DEC"], first, second, 0, 0, 0, 0, 0, decision, 0]
        return self.command([*words, flags << 8 | ord(if_none), third, fourth], now)

    def cmnd(self, element: int, command: int, now: float) -> int:
        return self.command([CMND, 0, 0, element, 0, 0, command], now)

    def listen(self, now: float) -> list[Record]:
        """Everything that comes now; each record is taken, and durable if it is to be."""
        found: list[Record] = []
        while came := self.poll(now):
            found += came
            self.settle(now)
        return found

    def poll(self, now: float) -> list[Record]:
        """Block 0 and the records up to its head."""
        head = self.read(3, 1, now)[0]
        found = []
        while self.taken != head:
            self.taken = (self.taken + 1) % 65536
            words = self.read(16 + 16 * ((self.taken - 1) % 32), 16, now)  # §4 "at place (n − 1) mod 32"
            found.append(Record(self.taken, words))
        return found

    def settle(self, now: float) -> None:
        if self.durable:
            self.write(1026, [self.taken], now)
        self.write(1028, [self.read(1, 1, now)[0]], now)
        self.write(1031, [self.taken], now)


def kinds(records: Sequence[Record]) -> list[str]:
    return [one.kind for one in records]


def session(geometry: Geometry = LINE, **settings: object) -> tuple[Plc, Hub]:
    plc = new(geometry, **settings)
    hub = Hub(plc)
    hub.start(0.0)
    return plc, hub


def arrived(plc: Plc, hub: Hub, at: float = 1000.0) -> int:
    """An item stands at DEC at this time and the hub knows."""
    plc.edge("IND", 300, at - 1000)
    hub.live(at - 1000)
    track = plc.edge("DEC", 300, at)
    hub.live(at)
    hub.listen(at)
    return track
