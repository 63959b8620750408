"""The manifest's file or pipe."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from firmware_stubs.manifest import Manifest
from firmware_stubs.wire import BUFFER, say
from firmware_stubs.world import World

_QUEUE_HIGH, _QUEUE_LOW = 10_000, 5_000  # parcels read ahead of the belts


class Source:
    """The manifest's file or pipe, read without blocking and no further ahead than the belts need."""

    def __init__(
        self, fd: int | None, manifest: Manifest, world: World, now: Callable[[], float], turn: Callable[[], None]
    ) -> None:
        """`fd` None = there is none."""
        self.ended = fd is None
        self._fd = -1 if fd is None else fd
        self._manifest = manifest
        self._world = world
        self._now = now
        self._turn = turn
        self._loop = asyncio.get_running_loop()
        self._reading = False
        self._pollable = True  # a regular file is not

    def resume(self) -> None:
        """Read on when there is room."""
        if self.ended or self._reading or self._world.waiting > _QUEUE_LOW:
            return
        self._reading = True
        if self._pollable:
            try:
                self._loop.add_reader(self._fd, self._read)
                return
            except OSError:
                self._pollable = False
        self._loop.call_soon(self._read)

    def close(self) -> None:
        """Read no more."""
        self.ended = True
        if self._reading and self._pollable:
            self._loop.remove_reader(self._fd)

    def _read(self) -> None:
        if self.ended:
            return
        try:
            data = os.read(self._fd, BUFFER)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        for parcel in self._manifest.feed(data) if data else self._manifest.end():
            self._world.add(parcel, self._now())
        while self._manifest.complaints:
            say(self._manifest.complaints.pop(0))
        if not data:
            self.close()
        elif not self._pollable or self._world.waiting > _QUEUE_HIGH:
            if self._pollable:
                self._loop.remove_reader(self._fd)
            self._reading = False
        self._turn()
