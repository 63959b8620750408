"""A Datalogic DS8110, DX8210, AV7000 or Matrix on its serial port: <header> packets <terminator>.

Packets, with `separator` between: the protocol index of the item, if it has one, then its codes. With `groups` each of
so many groups of codes has its packet, and what was not read of them is `local_no_read`; a parcel of which nothing was
read is `no_read` alone (global no-read). An address may stand in front of the first packet.

The protocol index is the number of the item in `index_digits` digits, as the line tells it; with `index_from_host` it
is what the host sent since the last item, <index header> text <index terminator>, of several the last one.

The heartbeat has a header and a terminator of its own, and a counter between that begins again behind its modulus.
Unconditioned it comes each `heartbeat_s`, conditioned only when nothing else was said for so long.

Host mode: ESC [ C enters it, ESC [ B then begins programming, where ESC I A # ends a parameter string, which is right
when it begins with ESC and two characters, and ESC [ A leaves it. In host mode nothing is read and no heartbeat sent.
Parameters are those of the stub's section: a string is answered and changes nothing.

Sources: Datalogic DS8100 (no-read), DX8210 (combinations), DS8110 (protocol index, heartbeat), AV7000 (heartbeat
counter), Matrix N family and Matrix 210 host mode programming, PowerScan D8330 (address). Guesses: what host mode does
to reading, that programming outside host mode is ignored, a silence of 2 s ends half a command.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware_stubs.results import Results, Shown, latin, one_of, within
from firmware_stubs.stub import Piece, as_bytes

_ENTER, _PROGRAM, _LEAVE, _END_OF_STRING = b"\x1b[C", b"\x1b[B", b"\x1b[A", b"\x1bIA#"
_LONGEST = 1024  # of a parameter string
_LONGEST_INDEX = 128
_GAP_MS = 2000.0
_MODULI = (0, 10, 100, 1000, 10000)


@dataclass(frozen=True, slots=True)
class Settings:
    """The keys of the stub's section; texts are latin-1."""

    header: str = "\x02"
    terminator: str = "\r\n"
    separator: str = ","
    no_read: str = "???????"  # empty = silent when nothing was read
    groups: int = 0  # 0 = whatever was read; else so many packets, with `local_no_read` for those that were not
    local_no_read: str = "?"
    address: str = ""  # in front of the first packet, with its delimiter
    delay_ms: float = 0.0  # from the transmit point to the first byte
    index_digits: int = 0  # 0 = no protocol index
    index: str = "track"  # what the index is: "track" or "carrier"
    index_from_host: bool = False
    index_header: str = "#"
    index_terminator: str = "\r"
    heartbeat: str = ""  # header of the heartbeat; empty = none
    heartbeat_terminator: str = "\r\n"
    heartbeat_s: float = 10.0
    heartbeat_when: str = "unconditioned"  # or "conditioned"
    heartbeat_modulus: int = 0  # of its counter: 10, 100, 1000 or 10000; 0 = no counter
    heartbeat_start: int = 0
    heartbeat_up: bool = True

    def __post_init__(self) -> None:
        latin(header=self.header, terminator=self.terminator, separator=self.separator, address=self.address)
        latin(no_read=self.no_read, local_no_read=self.local_no_read)
        latin(index_header=self.index_header, index_terminator=self.index_terminator)
        within("groups", self.groups, 0, 10)
        within("index_digits", self.index_digits, 0, 18)
        within("delay_ms", self.delay_ms, 0, 1e6)
        one_of("index", self.index, "track", "carrier")
        for key in ("header", "terminator", "separator"):
            if len(getattr(self, key)) > 128:
                raise ValueError(f"{key} must have at most 128 characters")
        if not self.terminator:
            raise ValueError('terminator is empty: write what ends a message, for example terminator = "\\r\\n"')
        if self.index_from_host and not (self.index_header and self.index_terminator):
            raise ValueError("index_header and index_terminator must not be empty when the index comes from the host")
        _judge_heartbeat(self)


