"""A Honeywell Xenon, Granit or N-series engine on its serial port: [code identifier] code suffix.

SYN T CR opens the host's trigger, SYN U CR closes it; one that is closed, or lasts `read_s`, over nothing ends with the
no-read text. SYN M CR begins menu commands, Tag SubTag Data, up to `!` (volatile) or `.` (flash); `,` keeps the tag,
`;` begins a new one, and `?` `^` `*` in place of data ask for the value, the default and the range. The answer is the
command again with a status before each punctuation mark: ACK, ENQ (no such tag), NAK (out of range). The menu of this
engine has the Codabar tags and the speed of the line, which changes nothing here: what it does is in its section.

With `ack = "acknak"` each result waits for ACK or NAK. NAK brings it again, as often as it comes; silence of
`timeout_ms` brings it `retries` more times, and then it beeps and forgets it. With `xonxoff` XOFF holds back what is
said until XON; what it answers meanwhile is lost.

Sources: Honeywell N86xx (menu commands, storage), 1250g (responses, their example of Codabar), 1450g and N431x
(ACK/NAK), 1202g (time-out and its retries, beep), 1300g (no-read text), 3310g (XON/XOFF), 3820 (code identifiers); a
public program (SYN T, SYN U). Guesses: the no-read text has no code identifier and waits for its ACK, too; the ranges
of the menu, of which the manual prints that of CBRENA alone.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from firmware_stubs.results import Results, Shown, latin, one_of, within
from firmware_stubs.scanners._acknowledged import Acknowledged
from firmware_stubs.stub import Piece, as_bytes

_ENQ, _ACK, _XON, _XOFF, _NAK, _SYN = b"\x05\x06\x11\x13\x15\x16"
_MENU, _TRIGGER, _UNTRIGGER = b"M\r", b"T\r", b"U\r"
_LONGEST = 512  # of menu commands

_RANGES = {
    b"CBRENA": (0, 1, 1),
    b"CBRSSX": (0, 1, 0),
    b"CBRCK2": (0, 2, 0),
    b"CBRCCT": (0, 1, 1),
    b"CBRMIN": (2, 60, 2),
    b"CBRMAX": (2, 60, 60),
    b"232BAD": (0, 9, 9),
}
"""Tag and SubTag -> lowest, highest, default."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The keys of the stub's section; texts are latin-1."""

    code_id: str = "none"  # in front of a code: "none", "aim", "honeywell"
    aim: str = "]C0"  # of what it reads: Code 128
    letter: str = "j"  # Honeywell's own identifier of the same
    suffix: str = "\r"
    no_read: str = "NR"  # empty = silent when nothing was read
    ack: str = "none"  # "acknak" = each result waits for ACK or NAK
    timeout_ms: int = 2000
    retries: int = 0
    delay_ms: float = 0.0  # from the transmit point to the first byte
    by_command: bool = False  # True = it looks only while the host's trigger is on
    read_s: float = 30.0  # the host's trigger ends by itself
    xonxoff: bool = False
    queue: int = 16  # so many results wait behind the one on the wire

    def __post_init__(self) -> None:
        latin(letter=self.letter, suffix=self.suffix, no_read=self.no_read)
        one_of("code_id", self.code_id, "none", "aim", "honeywell")
        one_of("ack", self.ack, "none", "acknak")
        within("timeout_ms", self.timeout_ms, 1, 65535)
        within("retries", self.retries, 0, 255)
        within("delay_ms", self.delay_ms, 0, 1e6)
        within("read_s", self.read_s, 0.001, 300)
        within("queue", self.queue, 1, 256)
        if not re.fullmatch(r"\][A-Za-z][0-9A-Za-z]", self.aim):
            raise ValueError(f'aim must be an AIM identifier such as "]C0", not {self.aim!r}')
        if len(self.letter) != 1:
            raise ValueError(f'letter must be one character, such as "j", not {self.letter!r}')


