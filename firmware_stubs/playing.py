"""One side of a recorded line played again to the real other side, at any speed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

from firmware_stubs.replayed_machine import machine_of
from firmware_stubs.stub import Piece
from firmware_stubs.talks import Difference, Fact, differences
from firmware_stubs.wire import Side, Wire
from firmware_stubs.wire_print import shown
from firmware_stubs.wire_recording import DEVICE, Entry, Recording
from firmware_stubs.wires import open_wire

LINGER_S = 1.0
"""What the other side says so long after the last entry is heard."""


@dataclass(frozen=True, slots=True)
class Played:
    """How many things were `said`; how many the other side said then (`recorded`) and now (`came`); what differs."""

    said: int
    recorded: int
    came: int
    differences: list[Difference]


class Player:
    """Plays the side `role` of a link. Its times are those of the recording; `speed` times faster it plays."""

    def __init__(self, recording: Recording, name: str, role: str, speed: float) -> None:
        """Raises FloorError for a kind that is not known."""
        self.machine = machine_of(name, recording.header.links[name])
        self._entries = [entry for entry in recording.entries if entry.link == name and entry.up is None]
        self._role, self._speed = role, speed
        self._heard: list[Fact] = []
        if role == DEVICE:
            for entry in self._entries:
                self.machine.recorded(entry)

    @property
    def own(self) -> list[Entry]:
        """What this side said, in order."""
        return [entry for entry in self._entries if entry.side == self._role]

    @property
    def begins(self) -> bool:
        """Whether this side spoke first."""
        return bool(self._entries) and self._entries[0].side == self._role

    def says(self, entry: Entry) -> list[Piece]:
        """What of an own entry is said now."""
        return self.machine.says(entry) if self._role == DEVICE else [entry.piece]

    def hears(self, piece: Piece, t: float) -> list[Piece]:
        """The other side says something at `t` of the recording; what is said to it at once."""
        if self._role == DEVICE:
            return self.machine.told(piece, t)
        self._heard += _pieces(piece, t, 0)
        return []

    def played(self, said: int, t: float) -> Played:
        """How it went, up to `t`."""
        if self._role == DEVICE:
            was, is_ = self.machine.was, self.machine.is_
        else:
            others = (entry for entry in self._entries if entry.side == DEVICE)
            was, is_ = [fact for one in others for fact in _pieces(one.piece, one.t, one.number)], self._heard
        return Played(said, len(was), len(is_), differences(was, is_, t, within=float("inf")))


def _pieces(piece: Piece, t: float, entry: int) -> list[Fact]:
    """What a machine says, as facts: by its kind nobody here knows what in it is only time, so each is compared as it
    is, once for each time that it came."""
    return [Fact(DEVICE, shown(piece), shown(piece), t, entry)]


class Playing:
    """A player on its wire. `open` it, `run` it, with the wire's jobs beside."""

    def __init__(self, player: Player, speed: float) -> None:
        self._player, self._speed = player, speed
        self._loop = asyncio.get_running_loop()
        self._connected, self._spoken_to = asyncio.Event(), asyncio.Event()
        self._first = player.own[0].t if player.own else 0.0
        self._began = self._loop.time()
        self._said = 0
        self._wire: Wire | None = None

    async def open(self, link: str, *, real: bool, allowed: asyncio.Event | None) -> Wire:
        """`real` and `allowed` as of `open_wire`. Raises PortError."""
        self._wire = await open_wire(link, Side(self._heard, self._is_connected), real=real, allowed=allowed)
        if urlsplit(link).scheme in ("pty", "serial"):
            self._connected.set()
        return self._wire

    async def run(self) -> Played:
        """Play all, from when the other side is there, and has spoken first where it did so then."""
        await self._connected.wait()
        if not self._player.begins:
            await self._spoken_to.wait()
        self._began = self._loop.time()
        for entry in self._player.own:
            await asyncio.sleep(
                max(0.0, self._began + (entry.t - self._first) / 1000 / self._speed - self._loop.time())
            )
            self._say(self._player.says(entry))
        await asyncio.sleep(LINGER_S)
        return self._player.played(self._said, self._t())

    def so_far(self) -> Played:
        """How it went until now."""
        return self._player.played(self._said, self._t())

    def close(self) -> None:
        """Unplug."""
        if self._wire is not None:
            self._wire.close()

    def _t(self) -> float:
        return self._first + (self._loop.time() - self._began) * 1000 * self._speed

    def _is_connected(self, there: bool) -> None:
        if there:
            self._connected.set()

    def _heard(self, piece: Piece) -> None:
        if not self._spoken_to.is_set():
            self._spoken_to.set()
            self._began = self._loop.time()
        self._answer(piece)

    def _answer(self, piece: Piece) -> None:
        self._say(self._player.hears(piece, self._t()))

    def _say(self, pieces: list[Piece]) -> None:
        assert self._wire is not None
        for piece in pieces:
            self._wire.write(piece)
            self._said += 1
