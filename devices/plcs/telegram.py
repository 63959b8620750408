"""A PLC that speaks ASCII telegrams over a full-duplex serial line or TCP (PLC interface v1 §3).

Proof of a telegram: STX and ETX, CRC-16 and a body length. Three layers, each usable alone: bytes <-> telegram
(`_telegram_codec`, with the manual's tables in `_telegram_tables`), fields <-> values (`_messages`), and the rules of
the channel (`_channel`), which no encoding changes. This module joins them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from devices.framing import Bad, Delimited, Frame
from devices.plcs import _messages as messages
from devices.plcs import _telegram_tables as tables
from devices.plcs._channel import Channel
from devices.plcs._messages import Outgoing
from devices.plcs._names import Names, check
from devices.plcs._telegram_codec import (
    ETX,
    MAX_LENGTH,
    STX,
    VERSION,
    Malformed,
    Telegram,
    build,
    parse,
    read_body,
    write_body,
)
from devices.types import (
    Command,
    CommandSeen,
    Counters,
    Garbled,
    Heartbeat,
    Item,
    Kept,
    Message,
    Reply,
    SessionBegun,
    Synchronised,
    Token,
)

GAP_MS = {"serial": 200.0, "tcp": 2000.0}
REPEAT_MS, SLOW_REPEAT_MS, SLOW_BELOW_BAUD = 300.0, 1000.0, 38_400
BITS_A_BYTE = 10
RAW = 64


@dataclass(frozen=True, slots=True)
class Settings:
    """One PLC channel.

    `plc`, `controller` = the names of both sides in telegrams, 1..4 of `A-Z 0-9 _ -`. `transport` = what the link is;
    `baud` = its speed, on `serial` only. `ack` = `durable` makes every `A` wait for the disk (PLCs of the small
    profile, which forget an event once it is taken). `names` = the floor's name of a point or lane -> the PLC's, where
    they differ.
    """

    plc: str = "PLC1"
    controller: str = "HUB"
    baud: int = 115_200
    transport: str = "serial"
    ack: str = "taken"
    names: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key, name in (("plc", self.plc), ("controller", self.controller)):
            if not re.fullmatch(r"[A-Z0-9_-]{1,4}", name, re.ASCII):
                raise ValueError(f"{key} = {name!r}: write 1 to 4 characters of A-Z 0-9 _ -, e.g. {key} = 'PLC1'")
        if self.plc == self.controller:
            raise ValueError(f"plc and controller are both {self.plc!r}: write two different names")
        if not 300 <= self.baud <= 4_000_000:
            raise ValueError(f"baud = {self.baud}: write the speed of the serial line, 300 to 4000000")
        if self.transport not in GAP_MS:
            raise ValueError(f"transport = {self.transport!r}: write 'serial' or 'tcp'")
        if self.ack not in ("taken", "durable"):
            raise ValueError(f"ack = {self.ack!r}: write 'taken' or 'durable'")
        check(self.names, r"[A-Z0-9_-]{1,12}", "1 to 12 characters of A-Z 0-9 _ -")


def _framer(settings: Settings) -> Delimited:
    return Delimited(start=STX, end=ETX, max_length=MAX_LENGTH, gap_ms=GAP_MS[settings.transport])


class Driver:
    """One channel to one PLC; the Protocol of devices/driver.py."""

    def __init__(self, settings: Settings) -> None:
        self.counters = Counters()
        self._settings = settings
        self._names = Names(settings.names)
        self._framer = _framer(settings)
        self._out = bytearray()
        serial = settings.transport == "serial"
        self._byte_ms = BITS_A_BYTE * 1000 / settings.baud if serial else 0.0
        self._wire_free = 0.0
        self._written: tuple[Mapping[str, Any], str] = ({}, "")
        """fields of the last command, and its body"""
        repeat_ms = SLOW_REPEAT_MS if serial and settings.baud < SLOW_BELOW_BAUD else REPEAT_MS
        self._channel = Channel(self._write, self.counters, repeat_ms, settings.ack == "durable", not serial)

    @property
    def next_sequence(self) -> int:
        """The number of our next request, 1 at the first of an epoch. Settable while no request is open."""
        return self._channel.next_sequence

    @next_sequence.setter
    def next_sequence(self, number: int) -> None:
        self._channel.next_sequence = number

    def opened(self, now: float, kept: Kept) -> None:
        """The channel is open: SYES leaves in the next `take`."""
        self._framer.close(now)
        self._out.clear()
        self._wire_free = now
        self._channel.opened(now, kept)

    def feed(self, data: bytes | Message, at: float) -> Sequence[Item]:
        """What these bytes complete; the answers to it leave in the next `take`."""
        if isinstance(data, Message):
            raise TypeError("telegrams come as bytes")
        self._channel.check_silence(at)
        for piece in self._framer.feed(data, at):
            if isinstance(piece, Bad):
                self._garbled(piece.why, piece.why, piece.raw, piece.at)
            else:
                self._telegram(piece)
        self._channel.advance(at)
        return self._items()

    def send(self, command: Command, now: float, expires: float | None) -> int:
        """Queue a DEST, CMND or TIME. Raises ValueError when a value does not fit its field on the wire."""
        kind, fields = messages.command(command)
        self._written = fields, write_body(tables.DOWN[kind], self._names.down(fields))
        return self._channel.send(command, now, expires)

    def confirm(self, token: Token, now: float) -> None:
        """Everything up to `token` is durable."""
        self._channel.confirm(token, now)

    def tick(self, now: float) -> Sequence[Item]:
        """Repeats, LIFE, SYES, deadlines, silence."""
        self._silent(self._framer.silence(now))
        self._channel.advance(now)
        return self._items()

    def next_at(self) -> float | None:
        """The nearest of all deadlines."""
        times = (self._framer.deadline(), self._channel.next_at())
        return min((time for time in times if time is not None), default=None)

    def take(self) -> bytes:
        """Whole telegrams."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def closed(self, now: float) -> Sequence[Item]:
        """The channel is gone: partial frame, session and commands with it."""
        self._silent(self._framer.close(now))
        self._channel.closed(now)
        self._out.clear()
        return self._items()

    def _telegram(self, frame: Frame) -> None:
        try:
            telegram = parse(frame.data)
            message = tables.incoming(telegram, frame.data)
        except Malformed as error:
            self._garbled(error.reason, str(error), frame.data, frame.at)
            return
        if telegram.receiver != self._settings.controller or telegram.sender != self._settings.plc:
            self.counters.note("wrong receiver" if telegram.sender == self._settings.plc else "wrong sender")
            return
        self.counters.frames += 1
        self._channel.alive(frame.at)
        if self._settings.names:
            message = replace(message, fields=self._names.up(message.fields))
        if telegram.flag == "R":
            self._channel.request(message, frame.at)
        elif telegram.flag in "AN" and telegram.version == VERSION:
            self._channel.answer(message, frame.at)
        else:
            self.counters.note("unknown flag or version")

    def _silent(self, pieces: Iterable[Bad]) -> None:
        for bad in pieces:
            self._garbled(bad.why, bad.why, bad.raw, bad.at)

    def _garbled(self, reason: str, why: str, raw: bytes, at: float) -> None:
        self.counters.bad(reason)
        self._channel.items.append(Garbled(raw[:RAW], why, at))

    def _items(self) -> list[Item]:
        items, self._channel.items = self._channel.items, []
        return items

    def _write(self, message: Outgoing, now: float) -> float:
        names = self._settings.controller, self._settings.plc
        if message.fields is self._written[0]:  # the usual case: a command leaves at once
            body = self._written[1]
        else:
            body = tables.outgoing_body(replace(message, fields=self._names.down(message.fields)))
        data = build(Telegram(*names, message.type, message.flag, message.epoch, message.sequence, body))
        self._out += data
        self._wire_free = max(now, self._wire_free) + len(data) * self._byte_ms
        return self._wire_free


