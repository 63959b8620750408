"""Menu commands that set up a Honeywell scanner when the channel opens, and their answers among its reads.

An answer has no line end of its own. So only while a command is under way is an answer looked for, and then half a line
is kept back. A scanner that does not answer is said to be so once, and is set up again each AGAIN_MS.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from devices.codes import RAW
from devices.commands import GONE, Commands
from devices.scanners import _honeywell
from devices.types import Condition, DeviceError, Garbled, GivenUp, Item, Reply

AGAIN_MS = 30_000.0
MOST_HELD = 512
PART = "setup"
NO_ANSWER = "it does not answer menu commands: its settings may be others"
ANSWERS = "it answers menu commands"
UNASKED = "the answer to a command that was not written"

Part: TypeAlias = bytes | Item
"""Bytes that are no answer, or what an answer means, in the order of the wire."""


class Setup:
    """The menu commands of one channel, which go into the queue of all its commands."""

    def __init__(self, texts: Sequence[str], commands: Commands) -> None:
        self._texts = texts
        self._commands = commands
        self._open: dict[int, str] = {}  # those under way, the first is on the wire
        self._at: float | None = None
        self._silent = False
        self._held = b""

    def opened(self, now: float) -> None:
        """The channel is open."""
        self._held = b""
        self._begin(now)

    def tick(self, now: float) -> None:
        """Set it up again where that is due."""
        if self._at is not None and now >= self._at:
            self._begin(now)

    def next_at(self) -> float | None:
        """When that is due."""
        return self._at

    def closed(self) -> bytes:
        """The channel is gone; what was kept back."""
        held, self._held, self._at = self._held, b"", None
        return held

    def hear(self, data: bytes, at: float) -> Iterator[Part]:
        """What is in `data`, once it is known."""
        self._held += data
        while self._open:
            number, text = next(iter(self._open.items()))
            found = _honeywell.find_answer(self._held, text[:6])
            if found is None:
                end = max(self._held.rfind(b"\r"), self._held.rfind(b"\n")) + 1
                end = len(self._held) if len(self._held) > MOST_HELD else end
                held, self._held = self._held[:end], self._held[end:]
                yield held
                return
            start, answer = found
            before, self._held = self._held[:start], self._held[start + len(answer.raw) :]
            yield before
            yield from self._answered(number, text, answer, at)
        held, self._held = self._held, b""
        yield held

    def ended(self, ended: Sequence[GivenUp], now: float) -> Iterator[Part]:
        """Commands that were given up; those of the setup are nobody's business but that there was no answer."""
        for one in ended:
            if self._open.pop(one.id, None) is None:
                yield one
            elif one.why != GONE:
                self._at = now + AGAIN_MS
                if not self._silent:
                    self._silent = True
                    yield Condition(False, NO_ANSWER, b"", now, PART)
        if not self._open:
            held, self._held = self._held, b""
            yield held

    def _begin(self, now: float) -> None:
        self._at = None
        for text in self._texts:
            self._open[self._commands.add(text[:6], _honeywell.menu(text), now, None)] = text

    def _answered(self, number: int, text: str, answer: _honeywell.Answer, at: float) -> Iterator[Item]:
        code = answer.refusal[0] if answer.refusal else None
        if not self._commands.answered(text[:6], code, at):
            yield Garbled(answer.raw[:RAW], UNASKED, at)
            return
        del self._open[number]
        if answer.refusal is None:
            yield Reply(text[:6], answer.text, answer.raw, at)
        else:
            yield DeviceError(answer.refusal[0], answer.refusal[1], answer.raw, at)
        if self._silent:
            self._silent = False
            yield Condition(True, ANSWERS, b"", at, PART)
