"""Modbus as somebody hears it who only listens: both sides' frames as items, for reading a recording.

Requests and answers are told apart by their lengths: of function 3 a request has 8 bytes on a serial line, an answer an
odd number; of function 16 it is the other way round. What registers an answer holds follows from how many they are, as
the driver asks for them: 9 to 15 block 0, 8 our own, 16 and its multiples records, fewer than 8 results.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from devices.plcs import _messages as messages
from devices.plcs._modbus_codec import EXCEPTIONS, FAILED, READ, WRITE, sound
from devices.plcs._modbus_records import REFUSALS, SIZE, Names, Record, Unreadable, describe, read
from devices.types import (
    CommandSeen,
    DeviceError,
    Garbled,
    Heartbeat,
    Item,
    Reply,
    SessionBegun,
    Synchronised,
)

RAW = 64
GAP_MS = 1000.0
NO_TOKEN = (0, 0)
OWN, COMMAND_RING = 1024, 1040


class Sniffer:
    """Frames of both sides as items."""

    def __init__(self, names: Names, tcp: bool) -> None:
        self._names = names
        self._tcp = tcp
        self._arrived = bytearray()
        self._noise = bytearray()
        self._last = 0.0

    def feed(self, data: bytes, at: float) -> Sequence[Item]:
        """What these bytes complete. The PLC's records become their items, our requests CommandSeen, the rest Reply;
        a silence of 1 s ends what is incomplete."""
        items = list(self.close(at)) if at > self._last + GAP_MS else []
        self._last = at
        self._arrived += data
        while (size := self._frame()) is not None:
            if size:
                items += self._flush(at)
                frame = bytes(self._arrived[:size])
                del self._arrived[:size]
                items += self._read(frame, at)
            else:
                self._noise.append(self._arrived.pop(0))
                if len(self._noise) >= RAW:
                    items += self._flush(at)
        return items

    def close(self, now: float) -> Sequence[Item]:
        """The recording ends: what is left."""
        self._noise += self._arrived
        self._arrived.clear()
        return self._flush(now)

    def _flush(self, at: float) -> list[Item]:
        raw = bytes(self._noise[:RAW])
        self._noise.clear()
        return [Garbled(raw, "not a Modbus frame", at)] if raw else []

    def _frame(self) -> int | None:
        """Length of the frame that begins here; 0 = none does; None = more is needed to tell."""
        data = self._arrived
        if self._tcp:
            if len(data) < 6:
                return None
            _, protocol, length = struct.unpack(">HHH", data[:6])
            if protocol or not 3 <= length <= 254:
                return 0
            return 6 + length if len(data) >= 6 + length else None
        if len(data) < 2:
            return None
        if data[1] & FAILED:
            sizes = [5] if data[1] in (READ | FAILED, WRITE | FAILED) else []
        elif data[1] == READ:
            sizes = [8, data[2] + 5] if len(data) > 2 else [8]
        else:
            sizes = ([8, data[6] + 9] if len(data) > 6 else [8]) if data[1] == WRITE else []
        for size in sorted(sizes):
            if len(data) < size:
                return None
            if sound(bytes(data[:size])):
                return size
        return 0

    def _read(self, frame: bytes, at: float) -> list[Item]:
        pdu = frame[7:] if self._tcp else frame[1:-2]
        function, body = pdu[0], pdu[1:]
        if function in (READ | FAILED, WRITE | FAILED) and len(body) == 1:
            return [DeviceError(f"MODBUS {body[0]}", EXCEPTIONS.get(body[0], "unknown exception"), frame, at)]
        if function == READ and len(body) == 4:
            address, count = struct.unpack(">HH", body)
            return [CommandSeen("read", f"address={address} count={count}", frame, at)]
        if function == READ and body and body[0] == len(body) - 1 and not body[0] % 2:
            return self._answer(struct.unpack(f">{body[0] // 2}H", body[1:]), frame, at)
        if function == WRITE and len(body) == 4:
            address, count = struct.unpack(">HH", body)
            return [Reply("written", f"address={address} count={count}", frame, at)]
        if function == WRITE and len(body) > 5 and body[4] == len(body) - 5 and not body[4] % 2:
            values = struct.unpack(f">{body[4] // 2}H", body[5:])
            return self._written(struct.unpack(">H", body[:2])[0], values, frame, at)
        return [Garbled(frame[:RAW], f"no request or answer of function {function & ~FAILED}", at)]

    def _written(self, address: int, values: Record, frame: bytes, at: float) -> list[Item]:
        if address < COMMAND_RING or len(values) % SIZE:
            if address == OWN and len(values) == 8:
                return [CommandSeen("registers", _own(values), frame, at)]
            return [CommandSeen("write", f"address={address} values={','.join(map(str, values))}", frame, at)]
        items: list[Item] = []
        for record in _records(values):
            try:
                verb, text = describe(record, self._names)
                items.append(CommandSeen(verb, text, frame, at))
            except Unreadable as error:
                items.append(Garbled(frame[:RAW], str(error), at))
        return items

    def _answer(self, registers: Record, frame: bytes, at: float) -> list[Item]:
        if 9 <= len(registers) <= 15:
            return [Reply("block 0", _block(registers), frame, at), Heartbeat(frame, at)]
        if len(registers) == 8:
            return [Reply("registers", _own(registers), frame, at)]
        if registers and not len(registers) % SIZE:
            return [self._record(record, at) for record in _records(registers)]
        results = [_result(value) for value in registers]
        return [Reply("results", " ".join(results), frame, at)]

    def _record(self, record: Record, at: float) -> Item:
        try:
            kind, fields, _ = read(record, self._names)
        except Unreadable as error:
            return Garbled(struct.pack(f">{SIZE}H", *record), str(error), at)
        fields["age"] = messages.AGE_UNKNOWN
        match kind:
            case "SYBE":
                return SessionBegun(0, False, at)
            case "SYEN":
                return Synchronised(at)
            case "TRAK":
                return messages.tracks({"items": [fields]}, at)
            case _:
                return messages.event(kind, {**fields, "evt": 0}, at, NO_TOKEN)


def _records(registers: Record) -> list[Record]:
    return [registers[start : start + SIZE] for start in range(0, len(registers), SIZE)]


def _own(values: Record) -> str:
    boot, life, durable, head, epoch, high, low, taken = values
    return (
        f"epoch={boot:04X} life={life} durable={durable} commands={head} plc_epoch={epoch:04X} "
        f"term={high << 16 | low} taken={taken}"
    )


def _block(registers: Record) -> str:
    version, epoch, life, head, tail, clock, speed, flags, lost = registers[:9]
    return (
        f"version={version} epoch={epoch:04X} life={life} events={head} commands={tail} clock={clock} speed={speed} "
        f"session={flags & 1} lost={lost}"
    )


def _result(value: int) -> str:
    if value == 1:
        return "A"
    return REFUSALS[value - 17] if 16 < value <= 16 + len(REFUSALS) else str(value)
