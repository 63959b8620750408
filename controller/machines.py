"""The machines of a node: their drivers, what waits to be written to them, and when each wants to be called.

A node is one (node.py), so that nothing stands between it and a driver. Nothing here knows the floor.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.config import Config
from controller.effects import Send
from controller.sections import Plc, Scanner
from devices import links
from devices.driver import Driver, load, make
from devices.types import Kept, Message, SetTime

TIME_EVERY_MS = 600_000.0
"""TIME goes to a PLC after SYEN and every 10 minutes (PLC interface v1 §2)."""

TIME_EXPIRES_MS = 5000.0


class Machines:
    """A driver for each device of the floor file, by the device's name.

    A port is called by the name of its first device. Usually it has no other; where several hang on one bus, all of
    them hear what comes in there, and they take turns at what goes out.
    """

    def __init__(self, config: Config, channels: Mapping[str, tuple[int, int]]) -> None:
        """`channels`: link -> (epoch, evt) that is durable."""
        self.config = config
        machines: dict[str, Scanner | Plc] = {**config.scanner, **config.plc}
        self.drivers: dict[str, Driver] = {name: make(one.kind, one.settings) for name, one in machines.items()}
        self.ports = _ports(machines)
        """port -> the devices on it"""
        self._port_of = {name: port for port, names in self.ports.items() for name in names}
        for names in self.ports.values():
            if len(names) > 1:
                load(machines[names[0]].kind).join([self.drivers[name] for name in names])
        self.links_up: dict[str, bool] = dict.fromkeys(machines, False)
        self.dirty: dict[str, None] = {}
        """ports that have something to be written, the longest waiting first; `take` takes them out"""
        self.channels = dict(channels)
        """how far each link has been heard; durable with the next commit"""
        self._moved: dict[str, None] = dict.fromkeys(machines)
        """devices to whose driver something happened since its due was noted, beside those of ports in `dirty`"""
        self._dues: dict[str, float | None] = {}
        self._refs: dict[tuple[str, int], tuple[str, int]] = {}
        """(link, number of a command) -> ref of its `Send`, until it is answered"""
        self._plc_of = {plc.line: name for name, plc in config.plc.items()}
        self._time_at: dict[str, float] = {}
        self._hang_ups: list[tuple[str, str]] = []

    # --- what leaves --------------------------------------------------------------------------------------------------

    def take(self, port: str) -> bytes | list[Message]:
        """What shall be written to a port now: bytes, or messages where it is a broker."""
        self.dirty.pop(port, None)
        names = self.ports[port]
        for name in names:
            self._moved[name] = None
        if len(names) == 1:
            return self.drivers[port].take()
        return b"".join(_bytes(self.drivers[name].take()) for name in names)

    def hang_ups(self) -> list[tuple[str, str]]:
        """(link, why) of connections that shall be broken now: their machine no longer keeps its session."""
        hang_ups, self._hang_ups = self._hang_ups, []
        return hang_ups

    def _soil(self, name: str) -> None:
        """Something happened to this device: its port may have something to be written."""
        self.dirty[self._port_of[name]] = None

    # --- for the node -------------------------------------------------------------------------------------------------

    def _opened(self, link: str, boot: int, utc_ms: float, now: float) -> None:
        epoch, evt = self.channels.get(link, (0, 0))
        self.links_up[link] = True
        self.drivers[link].opened(now, Kept(epoch, evt, boot, 1, utc_ms))
        self._soil(link)

    def _confirm(self, tokens: Mapping[str, tuple[int, int]], now: float) -> None:
        """The machines may be told that this is durable."""
        for link, token in tokens.items():
            self.drivers[link].confirm(token, now)
            self._soil(link)

    def _send(self, effect: Send, now: float) -> None:
        """Give a command to the PLC of a line; its ref comes back with the answer."""
        link = self._plc_of[effect.line]
        number = self.drivers[link].send(effect.command, now, effect.expires)
        self._soil(link)
        if effect.ref is not None:
            self._refs[link, number] = effect.ref

    def _tell_time(self, link: str, synchronised: bool, utc_ms: float, now: float) -> None:
        """Tell a PLC the time, while it has a session."""
        if not synchronised:
            self._time_at.pop(link, None)
            return
        self.drivers[link].send(SetTime(round(utc_ms)), now, now + TIME_EXPIRES_MS)
        self._soil(link)
        self._time_at[link] = now + TIME_EVERY_MS

    def _driver_dues(self) -> dict[str, float | None]:
        """When each driver wants its tick; only those to which something happened are asked again."""
        names = self._moved | {name: None for port in self.dirty for name in self.ports[port]}
        for link in names:
            self._dues[link] = self.drivers[link].next_at()
        self._moved.clear()
        return self._dues


def _ports(machines: Mapping[str, Scanner | Plc]) -> dict[str, tuple[str, ...]]:
    """The devices on each port; a broker is no port, each device has a connection of its own there."""
    by_link: dict[str, list[str]] = {}
    for name, machine in machines.items():
        own = links.parse(machine.link).transport == "mqtt"
        by_link.setdefault(f"{machine.link} {name}" if own else machine.link, []).append(name)
    return {names[0]: tuple(names) for names in by_link.values()}


def _bytes(data: bytes | list[Message]) -> bytes:
    if not isinstance(data, bytes):
        raise TypeError("a device on a bus speaks bytes")
    return data
