"""Whose turn it is on a port with one reader or with several: one command is under way at a time, first come first.

A reader that does not answer holds the others up for twice `answer_ms` a command. The first command after the opening
has ESC in front, which clears what the reader has received so far.
"""

from __future__ import annotations

from typing import Protocol

from devices.commands import MOST_WAITING, Commands
from devices.types import Answered, GivenUp

ESC = b"\x1b"


class Member(Protocol):
    """A driver as the bus sees it."""

    address: int

    def given_up(self, ended: GivenUp) -> None:
        """One of its commands has ended without an answer."""


class Bus:
    """One port; `count` drivers share it."""

    def __init__(self, answer_ms: float, pause_ms: float, count: int = 1) -> None:
        self._commands = Commands(answer_ms, pause_ms, MOST_WAITING * count)
        self._owners: dict[int, Member] = {}
        self._open: list[Member] = []
        self._flush = True

    def enter(self, member: Member) -> None:
        """A member's channel is open."""
        self._flush = self._flush or not self._open
        self._open = [*(other for other in self._open if other is not member), member]

    def leave(self, member: Member, now: float) -> None:
        """A member's channel is gone, and so is the port."""
        self._open = [other for other in self._open if other is not member]
        self._flush = True
        self._hand_out(self._commands.closed(now))

    def is_first(self, member: Member) -> bool:
        """Whether it is the one that reports what nobody understands."""
        return not self._open or self._open[0] is member

    def knows(self, address: int) -> bool:
        """Whether one of the open members has this address."""
        return any(member.address == address for member in self._open)

    def add(self, member: Member, answer: str | None, frame: bytes, now: float, expires: float | None) -> int:
        """Queue a command of a member; see `Commands.add`."""
        number = self._commands.add(answer, frame, now, expires)
        self._owners[number] = member
        return number

    def answered(self, verb: str, refusal: str | None, at: float) -> list[Answered]:
        """An answer came; empty when no command is open for it."""
        ended = self._commands.answered(verb, refusal, at)
        for one in ended:
            del self._owners[one.id]
        return ended

    def late(self, verb: str, at: float) -> bool:
        """Whether this is the answer to the command that was given up last."""
        return self._commands.late(verb, at)

    def tick(self, now: float) -> None:
        """Tell the members which of their commands have ended without an answer."""
        self._hand_out(self._commands.tick(now))

    def next_at(self) -> float | None:
        """When `tick` has something to do."""
        return self._commands.next_at()

    def take(self) -> bytes:
        """What shall be written to the port now, whoever asks."""
        frame = self._commands.take()
        if frame and self._flush:
            self._flush, frame = False, ESC + frame
        return frame

    def _hand_out(self, ended: list[GivenUp]) -> None:
        for one in ended:
            self._owners.pop(one.id).given_up(one)
