"""`zebra_ssi`: driver and stub on one wire, with a disk that takes its time and with what gets lost between them."""

from __future__ import annotations

import random

import pytest

from devices.scanners import zebra_ssi
from devices.scanners.zebra_ssi import REPEATED
from devices.types import Kept, Read, Token
from firmware_stubs.scanners import zebra_ssi as stubs

CODES = 20


class Talk:
    """One conversation in virtual time. `loss` = how often all that one side writes at once gets lost."""

    def __init__(self, seed: int, loss: float) -> None:
        self._rng = random.Random(seed)
        self._loss = loss
        self._stub = stubs.Scanner(stubs.Settings(), seed, 0.0)
        self._driver = zebra_ssi.Driver(zebra_ssi.Settings())
        self._driver.opened(0.0, Kept())
        self._disk: list[tuple[float, Token]] = []
        self._now = 0.0
        self.read: list[str] = []
        self.slow = 0  # codes for which the disk took longer than a decoder waits

    def show(self, code: str) -> None:
        """The item lies before the scanner, and everybody has the time to say it."""
        self._stub.gate([code.encode()], self._now)
        end = self._now + 15_000.0
        self._exchange()
        while (due := self._next()) <= end:
            self._now = max(self._now, due)
            self._stub.tick(self._now)
            self._driver.tick(self._now)
            self._exchange()
        self._now = end

    def repeated(self) -> int:
        """How often the scanner said a code again."""
        return self._driver.counters.noted.get(REPEATED, 0)

    def _next(self) -> float:
        dues = (self._stub.next_at(), self._driver.next_at(), *(due for due, _ in self._disk))
        return min((due for due in dues if due is not None), default=1e12)

    def _exchange(self) -> None:
        for _ in range(8):
            for token in [token for due, token in self._disk if due <= self._now]:
                self._driver.confirm(token, self._now)
            self._disk = [(due, token) for due, token in self._disk if due > self._now]
            for item in self._driver.feed(self._arrives(self._stub.take()), self._now):
                if isinstance(item, Read) and item.token:
                    self.read.append(item.text)
                    takes = self._rng.choice([0.0, 1.0, 30.0, 3000.0])
                    self._disk.append((self._now + takes, item.token))
                    self.slow += takes > 2000.0
            self._stub.feed(self._arrives(self._driver.take()), self._now)

    def _arrives(self, data: bytes) -> bytes:
        return b"" if self._rng.random() < self._loss else data


def codes(seed: int) -> list[str]:
    """Some of one packet, some of several."""
    rng = random.Random(seed)
    return [f"S{seed}N{number}-" + "X" * rng.choice([0, 20, 240, 250, 600]) for number in range(CODES)]


@pytest.mark.parametrize("seed", range(5))
def test_each_code_is_read_once_however_long_the_disk_takes(seed: int) -> None:
    talk = Talk(seed, 0.0)
    for code in codes(seed):
        talk.show(code)
    assert talk.read == codes(seed)
    assert talk.repeated() == talk.slow, "it repeats only what had no acknowledgement in time"


@pytest.mark.parametrize("seed", range(10))
def test_no_code_is_read_twice_or_invented_whatever_gets_lost(seed: int) -> None:
    talk = Talk(seed, 0.2)
    for code in codes(seed):
        talk.show(code)
    assert len(talk.read) == len(set(talk.read))
    assert set(talk.read) <= set(codes(seed))
    assert len(talk.read) > CODES / 2, "most come through by repetition"
