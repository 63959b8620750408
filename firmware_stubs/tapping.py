"""A tap: a man in the middle of a real line, who hands on what both sides say and tells a recording of it.

It opens the machine's side as a host would, and offers the daemon's side as a machine would. What comes is handed on in
the same turn of the loop. A side that calls does so only while the other side is there, so that each of its
connections belongs to one of the other; a terminal that hangs up takes the daemon's pty with it, until it is back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from firmware_stubs.coupling import Listener
from firmware_stubs.fd_wire import FdWire, Pty, Serial
from firmware_stubs.stub import Piece, as_bytes
from firmware_stubs.tcp_wires import CallingWire
from firmware_stubs.wire import BUFFER, Job, PortError, Side, Wire, say
from firmware_stubs.wire_recording import DEVICE, HOST
from firmware_stubs.wires import open_wire

AGAIN_S = 0.2
FORMS = {
    DEVICE: "serial:///dev/…?baud=, tcp://host:port, or tcp-listen://host:port where the machine calls",
    HOST: "pty:///path, tcp-listen://host:port, tcp://host:port where floord listens, or serial:///dev/…?baud=",
}
SCHEMES = ("serial", "pty", "tcp", "tcp-listen")
OTHER = {DEVICE: HOST, HOST: DEVICE}


class Tap:
    """One line. `open`, then `run` until `stop`; `jobs` of the wires run beside it."""

    def __init__(self, name: str, links: dict[str, str], listener: Listener, now: Callable[[], float]) -> None:
        """`links`: of `device` and of `host`."""
        self._name, self._links, self._listener, self._now = name, links, listener, now
        self._wires: dict[str, Wire] = {}
        self._there = {DEVICE: False, HOST: False}
        self._early: dict[str, list[bytes]] = {DEVICE: [], HOST: []}
        """said to a side that is called just now"""
        self._wake = asyncio.Event()
        self._stopping = False

    async def open(self) -> None:
        """Both sides. Raises PortError."""
        try:
            for side in (HOST, DEVICE):
                self._wires[side] = await self._opened(side)
        except PortError:
            self._close()
            raise
        for side, wire in self._wires.items():
            if isinstance(wire, FdWire):
                self._there[side] = True
            elif isinstance(wire, CallingWire) and not isinstance(self._wires[OTHER[side]], FdWire):
                wire.unplug()
        if isinstance(self._wires[HOST], FdWire):
            self._listener.link(self._now(), self._name, True, "")

    def jobs(self) -> list[Job]:
        """Of the wires."""
        return [job for wire in self._wires.values() for job in wire.jobs()]

    @property
    def where(self) -> str:
        """What floord opens."""
        return self._wires[HOST].where

    async def run(self) -> None:
        """Until it is stopped: plug in again what was pulled, and call who is to be called."""
        try:
            while not self._stopping:
                await self._wake.wait()
                self._wake.clear()
                await self._mend()
        finally:
            self._close()

    def _close(self) -> None:
        for wire in self._wires.values():
            wire.close()

    def stop(self) -> None:
        """End it."""
        self._stopping = True
        self._wake.set()

    async def _opened(self, side: str) -> Wire:
        link, heard = self._links[side], partial(self._heard, side)
        url = urlsplit(link)
        if url.scheme not in SCHEMES:
            raise PortError(f"--{side} {link}: give {FORMS[side]}")
        if url.scheme not in ("serial", "pty"):
            return await open_wire(link, Side(heard, partial(self._connected, side)), real=True)
        try:
            end = Pty(Path(url.path)) if url.scheme == "pty" else Serial(url.path, url.query)
            return FdWire(end, heard, partial(self._gone, side))
        except (OSError, ValueError) as error:
            raise PortError(f"--{side} {link}: {error}") from error

    def _heard(self, side: str, piece: Piece) -> None:
        data, other = as_bytes(piece), OTHER[side]
        self._listener.wire(self._now(), self._name, side, data)
        if self._there[other]:
            self._wires[other].write(data)
        elif sum(map(len, self._early[other])) < BUFFER:
            self._early[other].append(data)

    def _connected(self, side: str, there: bool) -> None:
        self._there[side] = there
        other = self._wires.get(OTHER[side])
        if side == HOST:
            self._listener.link(self._now(), self._name, there, "" if there else "the connection is gone")
        if there:
            early, self._early[side] = self._early[side], []
            for data in early:
                self._wires[side].write(data)
            self._wake.set()
        elif isinstance(other, CallingWire):
            self._early[OTHER[side]].clear()
            other.unplug()
        elif other is not None:
            other.hang_up()

    def _gone(self, side: str, why: str) -> None:
        say(f"{self._wires[side].where}: {why}; tried again until it works")
        self._there[side] = False
        other = self._wires[OTHER[side]]
        if isinstance(other, FdWire):
            other.unplug()
            self._there[OTHER[side]] = False
        else:
            other.hang_up()
        self._listener.link(self._now(), self._name, False, why)
        self._wake.set()

    async def _mend(self) -> None:
        """Bring back what can be brought back; what cannot is tried again a little later."""
        for side in (DEVICE, HOST):
            wire, other = self._wires[side], OTHER[side]
            if isinstance(wire, CallingWire) and self._there[other]:
                await wire.plug()
            elif isinstance(wire, FdWire) and not self._there[side] and (side == DEVICE or self._there[DEVICE]):
                try:
                    await wire.plug()
                except (OSError, PortError):
                    asyncio.get_running_loop().call_later(AGAIN_S, self._wake.set)
                    return
                self._there[side] = True
                if side == HOST or not isinstance(self._wires[HOST], FdWire):
                    self._listener.link(self._now(), self._name, True, "")
