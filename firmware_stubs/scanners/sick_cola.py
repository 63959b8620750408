"""A SICK CLV6xx or Lector on its serial port: reading results beside the CoLa command language.

Results, no-read and heartbeat are free text in the port's output framing, STX … ETX from the factory; they are never
wrapped in a command telegram, whatever the dialect. Commands and their answers are CoLa telegrams:

CoLa-A   02 <ASCII> 03                                    numbers in hexadecimal text
CoLa-B   02 02 02 02 <length, 4 bytes> <data> <XOR>       numbers in binary; length and XOR cover the data

A read `sRN` is answered `sRA`, a method `sMN` by `sAN`, a subscription `sEN` by `sEA`, what the firmware does not know
by `sFA` and a number. The heartbeat's interval starts anew with every result ("restart interval on sending"). After
power-on it hears and says nothing for `boot_ms`, then its banner, which is no telegram.

Sources: SICK LMS4000 operating instructions (telegram structure, SCdevicestate, DIornr, printed CoLa-B examples, up to
30 s of silence after power-on), TiM781 (device state), picoScan120 (CheckPassword), SICK visionary error codes (sFA),
Lector62x (heartbeat, output). Guesses: the banner's place and text; that the device state can be subscribed to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import xor

from firmware_stubs.results import Results, Shown, latin, within
from firmware_stubs.stub import Piece, as_bytes

_STX, _ETX = 2, 3
_B_START = bytes((_STX,)) * 4
_LONGEST = 4096  # of one telegram; the firmware's own buffer is no larger either
_GAP_MS = 200.0  # silence inside a telegram discards it

_ACCESS_DENIED, _NO_METHOD, _NO_VARIABLE, _UNKNOWN = 1, 2, 3, 6  # sFA codes

CHECKSUMS = True  # in its frames, which nobody else can make


@dataclass(frozen=True, slots=True)
class Settings:
    """The keys of the stub's section; texts are latin-1."""

    dialect: str = "a"  # of commands: "a", "b", or "both" = answered in the dialect of the command
    no_read: str = "NoRead"  # empty = silent when nothing was read
    heartbeat: str = ""  # empty = none
    heartbeat_s: float = 10.0
    delay_ms: float = 0.0  # from the transmit point to the first byte
    by_command: bool = True  # False = not set to triggering by command: mTCgateon/off are refused
    state: int = 1  # SCdevicestate: 0 busy, 1 ready, 2 error
    order: str = "1071419"  # DIornr, 7 digits
    password: str = "1920E4C9"  # hash that CheckPassword accepts
    boot_ms: float = 0.0  # deaf and silent after power-on; up to 30000 of a real one
    banner: str = ""  # said then, as it is

    def __post_init__(self) -> None:
        if self.dialect not in ("a", "b", "both"):
            raise ValueError('dialect must be "a", "b" or "both"')
        latin(no_read=self.no_read, heartbeat=self.heartbeat, banner=self.banner)
        within("heartbeat_s", self.heartbeat_s, 0.001, 1e6)  # none: leave `heartbeat` empty
        within("delay_ms", self.delay_ms, 0, 1e6)
        within("boot_ms", self.boot_ms, 0, 1e6)
        if not 0 <= self.state <= 2:
            raise ValueError("state must be 0 (busy), 1 (ready) or 2 (error)")
        if not (len(self.order) == 7 and self.order.isascii() and self.order.isdigit()):
            raise ValueError("order must have 7 digits")
        if len(bytes.fromhex(self.password)) != 4:
            raise ValueError("password must be a hash of 8 hexadecimal digits")


