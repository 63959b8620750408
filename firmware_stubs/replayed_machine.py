"""One machine of a recording, played again: what it said comes again, and answers to what is asked now. Pure.

An answer repeats the number of its request; it gets the number that the request has now, and waits until it is asked.
What the machine was told then, and is told now, is kept as facts.
"""

from __future__ import annotations

from typing import Protocol

from firmware_stubs.ears import Ear, ear_of
from firmware_stubs.floor_file import load_kind
from firmware_stubs.numbers_now import Key, NumbersNow
from firmware_stubs.stub import Piece
from firmware_stubs.talks import Fact
from firmware_stubs.wire_recording import HOST, Entry, Wired


class Machine(Protocol):
    """What `ReplayedMachine` is; a kind that does not speak by itself brings one of its own, as `replayed(name)`."""

    was: list[Fact]
    is_: list[Fact]

    def recorded(self, entry: Entry) -> None:
        """A piece of either side, then."""

    def says(self, entry: Entry) -> list[Piece]:
        """What of a piece of the machine is said now."""

    def told(self, piece: Piece, t: float) -> list[Piece]:
        """The host says something now; what is answered at once."""


class ReplayedMachine:
    """A `Machine` that speaks. Give it what was `recorded`, all of it, then what happens, in order."""

    def __init__(self, name: str, then: Ear, now: Ear) -> None:
        """`name`: of its link. `then`, `now`: an ear for each of the talks."""
        self.was: list[Fact] = []
        self.is_: list[Fact] = []
        self._name, self._then, self._now = name, then, now
        self._numbers = NumbersNow()
        self._waiting: list[tuple[Key, Piece]] = []

    def recorded(self, entry: Entry) -> None:
        """What the host said then."""
        if entry.side != HOST:
            return
        for told in self._then.told(entry.piece):
            if told.text:
                self._numbers.said_then(told, entry.number)
                self.was.append(Fact(self._name, told.about, told.text, entry.t, entry.number, told.repeats))

    def says(self, entry: Entry) -> list[Piece]:
        """What the machine said then: what of it is said now."""
        out: list[Piece] = []
        for number, part in self._now.parts(entry.piece):
            if number is None:
                out.append(part)
            elif (request := self._numbers.request(number, entry.number)) is not None:
                self._waiting.append((request, part))
                out += self._answers()
        return out

    def told(self, piece: Piece, t: float) -> list[Piece]:
        """What the host says now, and what is answered at once: what waited for it, and what nobody answered then."""
        out: list[Piece] = []
        for told in self._now.told(piece):
            if told.text:
                self._numbers.said_now(told)
                self.is_.append(Fact(self._name, told.about, told.text, t, repeats=told.repeats))
                out += self._answers()
            if told.answer is not None and (not told.text or self._numbers.more_than_then(told)):
                out.append(told.answer)
        return out

    def _answers(self) -> list[Piece]:
        waiting, self._waiting = self._waiting, []
        out = []
        for request, part in waiting:
            number = self._numbers.now(request)
            if number is None:
                self._waiting.append((request, part))
            else:
                out.append(self._now.renumbered(part, number))
        return out


def machine_of(name: str, wired: Wired) -> Machine:
    """The machine of a link. Raises FloorError for a kind that is not known."""
    module = load_kind(wired.kind, f"link {name}")[1] if wired.kind else None
    if module is not None and hasattr(module, "replayed"):
        machine: Machine = module.replayed(name)
        return machine
    return ReplayedMachine(name, ear_of(module), ear_of(module))
