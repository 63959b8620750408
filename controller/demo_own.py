"""The demo's own floor: some lines of one kind, written here, and a centre that announces what it brings."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from pathlib import Path
from typing import Any

from controller import demo_floor
from controller.broker import free_port
from controller.demo import READY_S, Demo, DemoFailed, Options
from controller.demo_centre import Centre
from controller.demo_parcels import DemoParcel, Parcels

BEAT_S = 1.0
AHEAD_S = 4.0
"""So long before its induction a parcel is announced."""


class OwnFloor(Demo):
    """Parcels go to floorsim as a manifest; the centre publishes advice, customs and head beats itself."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.parcels: dict[str, DemoParcel] = {}
        self._timers: list[asyncio.TimerHandle] = []

    async def write(self, url: str, site: str) -> list[Path]:
        """The floor file of so many lines."""
        options = self.options
        plc, ports = options.plc, [free_port() for _ in range(options.lines)]
        return [demo_floor.write(options.folder, options.lines, options.rate, url, options.seed, site, plc, ports)]

    def arguments(self) -> list[str]:
        """The manifest comes from here."""
        return ["--manifest", "-"]

    async def bring(self, centre: Centre) -> None:
        """Announce parcels ahead of their induction, then give them to the belt."""
        options = self.options
        self.beside(self._beat(centre), "head beat")
        if options.plc == "mqtt_json":
            names = demo_floor.line_names(options.lines)
            centre.clear(f"{demo_floor.base(centre.site, name)}/status" for name in names)
        await self._ready(centre)
        stream = Parcels(demo_floor.line_names(options.lines), options.seed)
        ahead = max(10, round(options.rate * AHEAD_S))
        given = 0
        while not self.stopping and (options.parcels is None or given < options.parcels):
            if given - len(self.ledger.physical) >= 2 * ahead:
                await asyncio.sleep(0.05)
                continue
            parcel = stream.next()
            given += 1
            self._announce(centre, parcel)
            await self._give(parcel)
        await centre.flushed()
        simulator = self.simulator
        assert simulator.stdin is not None
        if self.stopping:
            with contextlib.suppress(ProcessLookupError):
                simulator.terminate()
        simulator.stdin.close()

    def entry(self, centre: Centre, entry: dict[str, Any]) -> None:
        """Customs changes its mind so long after a parcel was inducted."""
        if entry["what"] == "inducted" and (later := self.parcels[entry["parcel"]].later):
            after, status = later
            loop = asyncio.get_running_loop()
            self._timers.append(loop.call_later(after / 1000, self._say, centre, self.parcels[entry["parcel"]], status))

    def last_word(self) -> float:
        """Loop time at which customs has said all."""
        return max((timer.when() for timer in self._timers), default=0.0)

    async def end(self) -> None:
        """Nothing is said any more."""
        for timer in self._timers:
            timer.cancel()
        await super().end()

    async def _beat(self, centre: Centre) -> None:
        while True:
            centre.head(time.time() * 1000)
            await asyncio.sleep(BEAT_S)

    async def _ready(self, centre: Centre) -> None:
        """Wait until the node is there and has heard the customs head."""
        deadline = time.monotonic() + READY_S
        while not centre.ready and not self.stopping:
            if time.monotonic() > deadline:
                raise DemoFailed(f"floord did not come up; see {self.options.folder / 'floord.log'}")
            await asyncio.sleep(0.02)

    def _announce(self, centre: Centre, parcel: DemoParcel) -> None:
        self.parcels[parcel.parcel] = parcel
        if parcel.advice is not None:
            centre.advise(parcel.advice)
        if parcel.first is not None:
            self._say(centre, parcel, parcel.first)

    def _say(self, centre: Centre, parcel: DemoParcel, status: str) -> None:
        parcel.said.append((time.monotonic() * 1000, status))
        centre.customs(parcel.parcel, len(parcel.said), status)

    async def _give(self, parcel: DemoParcel) -> None:
        """Into the simulator's queue; it is inducted when its turn comes."""
        assert self.simulator.stdin is not None
        self.simulator.stdin.write(json.dumps(parcel.manifest()).encode() + b"\n")
        await self.simulator.stdin.drain()
