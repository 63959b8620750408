"""Every stub's cable with both its directions, and the faults that stand on them, switched at any time. Pure.

Several faults may stand on one cable; a piece goes through one after the other, the one that was set last first: what
is on its way already is not struck by a new one. When a fault ends, what is on its way comes all the same, in order,
and only then is the cable as good as new (a line that stands still keeps 64 KiB; more is lost, as in a full UART). A
cable without faults is passed at once. What a medium does (unplugged, XOFF) is not here: see `wires.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from firmware_stubs.bad_line import GOOD, BadLine, Faults, Tally
from firmware_stubs.bad_messages import BadMessages
from firmware_stubs.stub import Piece, as_bytes, as_message

Direction: TypeAlias = Literal["from_stub", "from_host", "both"]
Pieces: TypeAlias = list[tuple[str, Piece]]


class CableError(ValueError):
    """A fault that cannot be on this cable; the text says which, and what can."""


class Cables:
    """The cables of a floor's stubs; the host is floord, or whoever is at the other end. Times are monotonic ms."""

    def __init__(self, stubs: Iterable[str], on_broker: Collection[str] = (), *, seed: int | None = None) -> None:
        """`on_broker`: those of them that speak MQTT."""
        self._stubs = frozenset(stubs)
        self._on_broker = frozenset(on_broker)
        self._seed = seed or 0
        self._ways = {"from_stub": _Ways(), "from_host": _Ways()}
        self._tallies: dict[tuple[str, str], Tally] = {}  # of the faults that stand: by stub and who set it
        self._number = 0

    def set(
        self, stub: str, direction: Direction, faults: Faults, now: float, *, by: str = "", most: int | None = None
    ) -> None:
        """From now on these faults stand on the stub's cable, in place of those that were set with the same `by`.

        `most`: so many pieces are struck in all, of both directions, then none any more. `bauds` are the stub's rate
        and the host's. Raises CableError.
        """
        ways = self._check(stub, direction)
        if stub in self._on_broker and (unfit := _not_on_a_broker(faults)):
            raise CableError(f"{stub} is on a broker: {unfit}; what can be there: {_ON_A_BROKER}")
        if stub not in self._on_broker and faults.reordered:
            raise CableError(f"{stub} is on a cable, which keeps the order; reordered is for stubs on a broker")
        self._number += 1
        tally = self._tallies[stub, by] = Tally(most)
        for name in ways:
            turned = faults if name == "from_stub" or not faults.bauds else replace(faults, bauds=faults.bauds[::-1])
            seed = f"{self._seed}/{stub}/{name}/{self._number}"
            bad = (BadMessages if stub in self._on_broker else BadLine)(turned, seed, tally=tally)
            self._ways[name].put(stub, by, bad, now)

    def clear(self, stub: str, now: float, direction: Direction = "both", *, by: str = "") -> None:
        """The faults that were set with this `by` end; what is on its way is not lost. None there: nothing happens.

        Raises CableError for a stub or a direction that is none.
        """
        for name in self._check(stub, direction):
            self._ways[name].end(stub, by, now)
        if not any(ways.stands(stub, by) for ways in self._ways.values()):
            self._tallies.pop((stub, by), None)

    def struck(self, stub: str, *, by: str = "") -> int:
        """How many pieces the faults that stand there, set with this `by`, have struck so far."""
        tally = self._tallies.get((stub, by))
        return tally.struck if tally else 0

    def cut_off(self, stub: str) -> None:
        """The connection is gone: what was on its way is lost. The faults stand."""
        for ways in self._ways.values():
            ways.cut_off(stub)

    def from_stub(self, stub: str, piece: Piece, now: float) -> None:
        """The stub says something."""
        self._ways["from_stub"].feed(stub, piece, now)

    def from_host(self, stub: str, piece: Piece, now: float) -> None:
        """The host says something to the stub."""
        self._ways["from_host"].feed(stub, piece, now)

    def to_host(self, now: float) -> Pieces:
        """What has come from the stubs by now, each piece once."""
        return self._ways["from_stub"].take(now)

    def to_stub(self, now: float) -> Pieces:
        """What has come from the host by now, each piece once."""
        return self._ways["from_host"].take(now)

    def next_at(self) -> float | None:
        """When something comes, or goes on from one fault to the next; None = not before a fault ends."""
        return min((at for ways in self._ways.values() if (at := ways.next_at()) is not None), default=None)

    def _check(self, stub: str, direction: str) -> tuple[str, ...]:
        if stub not in self._stubs:
            raise CableError(f"no stub is called {stub!r}; known are {', '.join(sorted(self._stubs)) or 'none'}")
        if direction not in get_args(Direction):
            raise CableError(f"direction must be one of {', '.join(get_args(Direction))}, not {direction!r}")
        return tuple(self._ways) if direction == "both" else (direction,)


_ON_A_BROKER = "loss, double, cut, delay, reorder, stall"


def _not_on_a_broker(faults: Faults) -> str:
    if faults.flipped or faults.inserted:
        return "there is no noise, for TCP carries each message whole or not at all"
    return "there is no baud rate" if faults.bauds else ""


@dataclass(slots=True)
class _Stage:
    """One fault of one direction."""

    by: str
    bad: BadLine | BadMessages
    ended: bool = False

    def feed(self, piece: Piece, now: float) -> None:
        if isinstance(self.bad, BadLine):
            self.bad.feed(as_bytes(piece), now)
        else:
            self.bad.feed(as_message(piece), now)

    def take(self, now: float) -> list[Piece]:
        if isinstance(self.bad, BadMessages):
            return list(self.bad.take(now))
        data = self.bad.take(now)
        return [data] if data else []


class _Ways:
    """One direction of all cables; only those with faults have stages."""

    def __init__(self) -> None:
        self._come: Pieces = []
        self._stages: dict[str, list[_Stage]] = {}

    def put(self, stub: str, by: str, bad: BadLine | BadMessages, now: float) -> None:
        self.end(stub, by, now)
        self._stages.setdefault(stub, []).insert(0, _Stage(by, bad))

    def end(self, stub: str, by: str, now: float) -> None:
        for stage in self._stages.get(stub, []):
            if stage.by == by and not stage.ended:
                stage.ended = True
                stage.bad.change(GOOD, now)
        self._move(stub, now)

    def stands(self, stub: str, by: str) -> bool:
        return any(stage.by == by and not stage.ended for stage in self._stages.get(stub, []))

    def cut_off(self, stub: str) -> None:
        for stage in self._stages.get(stub, []):
            stage.bad.cut_off()

    def feed(self, stub: str, piece: Piece, now: float) -> None:
        stages = self._stages.get(stub)
        if not stages:
            self._come.append((stub, piece))
            return
        stages[0].feed(piece, now)
        self._move(stub, now)

    def take(self, now: float) -> Pieces:
        for stub in list(self._stages):
            self._move(stub, now)
        come, self._come = self._come, []
        return come

    def next_at(self) -> float | None:
        due = [at for stages in self._stages.values() for one in stages if (at := one.bad.next_at()) is not None]
        return min(due, default=None)

    def _move(self, stub: str, now: float) -> None:
        """Pieces go on from stage to stage; a stage that has ended and is empty is no longer there."""
        stages = self._stages.get(stub)
        if not stages:
            return
        for stage, onward in zip(stages, [*stages[1:], None], strict=True):
            for piece in stage.take(now):
                if onward:
                    onward.feed(piece, now)
                else:
                    self._come.append((stub, piece))
        stages[:] = [stage for stage in stages if not (stage.ended and stage.bad.empty)]
        if not stages:
            del self._stages[stub]
