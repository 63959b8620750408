"""What a machine understands of what is said to it: so that two talks can be compared by their meaning.

A kind of stub whose answers carry numbers of the host, or to whom some things are said whenever there is time, has an
ear of its own: its module has `ear() -> Ear`. All others hear byte by byte, message by message.

Source: what each kind's protocol says; an ear is written from there, never from a driver.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Protocol

from firmware_stubs.stub import Message, Piece

GARBLED = "garbled"
"""what is said about nothing, because nothing is understood"""

Number = tuple[int, ...]
"""what an answer repeats of its request"""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that was said to a machine.

    `about`: things about the same are compared in their order, others are not. `text`: its meaning, without what only
    says when it was said; empty = nothing is left, so it is not compared. `repeats`: said again without an answer, it
    means the same once. `number`: what an answer repeats; then `asks` says what is asked, whatever the details are, so
    that the answer of another time finds it. `answer`: what the machine says to it where no recorded answer does.
    """

    about: str
    text: str
    number: Number | None = None
    asks: str = ""
    repeats: bool = False
    answer: Piece | None = None


class Ear(Protocol):
    """One machine's ear, for one direction of talk: use one for each talk that is compared."""

    def told(self, piece: Piece) -> list[Told]:
        """What a piece of the host says; half a frame waits for its rest."""

    def parts(self, piece: Piece) -> list[tuple[Number | None, Piece]]:
        """What the machine says, in parts: each with the number that it repeats, if it does. Half a frame waits."""

    def renumbered(self, part: Piece, number: Number) -> Piece:
        """A part with another number."""


class PlainEar:
    """Every byte counts, and so does every message."""

    def told(self, piece: Piece) -> list[Told]:
        """Byte by byte, so that it does not matter how they came in pieces."""
        if isinstance(piece, Message):
            return [Told(piece.topic, f"{piece.topic} {piece.payload.decode('utf-8', 'backslashreplace')}")]
        return [Told("bytes", f"{byte:02x} {chr(byte) if 0x20 < byte < 0x7F else ''}".strip()) for byte in piece]

    def parts(self, piece: Piece) -> list[tuple[Number | None, Piece]]:
        """As it is."""
        return [(None, piece)]

    def renumbered(self, part: Piece, number: Number) -> Piece:
        """There are no numbers."""
        return part


def ear_of(module: ModuleType | None) -> Ear:
    """The ear of a kind."""
    ear: Ear = module.ear() if module is not None and hasattr(module, "ear") else PlainEar()
    return ear
