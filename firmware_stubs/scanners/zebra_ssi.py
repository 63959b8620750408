"""A Zebra decoder on a serial line that speaks SSI, the Simple Serial Interface.

Packet: LEN OPCODE SOURCE STATUS [DATA] CHECKSUM. LEN counts all but the checksum, 4 to 255; the checksum is the two's
complement of the sum of all bytes before it, 16 bits, high byte first. SOURCE 0 = decoder, 4 = host. STATUS bit 0 =
sent again. A 00 byte between packets is WAKEUP: it wakes a decoder that SLEEP put to sleep, which any byte does and
is lost by it.

Each command is acknowledged or answered; a wrong checksum gets NAK 1 (resend), an unknown opcode NAK 2 (bad context),
a number that it has not, and every parameter, NAK 6 (denied): parameters are those of the stub's section. What the
decoder says of its own it sends once and, without an ACK for `timeout_s` or after NAK 1, two times more with STATUS
bit 0; then it beeps ("transmit error") and forgets it. Any other NAK makes it forget it at once. Codes behind it wait.
A code for which one packet is too short goes in segments (opcode 73) that are acknowledged one by one (opcode 74).

Heartbeats and the no-read text are sent as decode data. With `by_command` items are seen only between START_DECODE and
STOP_DECODE or the end of `session_s`; a session without a code ends with the no-read text.

Sources: Zebra SE955 integration guide (packets, NAK), DS4308 (retries, time-outs), DS8108 (heartbeat), DS9908 (events),
CS4070 (no-read text), MP72 (opcodes); enioka_scan SsiParserTest and SsiCommand (segments). Guesses: a silence of 200 ms
ends half a packet, the repetition of a segment is marked like that of a packet, EVENT wants an ACK.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from firmware_stubs.results import Results, Shown, latin, one_of, within
from firmware_stubs.scanners._acknowledged import Acknowledged
from firmware_stubs.stub import Piece, as_bytes

_GAP_MS = 200.0
_HOST = 4
_AGAIN = 1  # STATUS bit 0
_ROOM = 250  # bytes of a code that one packet, or one segment, has room for
_LONGEST = 8192  # of a code; no symbol holds more

_SEGMENT, _SEGMENT_ACK, _REQUEST_REVISION, _REPLY_REVISION = 0x73, 0x74, 0xA3, 0xA4
_ACK, _NAK, _FLUSH, _START, _STOP = 0xD0, 0xD1, 0xD2, 0xE4, 0xE5
_BEEP, _LED_ON, _LED_OFF, _SCAN_ENABLE, _SCAN_DISABLE, _SLEEP = 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xEB
_AIM_OFF, _AIM_ON, _PARAMETERS = 0xC4, 0xC5, (0xC6, 0xC7, 0xC8)
_DECODE_DATA, _EVENT = 0xF3, 0xF6
_COMMANDS = (_FLUSH, _START, _STOP, _SCAN_ENABLE, _SCAN_DISABLE, _SLEEP, _AIM_ON, _AIM_OFF, _LED_ON, _LED_OFF)
_RESEND, _BAD_CONTEXT, _DENIED = 1, 2, 6
_DECODED, _POWER_UP = 1, 3
_CODE_39 = 1
_BEEPS = 0x1B  # the number of tones

CHECKSUMS = True  # in its frames, which nobody else can make


@dataclass(frozen=True, slots=True)
class Settings:
    """The keys of the stub's section; texts are latin-1."""

    no_read: str = "NR"  # empty = silent when nothing was read
    code_type: int = 0x03  # of DECODE_DATA: 3 = Code 128, 15 = GS1-128, 27 = DataMatrix, 28 = QR …
    heartbeat_s: float = 0.0  # 0 = none
    delay_ms: float = 0.0  # from the transmit point to the first byte
    acknak: bool = True  # False = nothing of its own waits for an ACK
    timeout_s: float = 2.0  # host serial response time-out: 2, 5, 7.5 or 9.9
    by_command: bool = False  # True = it looks only between START_DECODE and STOP_DECODE
    session_s: float = 9.9  # decode session timeout, 0.5 to 9.9
    decode_event: bool = False
    boot_event: bool = False
    boot_ms: float = 0.0  # silent after power-on
    revision: str = "PAABAS00-001-R00 1"
    status: int = 0  # bits of STATUS that some decoders set beside those of the manual; never bit 0
    segment_ack: str = "multipacket"  # what acknowledges a segment: "multipacket" (74), or "any" = CMD_ACK (D0), too
    queue: int = 16  # so many messages wait behind the one on the wire

    def __post_init__(self) -> None:
        latin(no_read=self.no_read, revision=self.revision)
        within("code_type", self.code_type, 0, 255)
        within("heartbeat_s", self.heartbeat_s, 0, 9999)
        within("delay_ms", self.delay_ms, 0, 1e6)
        within("boot_ms", self.boot_ms, 0, 1e6)
        within("session_s", self.session_s, 0.5, 9.9)
        within("queue", self.queue, 1, 256)
        one_of("timeout_s", self.timeout_s, 2.0, 5.0, 7.5, 9.9)
        one_of("segment_ack", self.segment_ack, "multipacket", "any")
        if not 0 <= self.status <= 255 or self.status & _AGAIN:
            raise ValueError(f"status must be a byte without bit 0, which means sent again, not {self.status}")
        for key in ("no_read", "revision"):
            if len(getattr(self, key)) > _ROOM:
                raise ValueError(f"{key} must have at most {_ROOM} characters")


