"""The machines of a node: their drivers, what waits to be written to them, and when each wants to be called.

A node is one (node.py), so that nothing stands between it and a driver. Nothing here knows the floor.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.config import Config
from controller.effects import Send
from controller.sections import Plc, Scanner
from devices.driver import Driver, make
from devices.types import Kept, SetTime

TIME_EVERY_MS = 600_000.0
"""TIME goes to a PLC after SYEN and every 10 minutes (PLC interface v1 §2)."""

TIME_EXPIRES_MS = 5000.0


class Machines:
    """A driver for each link of the floor file, by the link's name."""

    def __init__(self, config: Config, channels: Mapping[str, tuple[int, int]]) -> None:
        """`channels`: link -> (epoch, evt) that is durable."""
        self.config = config
        machines: dict[str, Scanner | Plc] = {**config.scanner, **config.plc}
        self.drivers: dict[str, Driver] = {name: make(one.kind, one.settings) for name, one in machines.items()}
        self.links_up: dict[str, bool] = dict.fromkeys(machines, False)
        self.dirty: dict[str, None] = {}
        """links that have something to be written, the longest waiting first; `take` takes them out"""
        self.channels = dict(channels)
        """how far each link has been heard; durable with the next commit"""
        self._moved: dict[str, None] = dict.fromkeys(machines)
        """links to whose driver something happened since its due was noted, beside those in `dirty`"""
        self._dues: dict[str, float | None] = {}
        self._refs: dict[tuple[str, int], tuple[str, int]] = {}
        """(link, number of a command) -> ref of its `Send`, until it is answered"""
        self._plc_of = {plc.line: name for name, plc in config.plc.items()}
        self._time_at: dict[str, float] = {}
        self._hang_ups: list[tuple[str, str]] = []

    # --- what leaves --------------------------------------------------------------------------------------------------

    def take(self, link: str) -> bytes:
        """What shall be written to a device now."""
        self.dirty.pop(link, None)
        self._moved[link] = None
        data = self.drivers[link].take()
        if not isinstance(data, bytes):
            raise TypeError(f"{link}: its driver speaks MQTT, its link does not")
        return data

    def hang_ups(self) -> list[tuple[str, str]]:
        """(link, why) of connections that shall be broken now: their machine no longer keeps its session."""
        hang_ups, self._hang_ups = self._hang_ups, []
        return hang_ups

    # --- for the node -------------------------------------------------------------------------------------------------

    def _opened(self, link: str, boot: int, now: float) -> None:
        epoch, evt = self.channels.get(link, (0, 0))
        self.links_up[link] = True
        self.drivers[link].opened(now, Kept(epoch, evt, boot, 1))
        self.dirty[link] = None

    def _confirm(self, tokens: Mapping[str, tuple[int, int]], now: float) -> None:
        """The machines may be told that this is durable."""
        for link, token in tokens.items():
            self.drivers[link].confirm(token, now)
            self.dirty[link] = None

    def _send(self, effect: Send, now: float) -> None:
        """Give a command to the PLC of a line; its ref comes back with the answer."""
        link = self._plc_of[effect.line]
        number = self.drivers[link].send(effect.command, now, effect.expires)
        self.dirty[link] = None
        if effect.ref is not None:
            self._refs[link, number] = effect.ref

    def _tell_time(self, link: str, synchronised: bool, utc_ms: float, now: float) -> None:
        """Tell a PLC the time, while it has a session."""
        if not synchronised:
            self._time_at.pop(link, None)
            return
        self.drivers[link].send(SetTime(round(utc_ms)), now, now + TIME_EXPIRES_MS)
        self.dirty[link] = None
        self._time_at[link] = now + TIME_EVERY_MS

    def _driver_dues(self) -> dict[str, float | None]:
        """When each driver wants its tick; only those to which something happened are asked again."""
        for link in self._moved | self.dirty:
            self._dues[link] = self.drivers[link].next_at()
        self._moved.clear()
        return self._dues
