"""What all wires of the stubs have in common."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from firmware_stubs.stub import Knock, Message, Piece

BUFFER = 65536  # bytes that wait for a reader
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0  # between two attempts to connect

Heard = Callable[[Piece], None]
Job: TypeAlias = Coroutine[Any, Any, None]


class PortError(Exception):
    """A link cannot be opened; the text says which, and what to do."""


class MediumError(ValueError):
    """What is asked of a wire is not possible on its medium; the text says why."""


@dataclass(frozen=True, slots=True)
class Side:
    """The machine's side of a wire: what happens on the wire is told to it. See `Stub` for each."""

    heard: Heard
    connected: Callable[[bool], None] = lambda there: None  # `opened` and `closed`
    knock: Callable[[bytes, bool], Knock] = lambda data, new: Knock(admitted=True)
    subscriptions: tuple[tuple[str, int], ...] = ()
    will: Message | None = None


class Wire(Protocol):
    """One stub's cable."""

    @property
    def where(self) -> str:
        """What the other side opens."""

    @property
    def dropped(self) -> int:
        """Messages that nobody took in time."""

    def jobs(self) -> list[Job]:
        """What must run as tasks while the wire is used, each until it is cancelled. Asked for once."""

    def write(self, piece: Piece) -> None:
        """Whole messages; never blocks."""

    def hang_up(self) -> None:
        """Close the connection behind what was written; the wire stays."""

    def close(self) -> None:
        """Unplug for ever."""

    def unplug(self) -> None:
        """Pull the cable out: whoever is at the other end sees what he would see of the medium. Twice: nothing more."""

    async def plug(self) -> None:
        """Plug it in again, under another name where the medium has names. One that is plugged in stays as it is.

        Raises PortError or OSError when that is not possible now.
        """

    def flow(self, stopped: bool) -> None:
        """The machine takes nothing more (XOFF) until it is not `stopped`. Raises MediumError where nothing does so."""


class Pauses:
    """How long to wait before each new attempt to connect, and whether to say why: a reason is said once in a row."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._next = FIRST_PAUSE_S
        self._said = ""

    def connected(self) -> None:
        """It worked."""
        self._next, self._said = FIRST_PAUSE_S, ""

    def failed(self, why: str) -> None:
        """It did not."""
        if why != self._said:
            say(f"{self._where}: {why}; tried again until it works")
        self._said = why

    def pause_s(self) -> float:
        """Seconds; longer each time."""
        pause, self._next = self._next, min(self._next * 2, LONGEST_PAUSE_S)
        return pause


def say(text: str) -> None:
    """To the technician."""
    print(f"floorsim: {text}", file=sys.stderr, flush=True)
