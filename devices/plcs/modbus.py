"""A PLC whose rings and counters stand in Modbus registers, over a serial line (RTU) or TCP (PLC interface v1 §4).

The controller is the only client: it polls, and nothing is lost between two polls, because the PLC keeps records in
rings until they are known to be durable. The parts, each usable alone: frames (`_modbus_codec`, with pymodbus's PDUs),
whose turn it is on the wire (`_modbus_bus`), records <-> fields (`_modbus_records`), what is taken and when it happened
(`_modbus_events`, `_modbus_intake`), the command ring (`_modbus_commands`), and the rules (`_modbus_channel`).

Several lines on one serial port: one driver each, with units of their own, made one bus by `join`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from devices.plcs._modbus_bus import Bus
from devices.plcs._modbus_channel import Channel
from devices.plcs._modbus_codec import Rtu, Tcp, Wire
from devices.plcs._modbus_listen import Sniffer as _Sniffer
from devices.plcs._modbus_records import LINE, Names
from devices.plcs._modbus_session import Pace
from devices.types import Command, Counters, Item, Kept, Message, Token

BINARY = True
BITS_A_CHARACTER = 11
"""Start bit, 8 data bits, parity or a second stop bit, stop bit (Modbus over serial line V1.02 §2.5.1)."""

POLL_MS = {"tcp": 20, "serial": 0}
MOST_RECORDS = 7
"""7 records of 16 registers: a request carries at most 123."""

LONG_READ_MS = 100.0
"""A read of records takes no longer on the wire, so that a destination need not wait long."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One PLC channel.

    `unit` = the PLC's address: 1 to 247, on TCP also 0 and 255. `numbers` = point, lane or other element -> its number
    in registers, 1 to 65535; LINE is 1 without being written. `lines` = line -> its number, for HAND. `transport` =
    what the link is; `baud` = its speed, on `serial` only. `poll_ms` = from poll to poll, None = 20 on TCP, without a
    pause on a serial line. `timeout_ms` = how long an answer is waited for, beside its time on the wire.
    """

    unit: int = 1
    numbers: Mapping[str, int] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    transport: str = "serial"
    baud: int = 19_200
    poll_ms: int | None = None
    timeout_ms: int = 300

    def __post_init__(self) -> None:
        if self.transport not in POLL_MS:
            raise ValueError(f"transport = {self.transport!r}: write 'serial' (RTU) or 'tcp'")
        if not 1 <= self.unit <= 247 and not (self.transport == "tcp" and self.unit in (0, 255)):
            raise ValueError(f"unit = {self.unit}: write the PLC's address, 1 to 247 (on TCP also 0 or 255)")
        if not 300 <= self.baud <= 4_000_000:
            raise ValueError(f"baud = {self.baud}: write the speed of the serial line, 300 to 4000000")
        if self.poll_ms is not None and not 1 <= self.poll_ms <= 1000:
            raise ValueError(f"poll_ms = {self.poll_ms}: write 1 to 1000, or leave it out")
        if not 20 <= self.timeout_ms <= 1000:
            raise ValueError(f"timeout_ms = {self.timeout_ms}: write 20 to 1000")
        _check_table("numbers", self.numbers, 12, {"LINE": LINE})
        _check_table("lines", self.lines, 4, {})

    def unmapped(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that have no number: nothing about them can be said to this PLC or understood of it."""
        table = Names(self.numbers, self.lines)
        return [name for name in names if not table.knows(name)]


def _check_table(key: str, table: Mapping[str, int], longest: int, built_in: Mapping[str, int]) -> None:
    """Ids with numbers of their own. Raises ValueError that says what to write."""
    taken = {number: name for name, number in built_in.items()}
    for name, number in table.items():
        if not re.fullmatch(rf"[A-Z0-9_-]{{1,{longest}}}", name, re.ASCII):
            raise ValueError(f"{key}: {name!r}: write 1 to {longest} characters of A-Z 0-9 _ -")
        if not 1 <= number <= 65535:
            raise ValueError(f"{key}: {name} = {number}: write a number from 1 to 65535")
        if name in built_in and number != built_in[name]:
            raise ValueError(f"{key}: {name} = {number}: it is always {built_in[name]}; leave it out")
        if (other := taken.setdefault(number, name)) in built_in and other != name:
            raise ValueError(f"{key}: {name} = {number}: this is {other}, the line itself: write another number")
        if other != name:
            raise ValueError(f"{key}: {name} and {other} are both {number}; give each a number of its own")


