"""One direction of one cable: order is kept, and each piece arrives `ms` after it was sent, unless a fault says else.

A fault is a function `piece -> pieces`: lost is none, doubled is two, damaged is another one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import TypeAlias

from devices.types import Message
from tests.sim.clock import Act, Clock
from tests.sim.views import Piece

Fault: TypeAlias = Callable[[bytes], list[bytes]]
WIRE_MS = 1.0
MIXED_MS = 250.0


class Cable:
    """From one machine to another; `arrive((link, piece))` is called at the other end."""

    def __init__(self, clock: Clock, link: str, arrive: Act) -> None:
        self.damage: dict[int, Fault] = {}
        """by whoever does it"""
        self.cut = False
        """nothing comes through"""
        self.late_ms = 0.0
        self.mixed: Random | None = None
        """messages overtake each other, with these dice"""
        self.byte_ms = 0.0
        """what the line needs for a character"""
        self.struck_at = float("-inf")
        """when a fault last touched a piece"""
        self._clock = clock
        self._link = link
        self._arrive = arrive
        self._free_at = 0.0

    def send(self, data: Piece) -> None:
        """A machine wrote bytes, or published a message: no byte of it changes on the way, so what damages bytes cuts
        it off."""
        if self.cut:
            self.struck_at = self._clock.now
            return
        pieces = [data]
        for fault in self.damage.values():
            pieces = [after for piece in pieces for after in _struck(fault, piece)]
            if pieces != [data]:
                self.struck_at = self._clock.now
        if self.late_ms:
            self.struck_at = self._clock.now
        if self.mixed is not None:
            self.struck_at = self._clock.now
            for piece in pieces:
                self._clock.after(WIRE_MS + self.mixed.uniform(0.0, MIXED_MS), self._arrive, (self._link, piece))
            return
        for piece in pieces:
            begin = max(self._clock.now + WIRE_MS + self.late_ms, self._free_at)
            self._free_at = begin + (len(piece) * self.byte_ms if isinstance(piece, bytes) else 0.0)
            self._clock.at(self._free_at, self._arrive, (self._link, piece))


def _struck(fault: Fault, piece: Piece) -> list[Piece]:
    if not isinstance(piece, Message):
        return [*fault(piece)]
    whole = piece.payload
    return [piece if part == whole else replace(piece, payload=whole[: len(part) // 2]) for part in fault(whole)]
