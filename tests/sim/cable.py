"""One direction of one cable: order is kept, and each piece arrives `ms` after it was sent, unless a fault says else.

A fault is a function `piece -> pieces`: lost is none, doubled is two, damaged is another one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from tests.sim.clock import Act, Clock

Fault: TypeAlias = Callable[[bytes], list[bytes]]
WIRE_MS = 1.0


class Cable:
    """From one machine to another; `arrive((link, piece))` is called at the other end."""

    def __init__(self, clock: Clock, link: str, arrive: Act) -> None:
        self.damage: dict[int, Fault] = {}
        """by whoever does it"""
        self.cut = False
        """nothing comes through"""
        self.late_ms = 0.0
        self.struck_at = float("-inf")
        """when a fault last touched a piece"""
        self._clock = clock
        self._link = link
        self._arrive = arrive
        self._free_at = 0.0

    def send(self, data: bytes) -> None:
        """A machine wrote something."""
        if self.cut:
            self.struck_at = self._clock.now
            return
        pieces = [data]
        for fault in self.damage.values():
            pieces = [after for piece in pieces for after in fault(piece)]
            if pieces != [data]:
                self.struck_at = self._clock.now
        if self.late_ms:
            self.struck_at = self._clock.now
        for piece in pieces:
            self._free_at = max(self._clock.now + WIRE_MS + self.late_ms, self._free_at)
            self._clock.at(self._free_at, self._arrive, (self._link, piece))