def _judge_heartbeat(settings: Settings) -> None:
    latin(heartbeat=settings.heartbeat, heartbeat_terminator=settings.heartbeat_terminator)
    if max(len(settings.heartbeat), len(settings.heartbeat_terminator)) > 32:
        raise ValueError("heartbeat and heartbeat_terminator must have at most 32 characters")
    if settings.heartbeat and settings.heartbeat == settings.heartbeat_terminator:
        raise ValueError("heartbeat and heartbeat_terminator must differ")
    within("heartbeat_s", settings.heartbeat_s, 0.001, 1e6)
    one_of("heartbeat_when", settings.heartbeat_when, "unconditioned", "conditioned")
    one_of("heartbeat_modulus", settings.heartbeat_modulus, *_MODULI)
    within("heartbeat_start", settings.heartbeat_start, 0, max(0, settings.heartbeat_modulus - 1))


class Scanner(Results):
    """One scanner, or the master of a tunnel of several; see `ScannerStub`."""

    def __init__(self, settings: Settings, seed: int, now: float) -> None:
        super().__init__(now, delay_ms=settings.delay_ms, beat_s=settings.heartbeat_s if settings.heartbeat else 0.0)
        self._settings = settings
        self._in = bytearray()
        self._heard_at = now
        self._mode = "reading"  # then "host", then "programming"
        self._index: bytes | None = None  # of the host, for the next item
        self._count = settings.heartbeat_start

    def feed(self, data: Piece, now: float) -> None:
        """Host mode and protocol index, in any split; anything else is ignored."""
        self.tick(now)
        if now - self._heard_at > _GAP_MS:
            self._in.clear()
        self._heard_at = now
        for byte in as_bytes(data):
            self._in.append(byte)
            if self._command() or len(self._in) > _LONGEST:
                self._in.clear()

    def result(self, shown: Shown, now: float) -> None:
        """One message with all its codes."""
        settings = self._settings
        packets = self._packets(list(shown.codes))
        if self._mode != "reading" or not packets:
            shown.unsaid()
            return
        shown.all_said()
        if settings.index_digits:
            if not settings.index_from_host:  # it begins again at 0 behind the last number of its digits
                self._index = b"%0*d" % (settings.index_digits, shown.index % 10**settings.index_digits)
            packets = packets if self._index is None else [self._index, *packets]
            self._index = None
        body = settings.separator.encode("latin-1").join(packets)
        self._out += _wire(settings.header + settings.address) + body + _wire(settings.terminator)
        if settings.heartbeat_when == "conditioned" and settings.heartbeat:
            self._restart_beat(now)

    def _packets(self, codes: list[bytes]) -> list[bytes]:
        """What stands between the separators; none = it keeps silent."""
        settings = self._settings
        if not codes and settings.no_read:
            return [_wire(settings.no_read)]
        return codes + [_wire(settings.local_no_read)] * (settings.groups - len(codes))

    def beat(self, now: float) -> None:
        """Header, counter, terminator."""
        settings = self._settings
        if self._mode != "reading":
            return
        self._out += _wire(settings.heartbeat)
        if settings.heartbeat_modulus:
            self._out += b"%0*d" % (len(str(settings.heartbeat_modulus)) - 1, self._count)
            self._count = (self._count + (1 if settings.heartbeat_up else -1)) % settings.heartbeat_modulus
        self._out += _wire(settings.heartbeat_terminator)

    def _command(self) -> bool:
        """Whether the input ends with something that was understood."""
        data = self._in
        if self._mode == "programming" and data.endswith(_END_OF_STRING):
            string = data.removesuffix(_END_OF_STRING)
            right = string.startswith(b"\x1b") and len(string) >= 3
            self._out += b"\x1bK\r\n" if right else b"\x1bW1\r\n"
            return True
        if data.endswith(_ENTER) and self._mode == "reading":
            self._mode = "host"
            self._out += b"\x1bH\r\n"
        elif data.endswith(_PROGRAM) and self._mode == "host":
            self._mode = "programming"
            self._out += b"\x1bS\r\n"
        elif data.endswith(_LEAVE) and self._mode != "reading":
            self._mode = "reading"
            self._out += b"\x1b[X"
        else:
            return self._mode == "reading" and self._indexed(data)
        return True

    def _indexed(self, data: bytearray) -> bool:
        settings = self._settings
        header, terminator = _wire(settings.index_header), _wire(settings.index_terminator)
        if not (settings.index_digits and settings.index_from_host and data.endswith(terminator)):
            return False
        _, found, text = bytes(data).removesuffix(terminator).rpartition(header)
        if found and 0 < len(text) <= _LONGEST_INDEX:
            self._index = text
        return True


def _wire(text: str) -> bytes:
    return text.encode("latin-1")
