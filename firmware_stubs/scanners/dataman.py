"""A Cognex DataMan on RS-232, USB-COM or TCP: results as text, and its command language DMCC.

command   || [checksum [: id]] > text CR LF        answer   || [checksum [: id]] [status] data CR LF

`checksum` 1: the byte before CR LF is an exclusive or, 0 or left out: there is none. One command a block, in any case
of letters. From the factory it is silent: no command is answered, and GET gives its bare value. `SET COM.DMCC-RESPONSE
1` makes it answer in frames, results with status 1. A result is the code and its trailing text, one frame a code.

Sources: Cognex DataMan Communications and Programming Guide (syntax, response modes, status codes), DMCC reference 3.5
(results of the extended mode in base64), data formatting guide (trailing text, No Read String).
Guesses: the frame of a result in extended mode; that the answer to a change of the mode has the new mode.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from functools import reduce
from operator import xor

from firmware_stubs.results import Results, Shown, latin, one_of, within
from firmware_stubs.stub import Piece, as_bytes

_LONGEST = 1024  # of one command
_HEADER = re.compile(rb"\|\|(?:([01])(?::([0-9]{1,9}))?)?>")
_ITEM = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s"]+)')
_ESCAPES = {r"\"": '"', r"\\": "\\", r"\|": "|", r"\t": "\t", r"\r": "\r", r"\n": "\n"}

_OK, _READ, _UNKNOWN, _INVALID, _PARAMETER, _CHECKSUM, _REJECTED, _UNAVAILABLE = 0, 1, 100, 101, 102, 103, 104, 105

_RESPONSE = "COM.DMCC-RESPONSE"
_FIXED = {"DEVICE.TYPE": "DM375", "DEVICE.FIRMWARE-VER": "6.1.16"}
_BOOLEAN = {"SYMBOL.DATAMATRIX": "ON", "SYMBOL.QR": "OFF", "SYMBOL.C128": "ON", "SYMBOL.I2O5": "OFF"}

CHECKSUMS = True  # in its frames, which nobody else can make


@dataclass(frozen=True, slots=True)
class Settings:
    """The keys of the stub's section; texts are latin-1. `trigger` "eye": it reads every item; "command": the first
    one behind TRIGGER ON. `checksum_over`: all before it, or the command without its header."""

    response: str = "silent"  # or "extended": how it was left at the last save
    no_read: str = "NOREAD"  # empty = silent when nothing was read
    suffix: str = "\r\n"  # trailing text of a result in silent mode
    heartbeat: str = ""  # empty = none
    heartbeat_s: float = 10.0
    delay_ms: float = 0.0  # from the transmit point to the first byte
    trigger: str = "eye"
    base64: bool = False  # results of the extended mode, as older firmware has them
    checksum_over: str = "all"  # or "command"
    available: bool = True  # False = it cannot be triggered now

    def __post_init__(self) -> None:
        one_of("response", self.response, "silent", "extended")
        one_of("trigger", self.trigger, "eye", "command")
        one_of("checksum_over", self.checksum_over, "all", "command")
        within("heartbeat_s", self.heartbeat_s, 0.001, 1e6)
        within("delay_ms", self.delay_ms, 0, 1e6)
        latin(no_read=self.no_read, suffix=self.suffix, heartbeat=self.heartbeat)


class Scanner(Results):
    """One scanner; see `ScannerStub`."""

    def __init__(self, settings: Settings, seed: int, now: float) -> None:
        super().__init__(now, delay_ms=settings.delay_ms, beat_s=settings.heartbeat_s if settings.heartbeat else 0.0)
        self._settings = settings
        self._in = bytearray()
        self._extended = settings.response == "extended"
        self._values = {**_BOOLEAN, "DEVICE.NAME": "DataMan"}
        self.triggered = False

    def feed(self, data: Piece, now: float) -> None:
        """Commands, in any split; anything else is ignored."""
        self.tick(now)
        self._in += as_bytes(data)
        while (end := self._in.find(b"\r\n")) >= 0:
            block = bytes(self._in[:end])
            del self._in[: end + 2]
            self._block(block[-_LONGEST:])
        del self._in[:-_LONGEST]

    def result(self, shown: Shown, now: float) -> None:
        """One frame a code. Without a trigger it does not look; over nothing a trigger stays open."""
        if self._settings.trigger == "command":
            if not self.triggered or not shown.codes:
                shown.unsaid()
                return
            self.triggered = False
        for code in shown.codes:
            self._say(code)
        if not shown.codes:
            self._no_read()
        shown.all_said()

    def beat(self, now: float) -> None:
        """The heartbeat's text, as a line."""
        self._out += f"{self._settings.heartbeat}{self._settings.suffix}".encode("latin-1")

    def _no_read(self) -> None:
        if self._settings.no_read:
            self._say(self._settings.no_read.encode("latin-1"))

    def _say(self, text: bytes) -> None:
        if self._extended:
            self._out += b"||[%d]%s\r\n" % (_READ, b64encode(text) if self._settings.base64 else text)
        else:
            self._out += text + self._settings.suffix.encode("latin-1")

    def _block(self, block: bytes) -> None:
        start = block.rfind(b"||")
        header = _HEADER.match(block, max(start, 0))
        if header is None:
            return
        text, status = block[header.end() :], _OK
        summed = header[1] == b"1"
        if summed:
            text, check = text[:-1], text[-1:]
            over = text if self._settings.checksum_over == "command" else header[0] + text
            status = _OK if check == _xor(over) else _CHECKSUM
        data = ""
        was_triggered = self.triggered
        if status == _OK:
            status, data = self._command(text.decode("latin-1"))
        self._answer(header, status, data.encode("latin-1"))
        if was_triggered and not self.triggered:  # it was ended over nothing
            self._no_read()

    def _answer(self, header: re.Match[bytes], status: int, data: bytes) -> None:
        if self._extended:
            said = header[0][:-1] + b"[%d]" % status + data
            over = data if self._settings.checksum_over == "command" else said
            self._out += said + (_xor(over) if header[1] == b"1" else b"") + b"\r\n"
        elif data:
            self._out += data + b"\r\n"

    def _command(self, text: str) -> tuple[int, str]:
        """Status and data of the answer."""
        words = [_word(found) for found in _ITEM.finditer(text)]
        verb = words[0].upper() if words else ""
        if verb == "TRIGGER":
            return self._trigger([word.upper() for word in words[1:]]), ""
        if verb not in ("GET", "SET"):
            return _UNKNOWN, ""
        name = words[1].upper() if len(words) > 1 else ""
        if verb == "GET":
            value = {**_FIXED, **self._values, _RESPONSE: str(int(self._extended))}.get(name)
            return (_INVALID, "") if value is None or len(words) != 2 else (_OK, value)
        return self._set(name, words[2:]), ""

    def _trigger(self, words: list[str]) -> int:
        if words not in (["ON"], ["OFF"]):
            return _PARAMETER
        if not self._settings.available:
            return _UNAVAILABLE
        self.triggered = words == ["ON"]
        return _OK

    def _set(self, name: str, values: list[str]) -> int:
        if name in _FIXED:
            return _REJECTED
        if name != _RESPONSE and name not in self._values:
            return _INVALID
        value = values[0] if len(values) == 1 else ""
        if name == _RESPONSE and value in ("0", "1"):
            self._extended = value == "1"
        elif name in _BOOLEAN and value.upper() in ("ON", "OFF"):
            self._values[name] = value.upper()
        elif name == "DEVICE.NAME" and 0 < len(value) <= 64:
            self._values[name] = value
        else:
            return _PARAMETER
        return _OK


def _word(found: re.Match[str]) -> str:
    """A bare word, or what stands between quotes."""
    quoted, bare = found.groups()
    return bare if quoted is None else re.sub(r"\\.", lambda pair: _ESCAPES.get(pair[0], pair[0]), quoted)


def _xor(data: bytes) -> bytes:
    return bytes((reduce(xor, data, 0),))