class Sniffer:
    """Telegrams of both sides as items, without any rule of a session: for reading a recorded line."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._framer = _framer(self._settings)

    def feed(self, data: bytes, at: float) -> Sequence[Item]:
        """What these bytes complete. The PLC's messages become their items, ours CommandSeen, answers Reply."""
        return [self._item(piece) for piece in self._framer.feed(data, at)]

    def close(self, now: float) -> Sequence[Item]:
        """The recording ends: what is left of a frame."""
        return [self._item(bad) for bad in self._framer.close(now)]

    def _item(self, piece: Frame | Bad) -> Item:
        if isinstance(piece, Bad):
            return Garbled(piece.raw, piece.why, piece.at)
        try:
            telegram = parse(piece.data)
            if telegram.flag in ("A", "N"):
                return _reply(telegram, piece)
            if telegram.flag != "R" or telegram.version != VERSION:
                return Garbled(piece.data[:RAW], "unknown flag or version", piece.at)
            if self._is_ours(telegram):
                text = _readable(read_body(tables.DOWN[telegram.type], telegram.body))
                return CommandSeen(telegram.type, text, piece.data, piece.at)
            return _up(telegram, piece)
        except Malformed as error:
            return Garbled(piece.data[:RAW], str(error), piece.at)

    def _is_ours(self, telegram: Telegram) -> bool:
        if telegram.type == "LIFE":
            return telegram.sender != self._settings.plc and telegram.body != ""
        return telegram.type in tables.DOWN


def _reply(telegram: Telegram, frame: Frame) -> Item:
    numbers = f"epoch={telegram.epoch:04X} sequence={telegram.sequence}"
    fields = {}
    if telegram.flag == "N":
        fields = read_body(tables.REFUSED, telegram.body)
    elif telegram.body:
        fields = read_body(tables.TAKEN, telegram.body)
    verb = f"{telegram.type} {telegram.flag}"
    return Reply(verb, " ".join(filter(None, (numbers, _readable(fields)))), frame.data, frame.at)


def _up(telegram: Telegram, frame: Frame) -> Item:
    message = tables.incoming(telegram, frame.data)
    if message.problem:
        return Garbled(frame.data[:RAW], message.problem, frame.at)
    if message.evt:
        return messages.event(message.type, message.fields, frame.at, (message.epoch, message.evt))
    match message.type:
        case "SYBE":
            return SessionBegun(message.epoch, False, frame.at)
        case "SYEN":
            return Synchronised(frame.at)
        case "TRAK":
            return messages.tracks(message.fields, frame.at)
        case "SPED":
            return messages.speed(message.fields, frame.at)
        case _:
            return Heartbeat(frame.data, frame.at)


def _readable(fields: dict[str, Any]) -> str:
    """`point=IND-1 track=417 lanes=L07,L08`."""
    values = {name: ",".join(value) if isinstance(value, tuple) else value for name, value in fields.items()}
    return " ".join(f"{name}={value}" for name, value in values.items())