class Scanner(Results):
    """One scanner; see `ScannerStub`."""

    def __init__(self, settings: Settings, seed: int, now: float) -> None:
        period = settings.heartbeat_s if settings.heartbeat else 0.0
        super().__init__(now, delay_ms=settings.delay_ms, beat_s=period, boot_ms=settings.boot_ms)
        self._settings = settings
        self._in = bytearray()
        self._heard_at = now
        self._window = False  # opened by mTCgateon
        self._seen = False  # something was said since

    def feed(self, data: Piece, now: float) -> None:
        """Commands, in any split; anything else is ignored."""
        self.tick(now)
        if now - self._heard_at > _GAP_MS:
            self._in.clear()
        self._heard_at = now
        if self.booting:
            return
        self._in += as_bytes(data)
        for dialect, command in self._telegrams():
            if self._settings.dialect in (dialect, "both"):
                answer = self._answer(command, dialect)
                self._out += _cola_b(answer) if dialect == "b" else _framed(answer)
                self._gate_closed(command, now)

    def result(self, shown: Shown, now: float) -> None:
        """A frame for each code."""
        shown.all_said()
        self._result(list(shown.codes), now)

    def beat(self, now: float) -> None:
        """Its text."""
        self._out += _framed(self._settings.heartbeat.encode("latin-1"))

    def booted(self, now: float) -> None:
        """Its banner."""
        self._out += self._settings.banner.encode("latin-1")

    def _result(self, codes: list[bytes], now: float) -> None:
        no_read = self._settings.no_read.encode("latin-1")
        texts = codes or ([no_read] if no_read else [])
        for text in texts:
            self._out += _framed(text)
        self._seen = True
        if texts:
            self._restart_beat(now)

    def _gate_closed(self, command: bytes, now: float) -> None:
        """A window that was opened and closed by command over nothing ends with a no-read, as one over an item does."""
        if not self._settings.by_command:
            return
        if command == b"sMN mTCgateon":
            self._window, self._seen = True, False
        elif command == b"sMN mTCgateoff":
            if self._window and not self._seen:
                self._result([], now)
            self._window = False

    def _answer(self, command: bytes, dialect: str) -> bytes:
        verb, _, rest = command.partition(b" ")
        name, _, arguments = rest.partition(b" ")
        if verb == b"sRN":
            if name == b"SCdevicestate":
                return b"sRA SCdevicestate " + _number(self._settings.state, dialect)
            if name == b"DIornr":
                return b"sRA DIornr " + self._settings.order.encode()
            return b"sFA " + _number(_NO_VARIABLE, dialect)
        if verb == b"sMN":
            if name in (b"mTCgateon", b"mTCgateoff"):
                return b"sAN " + name + b" " + _number(int(self._settings.by_command), dialect)
            if name == b"CheckPassword":
                return b"sAN CheckPassword " + _number(int(self._password_fits(arguments, dialect)), dialect)
            return b"sFA " + _number(_NO_METHOD, dialect)
        known = name in (b"SCdevicestate", b"DIornr")
        if verb == b"sEN" and known:
            return b"sEA " + rest
        if verb == b"sEN":
            return b"sFA " + _number(_NO_VARIABLE, dialect)
        if verb == b"sWN":
            return b"sFA " + _number(_ACCESS_DENIED if known else _NO_VARIABLE, dialect)
        return b"sFA " + _number(_UNKNOWN, dialect)

    def _password_fits(self, arguments: bytes, dialect: str) -> bool:
        """`arguments`: user level and hash, as text with a space between, or as 1 + 4 bytes."""
        if dialect == "a":
            return arguments[2:].decode("latin-1") == self._settings.password
        return arguments[1:] == bytes.fromhex(self._settings.password)

    def _telegrams(self) -> Iterator[tuple[str, bytes]]:
        """(dialect, data) of each whole telegram at hand; consumes what it has judged."""
        data = self._in
        while (start := data.find(_STX)) >= 0:
            del data[:start]
            binary = self._settings.dialect != "a" and _B_START.startswith(bytes(data[:4]))
            telegram = self._binary() if binary else self._text()
            if telegram is None:
                break
            if telegram != ("", b""):
                yield telegram
        else:
            data.clear()

    def _binary(self) -> tuple[str, bytes] | None:
        """None = wait for more; an empty dialect = nothing, go on."""
        data = self._in
        if len(data) < 8:
            return None
        length = int.from_bytes(data[4:8], "big")
        if not 0 < length <= _LONGEST:
            del data[:4]
            return "", b""
        if len(data) < 9 + length:
            return None
        body, check = bytes(data[8 : 8 + length]), data[8 + length]
        if reduce(xor, body) != check:
            del data[:4]
            return "", b""
        del data[: 9 + length]
        return "b", body

    def _text(self) -> tuple[str, bytes] | None:
        data = self._in
        end = data.find(_ETX, 0, _LONGEST)
        again = data.rfind(_STX, 1, end if end >= 0 else _LONGEST)
        if again >= 0 or (end < 0 and len(data) >= _LONGEST):
            del data[: max(again, 1)]
            return "", b""
        if end < 0:
            return None
        body = bytes(data[1:end])
        del data[: end + 1]
        return "a", body


def _framed(text: bytes) -> bytes:
    return b"\x02" + text + b"\x03"


def _cola_b(data: bytes) -> bytes:
    return _B_START + len(data).to_bytes(4, "big") + data + bytes((reduce(xor, data),))


def _number(value: int, dialect: str) -> bytes:
    """An 8-bit number: hexadecimal text without leading zeros, or a byte."""
    return f"{value:X}".encode() if dialect == "a" else bytes((value,))