class Scanner(Results):
    """One scanner; see `ScannerStub`."""

    def __init__(self, settings: Settings, seed: int, now: float) -> None:
        super().__init__(now, delay_ms=settings.delay_ms)
        self._settings = settings
        timeout = float(settings.timeout_ms) if settings.ack == "acknak" else None
        self._sending = Acknowledged(self._out, timeout, settings.retries, settings.queue)
        self._in = bytearray()  # from a SYN on
        self._menu = Menu()
        self._trigger_ends: float | None = None

    @property
    def counts(self) -> Counter[str]:
        """So far: resent, beeps (given up without an answer), lost."""
        return self._sending.counts

    @property
    def unheard(self) -> int:
        """Results and signs of life without their acknowledgement."""
        return self._sending.waiting

    def feed(self, data: Piece, now: float) -> None:
        """Commands and acknowledgements, in any split; anything else is ignored."""
        self.tick(now)
        for byte in as_bytes(data):
            if byte == _SYN or self._in:
                self._command(byte, now)
            else:
                self._character(byte, now)

    def tick(self, now: float) -> None:
        """Say what is due, repeat what was not acknowledged."""
        super().tick(now)
        if self._trigger_ends is not None and self._trigger_ends <= now:
            self._untrigger(self._trigger_ends)
        self._sending.tick(now)

    def next_at(self) -> float | None:
        """The earliest of what is due."""
        due = (super().next_at(), self._trigger_ends, self._sending.due)
        return min((at for at in due if at is not None), default=None)

    def result(self, shown: Shown, now: float) -> None:
        """Each code, in their turn."""
        by_command = self._settings.by_command
        if by_command and (self._trigger_ends is None or not shown.codes):  # the end of the trigger says so
            shown.unsaid()
            return
        self._trigger_ends = None  # it has seen what it was to look at
        for number, code in enumerate(shown.codes):
            self._sending.put([self._prefix() + code + self._suffix()], now, shown, number)
        if not shown.codes:
            shown.all_said()
            self._say_nothing(now)

    def _prefix(self) -> bytes:
        settings = self._settings
        texts = {"aim": settings.aim, "honeywell": settings.letter}
        return texts.get(settings.code_id, "").encode("latin-1")

    def _suffix(self) -> bytes:
        return self._settings.suffix.encode("latin-1")

    def _say_nothing(self, now: float) -> None:
        if no_read := self._settings.no_read.encode("latin-1"):
            self._sending.put([no_read + self._suffix()], now)

    def _untrigger(self, now: float) -> None:
        """The host's trigger ends, or its time does, before a code."""
        self._trigger_ends = None
        self._say_nothing(now)

    def _character(self, byte: int, now: float) -> None:
        """A byte that belongs to no command."""
        if byte == _ACK:
            self._sending.acknowledged(now)
        elif byte == _NAK:
            self._sending.repeat(now, counted=False)
        elif byte in (_XON, _XOFF) and self._settings.xonxoff:
            self._sending.hold(byte == _XOFF, now)

    def _command(self, byte: int, now: float) -> None:
        """One more byte from a SYN on."""
        if byte == _SYN:
            self._in.clear()
        self._in.append(byte)
        command = bytes(self._in[1:])
        if command == _TRIGGER:
            self._in.clear()
            self._trigger_ends = now + self._settings.read_s * 1000
        elif command == _UNTRIGGER:
            self._in.clear()
            if self._trigger_ends is not None:
                self._untrigger(now)
        elif command.startswith(_MENU):
            if byte in b".!":
                self._in.clear()
                self._answer(self._menu.answer(command[len(_MENU) :]))
            elif len(command) > _LONGEST:
                self._in.clear()
        elif not any(known.startswith(command) for known in (_MENU, _TRIGGER, _UNTRIGGER)):
            self._in.clear()
            self._character(byte, now)

    def _answer(self, answer: bytes) -> None:
        if not self._sending.held:
            self._out += answer


class Menu:
    """The values of an engine, as they are now and as they are in flash."""

    def __init__(self) -> None:
        self._flash = {name: default for name, (_, _, default) in _RANGES.items()}
        self._volatile = dict(self._flash)

    def answer(self, commands: bytes) -> bytes:
        """What is answered to `Tag SubTag Data`, several with `,` and `;` between, `.` or `!` at the end."""
        flash, said, tag = commands.endswith(b"."), b"", b""
        for command, mark in re.findall(rb"([^,;.!]*)([,;.!])", commands):
            full = tag + command
            if re.fullmatch(rb"...[?^*]", full, re.DOTALL):
                names = [name for name in _RANGES if name.startswith(full[:3].upper())]
            else:
                names = [full[:6].upper()]
            said += self._one(names, full, flash).removeprefix(tag.upper()) + mark
            tag = b"" if mark == b";" else full[:3]
        return said

    def _one(self, names: list[bytes], command: bytes, flash: bool) -> bytes:
        """One command, and its status; a query of a whole tag has several answers, the tag only in the first."""
        if not names or names[0] not in _RANGES:
            return command + bytes((_ENQ,))
        if command[-1:] in (b"?", b"^", b"*"):
            values = [self._value(name, command[-1:], flash) for name in names]
            answers = [name[3:] + value + bytes((_ACK,)) for name, value in zip(names, values, strict=True)]
            return names[0][:3] + b",".join(answers)
        lowest, highest, _ = _RANGES[names[0]]
        data = command[6:]
        if not (re.fullmatch(rb"[0-9]{1,5}", data) and lowest <= int(data) <= highest):
            return names[0] + data + bytes((_NAK,))
        for table in (self._volatile, self._flash)[: 1 + flash]:
            table[names[0]] = int(data)
        return names[0] + data + bytes((_ACK,))

    def _value(self, name: bytes, query: bytes, flash: bool) -> bytes:
        lowest, highest, default = _RANGES[name]
        if query == b"*":
            return b"%d-%d" % (lowest, highest)
        table = self._flash if flash else self._volatile
        return b"%d" % (default if query == b"^" else table[name])