class Scanner(Results):
    """One decoder; see `ScannerStub`."""

    def __init__(self, settings: Settings, seed: int, now: float) -> None:
        super().__init__(now, delay_ms=settings.delay_ms, beat_s=settings.heartbeat_s, boot_ms=settings.boot_ms)
        self._settings = settings
        timeout = settings.timeout_s * 1000 if settings.acknak else None
        self._sending = Acknowledged(self._out, timeout, 2, settings.queue, _sent_again)
        self._in = bytearray()
        self._heard_at = now
        self._beats = 0
        self._enabled, self._asleep = True, False
        self._session_ends: float | None = None

    @property
    def counts(self) -> Counter[str]:
        """What went wrong so far: resent, beeps (transmit errors), refused, lost."""
        return self._sending.counts

    @property
    def unheard(self) -> int:
        """Results and signs of life without their acknowledgement."""
        return self._sending.waiting

    def feed(self, data: Piece, now: float) -> None:
        """Packets of the host, in any split; anything else is ignored."""
        self.tick(now)
        if now - self._heard_at > _GAP_MS:
            self._in.clear()
        self._heard_at = now
        for byte in as_bytes(data):
            if self.booting:
                continue
            if self._asleep:
                self._asleep = False
            else:
                self._in.append(byte)
                self._look(now)

    def tick(self, now: float) -> None:
        """Say what is due, repeat what was not acknowledged."""
        super().tick(now)
        if self._session_ends is not None and self._session_ends <= now:
            self._end_session(self._session_ends)
        self._sending.tick(now)

    def next_at(self) -> float | None:
        """The earliest of what is due."""
        due = (super().next_at(), self._session_ends, self._sending.due)
        return min((at for at in due if at is not None), default=None)

    def result(self, shown: Shown, now: float) -> None:
        """DECODE_DATA of each code, in their turn."""
        settings = self._settings
        looks = self._enabled and (self._session_ends is not None or not settings.by_command)
        if not looks or (settings.by_command and not shown.codes):  # the end of the session says that nothing was read
            shown.unsaid()
            return
        self._session_ends = None  # it has seen what it was to look at
        for number, code in enumerate(shown.codes):
            if len(code) > _LONGEST:
                shown.part_said(number, said=False)
                continue
            self._sending.put(self._decoded(settings.code_type, code), now, shown, number)
            if settings.decode_event:
                self._sending.put([self._packet(_EVENT, bytes((_DECODED,)))], now)
        if not shown.codes:
            shown.all_said()
            self._say_nothing(now)

    def beat(self, now: float) -> None:
        """The next MOTEVTHB."""
        self._beats = self._beats % 100 + 1
        self._sending.put(self._decoded(self._settings.code_type, b"MOTEVTHB:%03d" % self._beats), now)

    def booted(self, now: float) -> None:
        """EVENT power-up, where it is set to."""
        if self._settings.boot_event:
            self._sending.put([self._packet(_EVENT, bytes((_POWER_UP,)))], now)

    def _end_session(self, now: float) -> None:
        """Its time or STOP_DECODE came before a code."""
        self._session_ends = None
        self._say_nothing(now)

    def _say_nothing(self, now: float) -> None:
        if no_read := self._settings.no_read.encode("latin-1"):
            self._sending.put(self._decoded(_CODE_39, no_read), now)

    def _look(self, now: float) -> None:
        """Judge what stands at the front of the input."""
        length = self._in[0]
        if length < 4:  # WAKEUP, or no packet
            self._in.clear()
        elif len(self._in) == length + 2:
            packet = bytes(self._in)
            self._in.clear()
            if sum(packet[:-2]) + int.from_bytes(packet[-2:]) & 0xFFFF:
                self._refuse(_RESEND)
            elif packet[2] == _HOST:  # else it is the echo of its own
                self._heard(packet[1], packet[4:-2], now)

    def _heard(self, opcode: int, data: bytes, now: float) -> None:
        if opcode in (_ACK, _SEGMENT_ACK, _NAK):
            self._answered(opcode, data, now)
        elif opcode == _REQUEST_REVISION:
            self._out += self._packet(_REPLY_REVISION, self._settings.revision.encode("latin-1"))
        elif opcode in _PARAMETERS or (opcode == _BEEP and (len(data) != 1 or data[0] >= _BEEPS)):
            self._refuse(_DENIED)
        elif opcode in (_BEEP, *_COMMANDS):
            self._out += self._packet(_ACK)
            self._obey(opcode, now)
        else:
            self._refuse(_BAD_CONTEXT)

    def _answered(self, opcode: int, data: bytes, now: float) -> None:
        segment = self._sending.packet[1:2] == bytes((_SEGMENT,))
        if opcode == _NAK:
            if data == bytes((_RESEND,)):
                self._sending.repeat(now, counted=True)
            elif data:
                self._sending.refused(now)
        elif segment == (opcode == _SEGMENT_ACK) or (segment and self._settings.segment_ack == "any"):
            self._sending.acknowledged(now)

    def _obey(self, opcode: int, now: float) -> None:
        if opcode == _START and self._enabled:
            self._session_ends = now + self._settings.session_s * 1000
        elif opcode == _STOP and self._session_ends is not None:
            self._end_session(now)
        elif opcode in (_SCAN_ENABLE, _SCAN_DISABLE):
            self._enabled = opcode == _SCAN_ENABLE
        elif opcode == _SLEEP:
            self._asleep = True
        elif opcode == _FLUSH:
            self._sending.flush()

    def _refuse(self, cause: int) -> None:
        self._out += self._packet(_NAK, bytes((cause,)))

    def _packet(self, opcode: int, data: bytes = b"") -> bytes:
        return _summed(bytes((4 + len(data), opcode, 0, self._settings.status)) + data)

    def _decoded(self, code_type: int, code: bytes) -> list[bytes]:
        """DECODE_DATA, or the segments of a long one."""
        if len(code) <= _ROOM:
            return [self._packet(_DECODE_DATA, bytes((code_type,)) + code)]
        head = bytes((_DECODE_DATA, 0, 0)) + (len(code) + 3).to_bytes(2) + bytes((code_type, 1))
        stream = head + len(code).to_bytes(2) + code
        return [
            _summed(bytes((5 + len(part), _SEGMENT, 0 if at else 2, self._settings.status, at // _ROOM)) + part)
            for at in range(0, len(stream), _ROOM)
            for part in (stream[at : at + _ROOM],)
        ]


def _summed(packet: bytes) -> bytes:
    return packet + (-sum(packet) & 0xFFFF).to_bytes(2)


def _sent_again(packet: bytes) -> bytes:
    """The same packet with STATUS bit 0."""
    return _summed(packet[:3] + bytes((packet[3] | _AGAIN,)) + packet[4:-2])
