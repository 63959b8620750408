"""Packets of Zebra's Simple Serial Interface (SSI), both ways.

`LEN OPCODE SOURCE STATUS DATA… CHECKSUM`: LEN counts everything but the two bytes of the checksum, so it is 4 or more
and a packet has at most 257 bytes. The checksum is the two's complement of the 16-bit sum of all bytes before it, high
byte first. SOURCE is 0 for the decoder and 4 for the host; only a segment (73) has other values there. Of STATUS two
bits count, whatever the others are: they are set in the field although the manuals say that they are 0.

Sources: Zebra manuals MP72 and DS4678 (opcodes), SP72 (status), SE955 and SE923 (packets, causes of CMD_NAK); the
public driver enioka_scan (code types, the acknowledgement of segments; it has seen status 20 and 80).
"""

from __future__ import annotations

from devices.framing import BETWEEN, Frame, Framer, Piece
from devices.value import value

DECODER, HOST = 0, 4
RETRANSMIT, CONTINUES = 1, 2

ACK, NAK = 0xD0, 0xD1
REQUEST_REVISION, START_DECODE, STOP_DECODE = 0xA3, 0xE4, 0xE5
DECODE_DATA, SEGMENT, SEGMENT_ACK, EVENT = 0xF3, 0x73, 0x74, 0xF6

RESEND, BAD_CONTEXT = b"\x01", b"\x02"
"""Causes of CMD_NAK that a host sends."""

CAUSES = {
    "1": "it got the packet damaged",
    "2": "it does not know that command, or not now",
    "6": "it may not, or a value is out of range",
    "10": "cancelled",
}
NO_CAUSE = "a cause without a known meaning"

NAMES = {
    **{
        0x73: "MULTIPACKET_SEGMENT",
        0x74: "MULTIPACKET_ACK",
        0x80: "SSI_MGMT_COMMAND",
        0xA3: "REQUEST_REVISION",
        0xA4: "REPLY_REVISION",
    },
    **{0xA6: "REPLY_ID", 0xB1: "IMAGE_DATA", 0xC4: "AIM_OFF", 0xC5: "AIM_ON", 0xC6: "PARAM_SEND"},
    **{0xC7: "PARAM_REQUEST", 0xC8: "PARAM_DEFAULTS", 0xD0: "CMD_ACK", 0xD1: "CMD_NAK", 0xD2: "FLUSH_QUEUE"},
    **{0xD3: "CAPABILITIES_REQUEST", 0xD4: "CAPABILITIES_REPLY", 0xE4: "START_DECODE", 0xE5: "STOP_DECODE"},
    **{0xE6: "BEEP", 0xE7: "LED_ON", 0xE8: "LED_OFF", 0xE9: "SCAN_ENABLE", 0xEA: "SCAN_DISABLE", 0xEB: "SLEEP"},
    **{0xF3: "DECODE_DATA", 0xF6: "EVENT", 0xF7: "IMAGER_MODE"},
}
REPLIES = frozenset({0x80, 0xA4, 0xA6, 0xC6, 0xD4})
"""Data in answer to a command of the host: they are its acknowledgement and want none."""
TOLD = frozenset({0xB1, EVENT})
"""What a decoder tells by itself beside codes; it wants an acknowledgement."""

AIM = {
    **{0x01: "]A0", 0x02: "]F0", 0x03: "]C0", 0x04: "]S0", 0x06: "]I0", 0x07: "]G0", 0x08: "]E0", 0x09: "]E0"},
    **{0x0A: "]E4", 0x0B: "]E0", 0x0C: "]H0", 0x0E: "]M0", 0x0F: "]C1", 0x11: "]L0", 0x13: "]A4", 0x16: "]E0"},
    **{0x19: "]C0", 0x1B: "]d1", 0x1C: "]Q1", 0x25: "]U0", 0x2D: "]z0", 0x30: "]e0", 0x31: "]e0", 0x32: "]e0"},
}
"""Code type of DECODE_DATA -> AIM identifier; the type does not say the modifier, so it is the usual one."""

CHECKSUM = "wrong checksum"
SHORTEST = 4


def encode(opcode: int, data: bytes = b"", source: int = HOST, status: int = 0) -> bytes:
    """One packet with its checksum; at most 251 bytes of data."""
    packet = bytes([SHORTEST + len(data), opcode, source, status]) + data
    return packet + checksum(packet)


def checksum(packet: bytes) -> bytes:
    """The two bytes after `packet`."""
    return (-sum(packet) & 0xFFFF).to_bytes(2)


def again(packet: bytes) -> bytes:
    """The same packet, marked as sent before."""
    return encode(packet[1], packet[4:-2], packet[2], packet[3] | RETRANSMIT)


@value
class Packet(Frame):
    """One packet whose checksum is right; `data` is all of it without the checksum."""

    @property
    def opcode(self) -> int:
        """What it is."""
        return self.data[1]

    @property
    def body(self) -> bytes:
        """What stands after the status."""
        return self.data[SHORTEST:]

    @property
    def from_host(self) -> bool:
        """Whether a host says it."""
        return self.data[2] == HOST and self.opcode != SEGMENT

    def carries_code(self) -> bool:
        """Whether it is a code of the decoder, or a part of one."""
        return not self.from_host and self.opcode in (DECODE_DATA, SEGMENT)

    def cause(self) -> str:
        """Of CMD_NAK: a number, empty when it has none."""
        return str(self.body[0]) if self.body else ""

    @property
    def retransmitted(self) -> bool:
        """Whether its sender had no answer to it before."""
        return bool(self.data[3] & RETRANSMIT)

    @property
    def continues(self) -> bool:
        """Whether another packet of the same message follows."""
        return bool(self.data[3] & CONTINUES)


class SsiFrames(Framer):
    """Packets one after the other. Bytes where none can begin are skipped one by one; a packet whose checksum is wrong
    is skipped as long as it says it is, without a look inside; silence ends what has begun."""

    def arriving(self) -> bool:
        """Whether a packet has begun and not ended."""
        return bool(self._buffer)

    def _step(self, out: list[Piece]) -> bool:
        noise = 0
        while noise < len(self._buffer) and not self._may_begin(noise):
            noise += 1
        self._skip(noise, BETWEEN, out)
        self._inside = bool(self._buffer)
        if not self._buffer or len(self._buffer) < (whole := self._buffer[0] + 2):
            return False
        packet = bytes(self._buffer[: whole - 2])
        if self._buffer[whole - 2 : whole] != checksum(packet):
            self._drop(whole, CHECKSUM, out)
            return True
        self._report(out)
        out.append(Packet(packet, self._at))
        del self._buffer[:whole]
        return True

    def _may_begin(self, place: int) -> bool:
        """Whether a packet may begin there, by its length and by who says it, as far as they have arrived."""
        head = self._buffer[place : place + 3]
        if head[0] < SHORTEST:
            return False
        return len(head) < 3 or head[1] == SEGMENT or head[2] in (DECODER, HOST)
