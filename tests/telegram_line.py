"""A script in place of a PLC: it builds its telegrams with a crc of its own and answers what the test says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

from devices.plcs.telegram import Driver, Settings
from devices.types import (
    Destination,
    Item,
    Kept,
)
from tests import transcripts

T = TypeVar("T")
WORKED = transcripts.read("telegram")
EPOCH = 0x1A
KEPT = Kept(epoch=EPOCH, evt=411, boot=3, term=7)

DEST = Destination("IND-1", 417, 1, "PLAN", ("L07", "L08"))


def crc16(text: str) -> str:
    """CRC-16/CCITT-FALSE, bit by bit."""
    crc = 0xFFFF
    for byte in text.encode():
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return f"{crc:04X}"


def frame(text: str) -> bytes:
    return b"\x02" + (text + crc16(text)).encode() + b"\x03"


def plc(kind: str, seq: int, body: str = "", flag: str = "R", epoch: int = EPOCH, version: str = "1") -> bytes:
    """A telegram of the PLC."""
    return frame(f"{version}PLC1HUB.{kind:.<4}{flag}{epoch:04X}{seq:04}{len(body):03}{body}")


def own(kind: str, seq: int, body: str = "", flag: str = "R", epoch: int = 3) -> bytes:
    """A telegram of the controller."""
    return frame(f"1HUB.PLC1{kind:.<4}{flag}{epoch:04X}{seq:04}{len(body):03}{body}")


def arrv(evt: int, track: int = 417) -> str:
    return f"{evt:06}IND-1.......{track:06}0001201300003800121000000000S0"


def divc(evt: int, track: int = 417) -> str:
    return f"{evt:06}{track:06}0001L07.........L07.........OKG0000003"


def only(items: Sequence[Item], kind: type[T]) -> T:
    """The one item of that class."""
    found = [item for item in items if isinstance(item, kind)]
    assert len(found) == 1, items
    return found[0]


def has(items: Sequence[Item], kind: type[Item]) -> bool:
    return any(isinstance(item, kind) for item in items)


class Line:
    """A driver with a clock and the next sequence number of the PLC."""

    def __init__(self, settings: Settings | None = None, kept: Kept = KEPT) -> None:
        self.driver = Driver(settings or Settings())
        self.now = 1000.0
        self.seq = 6240
        self.boot = kept.boot
        self.driver.opened(self.now, kept)

    def feed(self, *telegrams: bytes) -> list[Item]:
        return list(self.driver.feed(b"".join(telegrams), self.now))

    def request(self, kind: str, body: str = "", epoch: int = EPOCH) -> tuple[list[Item], bytes]:
        """A new request of the PLC; the items it gives and what the driver writes."""
        self.seq = self.seq % 9999 + 1
        items = self.feed(plc(kind, self.seq, body, epoch=epoch))
        return items, self.driver.take()

    def answer(self, kind: str, seq: int, code: str = "", boot: int | None = None) -> list[Item]:
        return self.feed(plc(kind, seq, code, "N" if code else "A", boot or self.boot))

    def tick(self, after_ms: float) -> list[Item]:
        self.now += after_ms
        return list(self.driver.tick(self.now))

    def run(self, ms: float) -> list[Item]:
        """Let time pass, calling `tick` exactly when the driver wants it."""
        end = self.now + ms
        items: list[Item] = []
        for _ in range(10_000):
            at = self.driver.next_at()
            if at is None or at > end:
                self.now = end
                return items
            self.now = max(self.now, at)
            items += self.driver.tick(self.now)
            assert self.driver.next_at() != at, "tick at next_at() must make progress"
        raise AssertionError("busy loop")

    def begin(self, epoch: int = EPOCH) -> list[Item]:
        """SYES is taken and SYBE comes."""
        self.driver.take()
        items = self.answer("SYES", self.driver.next_sequence - 1)
        return items + self.request("SYBE", epoch=epoch)[0]

    def normal(self, epoch: int = EPOCH) -> Line:
        self.begin(epoch)
        self.request("SYEN", epoch=epoch)
        self.driver.take()
        return self


def seqs(data: bytes) -> list[tuple[str, str, int]]:
    """(type, flag, sequence) of the telegrams in these bytes."""
    return [(m[1].rstrip("."), m[2], int(m[3])) for m in re.finditer(r"\x021.{8}(.{4})(.).{4}(.{4})", data.decode())]
