"""The machines of a node: their drivers, what waits to be written to them, and when each wants to be called.

A node is one (node.py), so that nothing stands between it and a driver. Nothing here knows the floor.

A driver that raises is thrown away, and with it all others of its port: they are made anew, hear nothing until their
port has been hung up and opened again, and begin where the machine was heard last. What the floor has heard stays
valid; it learns what a closed channel would have told it: commands given up, a session lost. A driver made anew knows
nothing of events that are on their way to the disk, and would call them durable: so its channel is opened only when
they are there.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from controller import config_devices
from controller.config import Config
from controller.dues import Dues
from controller.effects import Send, Tell
from controller.sections import Plc, Scanner
from controller.spoilt import Spoilt
from devices import links
from devices.driver import Driver, load, make
from devices.types import GivenUp, Item, Kept, Message, Reply, SessionLost, SetTime

TIME_EVERY_MS = 600_000.0
"""TIME goes to a PLC after SYEN and every 10 minutes (PLC interface v1 §2)."""

TIME_EXPIRES_MS = 5000.0

WELL_MS = 60_000.0
"""A driver made anew that has run for so long without failing again is well."""

LAST_BYTES = 256

REPLIES = 4
"""Kinds of answers of a device that are remembered, the latest."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failure:
    """A driver raised: its port is to be hung up. `last`: the end of what the port said last, in hex."""

    port: str
    device: str
    why: str
    stack: str
    last: str


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
        self._dues: Dues[str] = Dues()
        """when each driver wants its tick"""
        self._refs: dict[tuple[str, int], tuple[str, int]] = {}
        """(link, number of a command) -> ref of its `Send`, until it is answered"""
        self._plc_of = {plc.line: name for name, plc in config.plc.items()}
        self.spoilt = {name: Spoilt() for name in machines}
        self.replies: dict[str, dict[str, Reply]] = {name: {} for name in machines}
        """device -> verb -> the last answer of this kind, the newest last: it may say who the machine is"""
        self._time_at: Dues[str] = Dues()
        """when each PLC is told the time again"""
        self._hang_ups: list[tuple[str, str]] = []
        self._durable_tokens = dict(channels)
        self._last: dict[str, bytes | Message] = {}
        self._deaf: set[str] = set()
        """ports whose drivers were made anew and are not opened yet"""
        self._waiting: dict[str, None] = {}
        """ports that are open, whose drivers wait for the disk"""
        self._failures: list[Failure] = []
        self._untold: list[Failure] = []
        self._well_at: dict[str, float | None] = {}
        """device -> when it counts as well again; None while its port is not open"""

    @property
    def unproven(self) -> list[str]:
        """A line for each kind in use that does something by guess: all that."""
        found = config_devices.unproven([*self.config.scanner.values(), *self.config.plc.values()])
        kinds: dict[str, list[str]] = {}
        for kind, what in (one.split(": ", 1) for one in found):
            kinds.setdefault(kind, []).append(what)
        return [f"unproven, {kind}: {' '.join(one.rstrip('.') + '.' for one in all_)}" for kind, all_ in kinds.items()]

    def _note(self, name: str, item: Item) -> None:
        """Remember an answer for people."""
        if isinstance(item, Reply):
            replies = self.replies[name]
            replies.pop(item.verb, None)
            replies[item.verb] = item
            if len(replies) > REPLIES:
                del replies[next(iter(replies))]

    # --- what leaves --------------------------------------------------------------------------------------------------

    def take(self, port: str) -> bytes | list[Message]:
        """What shall be written to a port now: bytes, or messages where it is a broker."""
        self.dirty.pop(port, None)
        names = self.ports[port]
        for name in names:
            self._moved[name] = None
        if len(names) == 1:
            nothing: bytes | list[Message] = b""
            return self._guard(port, nothing, self.drivers[port].take)
        return b"".join(self._guard(name, b"", _take_bytes, self.drivers[name]) for name in names)

    def hang_ups(self) -> list[tuple[str, str]]:
        """(link, why) of connections that shall be broken now: their machine no longer keeps its session."""
        hang_ups, self._hang_ups = self._hang_ups, []
        return hang_ups

    def failures(self) -> list[Failure]:
        """Drivers that raised since the last call."""
        failures, self._failures = self._failures, []
        return failures

    def _soil(self, name: str) -> None:
        """Something happened to this device: its port may have something to be written."""
        self.dirty[self._port_of[name]] = None

    # --- for the node -------------------------------------------------------------------------------------------------

    def _opened(self, link: str, boot: int, utc_ms: float, now: float) -> None:
        epoch, evt = self.channels.get(link, (0, 0))
        self.links_up[link] = True
        self._guard(link, None, self.drivers[link].opened, now, Kept(epoch, evt, boot, 1, utc_ms))
        self._soil(link)

    def _confirm(self, tokens: Mapping[str, tuple[int, int]], now: float) -> None:
        """The machines may be told that this is durable."""
        for link, token in tokens.items():
            self._durable_tokens[link] = token
            self._guard(link, None, self.drivers[link].confirm, token, now)
            self._soil(link)

    def _send(self, effect: Send, now: float) -> None:
        """Give a command to the PLC of a line; its ref comes back with the answer."""
        link = self._plc_of[effect.line]
        number = self._guard(link, 0, self.drivers[link].send, effect.command, now, effect.expires)
        self._soil(link)
        if effect.ref is not None:
            self._refs[link, number] = effect.ref

    def _tell(self, effect: Tell, now: float) -> None:
        """Give a command to a device. Its driver knows what becomes of it where the channel is gone meanwhile: who
        asked may ask again."""
        send = self.drivers[effect.device].send
        number = self._guard(effect.device, 0, send, effect.command, now, effect.expires)
        self._soil(effect.device)
        if effect.ref is not None:
            self._refs[effect.device, number] = effect.ref

    def _tell_time(self, link: str, synchronised: bool, utc_ms: float, now: float) -> None:
        """Tell a PLC the time, while it has a session."""
        if not synchronised:
            self._time_at.forget(link)
            return
        self._guard(link, 0, self.drivers[link].send, SetTime(round(utc_ms)), now, now + TIME_EXPIRES_MS)
        self._soil(link)
        self._time_at.set(link, now + TIME_EVERY_MS)

    def _driver_dues(self) -> Dues[str]:
        """When each driver wants its tick; only those to which something happened are asked again."""
        names = self._moved
        if self.dirty:
            names = names | {name: None for port in self.dirty for name in self.ports[port]}
        if names:
            self._moved = {}
            for link in names:
                self._dues.set(link, self._guard(link, None, self.drivers[link].next_at))
        return self._dues

    # --- a driver that raises -----------------------------------------------------------------------------------------

    def _guard(self, link: str, otherwise: T, call: Callable[..., T], *arguments: object) -> T:
        """Call a driver; `otherwise` where it raises."""
        try:
            return call(*arguments)
        except MemoryError:  # no affair of the driver
            raise
        except Exception as error:
            self._failed(link, call.__name__.removeprefix("_").removesuffix("_bytes"), error)
            return otherwise

    def _failed(self, link: str, what: str, error: Exception) -> None:
        port = self._port_of[link]
        machines: dict[str, Scanner | Plc] = {**self.config.scanner, **self.config.plc}
        for name in self.ports[port]:
            before = self.drivers[name].counters
            self.drivers[name] = make(machines[name].kind, machines[name].settings)
            counters = self.drivers[name].counters
            counters.frames = before.frames
            counters.garbled.update(before.garbled)
            counters.noted.update(before.noted)
            self._moved[name] = None
        if len(self.ports[port]) > 1:
            load(machines[port].kind).join([self.drivers[name] for name in self.ports[port]])
        self.drivers[link].counters.note("driver failed")
        self._deaf.add(port)
        self._waiting.pop(port, None)
        said = self._last.get(port, b"")
        last = said if isinstance(said, bytes) else f"{said.topic} ".encode() + said.payload
        why = f"its driver failed in {what}: {type(error).__name__}: {error}"[:300]
        stack = "".join(traceback.format_exception(error)).rstrip("\n")
        failure = Failure(port, link, why, stack, last[-LAST_BYTES:].hex(" "))
        self._failures.append(failure)
        self._untold.append(failure)

    def _bereaved(self, now: float) -> Iterator[tuple[str, str, list[Item]]]:
        """(device, why, what a closed channel would have told) of drivers that were thrown away since the last call."""
        untold, self._untold = self._untold, []
        for failure in untold:
            self._well_at[failure.device] = None
            for name in self.ports[failure.port]:
                numbers = [number for link, number in self._refs if link == name]
                items: list[Item] = [GivenUp(number, failure.why, now) for number in numbers]
                if name in self.config.plc:
                    items.append(SessionLost(failure.why, now))
                yield name, failure.why, items

    def _settled(self, port: str) -> bool:
        """Whether the drivers of a port may be opened: new ones, when all that was heard before is durable."""
        heard = ((self.channels.get(name), self._durable_tokens.get(name)) for name in self.ports[port])
        return port not in self._deaf or all(token == durable for token, durable in heard)

    def _runs(self, port: str, now: float) -> None:
        """The drivers of a port have been opened."""
        self._deaf.discard(port)
        for name in self.ports[port]:
            if name in self._well_at:
                self._well_at[name] = now + WELL_MS

    def _recovered(self, now: float) -> list[str]:
        """Devices whose driver has run well for long enough."""
        well = [name for name, at in self._well_at.items() if at is not None and at <= now]
        for name in well:
            del self._well_at[name]
        return well


def _ports(machines: Mapping[str, Scanner | Plc]) -> dict[str, tuple[str, ...]]:
    """The devices on each port; a broker is no port, each device has a connection of its own there."""
    by_link: dict[str, list[str]] = {}
    for name, machine in machines.items():
        own = links.parse(machine.link).transport == "mqtt"
        by_link.setdefault(f"{machine.link} {name}" if own else machine.link, []).append(name)
    return {names[0]: tuple(names) for names in by_link.values()}


def _take_bytes(driver: Driver) -> bytes:
    """What a device on a bus wants to be written."""
    data = driver.take()
    if not isinstance(data, bytes):
        raise TypeError("a device on a bus speaks bytes")
    return data