def _wire(settings: Settings) -> tuple[Wire, float]:
    """The wire and the time of one character on it."""
    if settings.transport == "tcp":
        return Tcp(), 0.0
    char_ms = BITS_A_CHARACTER * 1000 / settings.baud
    return Rtu(char_ms), char_ms


def _pace(settings: Settings) -> Pace:
    wire, char_ms = _wire(settings)
    poll_ms = POLL_MS[settings.transport] if settings.poll_ms is None else settings.poll_ms
    fitting = LONG_READ_MS / wire.time(32) if char_ms else MOST_RECORDS
    return Pace(poll_ms, min(MOST_RECORDS, max(1, int(fitting))), settings.transport == "tcp")


class Driver:
    """One channel to one PLC; the Protocol of devices/driver.py."""

    def __init__(self, settings: Settings) -> None:
        self.counters = Counters()
        self.settings = settings
        names = Names(settings.numbers, settings.lines)
        bus = Bus(*_wire(settings), settings.timeout_ms)
        self._channel = Channel(bus, settings.unit, names, _pace(settings), self.counters)

    def opened(self, now: float, kept: Kept) -> None:
        """The channel is open: the first poll leaves in a `take` as soon as the wire has been silent."""
        self._channel.opened(now, kept)

    def feed(self, data: bytes | Message, at: float) -> Sequence[Item]:
        """What these bytes, and what they complete, bring; the next request leaves in a `take`."""
        if isinstance(data, Message):
            raise TypeError("Modbus frames come as bytes")
        self._channel.bus.feed(self._channel, data, at)
        self._channel.advance(at)
        return self._items()

    def send(self, command: Command, now: float, expires: float | None) -> int:
        """Queue a DEST, CMND or TIME. Raises ValueError for a name without a number or a value that does not fit."""
        return self._channel.send(command, now, expires)

    def confirm(self, token: Token, now: float) -> None:
        """Everything up to `token` is durable."""
        self._channel.confirm(token, now)

    def tick(self, now: float) -> Sequence[Item]:
        """Polls, life, time-outs, deadlines, silence."""
        self._channel.advance(now)
        return self._items()

    def next_at(self) -> float | None:
        """The nearest of all deadlines; the drivers of one bus wake together."""
        return self._channel.next_at()

    def take(self) -> bytes:
        """One request, or nothing: on a bus only whose turn it is writes."""
        data = bytes(self._channel.out)
        self._channel.out.clear()
        return data

    def closed(self, now: float) -> Sequence[Item]:
        """The channel is gone: the request under way, session and commands with it."""
        self._channel.closed(now)
        return self._items()

    def share(self, bus: Bus) -> None:
        """Be one of several on `bus`; see `join`. Before `opened`."""
        self._channel.bus = bus

    def _items(self) -> list[Item]:
        items = list(self._channel.items)
        self._channel.items.clear()
        return items


def join(drivers: Sequence[Driver]) -> None:
    """Make one bus of drivers that share a serial port; once, before any is `opened`.

    Each is then fed all bytes of the port and called with the same times, and what each gives is written to the port.
    Raises ValueError when they cannot share it.
    """
    if not drivers:
        return
    first = drivers[0].settings
    for driver in drivers:
        other = driver.settings
        if other.transport != "serial":
            raise ValueError("lines share a port only on a serial line; over TCP give each its own connection")
        if other.baud != first.baud:
            raise ValueError(f"one port has one speed, not {first.baud} and {other.baud}: write the same baud")
    units = [driver.settings.unit for driver in drivers]
    if double := sorted({unit for unit in units if units.count(unit) > 1}):
        raise ValueError(f"unit {double[0]} stands twice on one port: give each PLC an address of its own")
    bus = Bus(*_wire(first), max(driver.settings.timeout_ms for driver in drivers))
    for driver in drivers:
        driver.share(bus)


class Sniffer(_Sniffer):
    """Both sides of a line, without a session: for reading a recording."""

    def __init__(self, settings: Settings | None = None) -> None:
        chosen = settings or Settings()
        super().__init__(Names(chosen.numbers, chosen.lines, strict=False), chosen.transport == "tcp")
