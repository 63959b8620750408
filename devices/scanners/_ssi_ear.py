"""What one hears on an SSI wire: packets become items."""

from __future__ import annotations

import re
from collections.abc import Sequence

from devices.barcodes.candidate import split_aim
from devices.codes import RAW, read_of
from devices.driver import Framed, wire
from devices.framing import Frame
from devices.scanners import _ssi as ssi
from devices.scanners._ssi_parts import UNENDED, Code, Parts, Refused
from devices.types import (
    CommandSeen,
    DeviceError,
    EventSeen,
    Garbled,
    Heartbeat,
    Item,
    NoRead,
    Read,
    Reply,
)

UNKNOWN = "an opcode that no decoder sends"
MISSED = "heartbeats are missing in their count"

_BEAT = re.compile(rb"(?:\][A-Za-z].)?MOTEVTHB:([0-9]{3})")
_LAST_BEAT = 100


class Ear(Framed):
    """Both sides' packets as items, without a session: a code that comes again is one more Read.

    `no_read`: texts that say that nothing was read; a code without any character says so too.
    """

    def __init__(self, gap_ms: float, no_read: Sequence[str]) -> None:
        self._packets = ssi.SsiFrames(gap_ms)
        super().__init__(self._packets)
        self._parts = Parts(self.counters)
        self._no_read = {b"", *(wire("no_read", text) for text in no_read)}
        self._beat = 0  # the number of the last heartbeat, 0 = unknown

    def closed(self, now: float) -> Sequence[Item]:
        """Half a packet and half a message are garbled."""
        return [*super().closed(now), *self._lost(now)]

    def _frame(self, frame: Frame) -> Sequence[Item]:
        assert isinstance(frame, ssi.Packet)
        return self._packet(frame)

    def _packet(self, packet: ssi.Packet) -> list[Item]:
        if not packet.carries_code():
            return [self._message_item(packet)]
        found = self._parts.add(packet)
        if isinstance(found, Refused):
            return [Garbled(packet.data[:RAW], found.why, packet.at)]
        return [] if found is None else [self._code_item(found, packet.at)]

    def _code_item(self, code: Code, at: float) -> Read | NoRead | Heartbeat | Garbled:
        beat = _BEAT.fullmatch(code.code)
        if beat:
            number, before, self._beat = int(beat[1]), self._beat, int(beat[1])
            if before and number != before % _LAST_BEAT + 1:
                self.counters.note(MISSED)
            return Heartbeat(code.code, at)
        aim, _ = split_aim(code.code[:4].decode("latin-1"))
        if code.code[len(aim) :] in self._no_read:
            return NoRead(code.code, at)
        return read_of(code.code, code.code, at, symbology=ssi.AIM.get(code.kind, ""))

    def _message_item(self, packet: ssi.Packet) -> CommandSeen | DeviceError | EventSeen | Reply | Garbled:
        """The item of a packet that carries no code."""
        verb, at = ssi.NAMES.get(packet.opcode, f"{packet.opcode:02X}"), packet.at
        if packet.from_host:
            return CommandSeen(verb, _text(packet.body), packet.data, at)
        if packet.opcode == ssi.NAK:
            return DeviceError(packet.cause(), ssi.CAUSES.get(packet.cause(), ssi.NO_CAUSE), packet.data, at)
        if packet.opcode in ssi.TOLD:
            event = str(packet.body[0]) if packet.opcode == ssi.EVENT and packet.body else _text(packet.body)
            return EventSeen(verb, event, packet.data, at)
        if packet.opcode in ssi.REPLIES or packet.opcode == ssi.ACK:
            return Reply(verb, _text(packet.body), packet.data, at)
        return Garbled(packet.data[:RAW], UNKNOWN, at)

    def _lost(self, now: float) -> list[Item]:
        """The message that has begun will not be whole."""
        if self._parts.deadline() is None:
            return []
        return [Garbled(self._parts.lose(now)[:RAW], UNENDED, now)]


def _text(body: bytes) -> str:
    """Data as text where it is printable, else as hex."""
    return body.decode("ascii") if all(0x20 <= byte <= 0x7E for byte in body) else body.hex().upper()
