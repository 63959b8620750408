"""`sick_cola`: SICK CLV6xx and Lector scanners: results, heartbeat and commands on one channel, CoLa-A or CoLa-B.

Results, no-read text and heartbeat are free text of the scanner's output format and share the channel with the answers
to commands. A code that reads like a command or an answer (`sAN x`) is taken as one, never as a Read; only an answer to
the command that is open becomes Answered. The frames are in `_cola`; numbers in CoLa-B are binary, here they become
decimal text. In CoLa-A a number without sign is hexadecimal.
Proof: STX and ETX, which no code contains, or the XOR.

Sources: SICK manuals Bulkscan LMS511 (8014829), LMS4000, TiM781 and picoScan120 (frames, verbs); CLV62x to CLV65x
(mTCgateon, mTCgateoff: 1 done, 0 refused); Lector620 and CLV410 (output format, heartbeat); SICK Visionary CoLaError
(error codes).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from devices.barcodes.candidate import as_text
from devices.driver import TalkOnly
from devices.framing import Bad, Frame
from devices.scanners._cola import Binary, ColaFrames, encode
from devices.scanners._commands import Commands
from devices.scanners._content import Content
from devices.types import (
    Command,
    CommandSeen,
    DeviceError,
    EventSeen,
    Garbled,
    Item,
    Kept,
    Message,
    Reply,
    Trigger,
)

HARD_LIMIT = 65535

ERRORS = {
    1: "access denied",
    2: "unknown method",
    3: "unknown variable",
    4: "a local condition failed, such as the range of a value",
    5: "invalid data",
    6: "unknown error",
    7: "buffer overflow",
    8: "buffer underflow",
    9: "unknown type",
}

_TELEGRAM = re.compile(rb"(s(?:RN|WN|MN|EN|RA|WA|AN|EA|SN))(?: ([^ ]*)(?: (.*))?)?", re.DOTALL)


@dataclass(frozen=True)
class Settings:
    """`dialect` of our commands: `a` or `b`; both are understood. One character of the texts is one byte on the wire.

    `no_read` are whole frames, an empty frame is a no-read too. `heartbeat` empty = none. `separator` stands between
    several codes of one frame. `max_length` = bytes in a frame. Silence of `gap_ms` discards a partial frame. A command
    without answer for `answer_ms` is given up.
    """

    dialect: str = "a"
    no_read: tuple[str, ...] = ("NoRead",)
    heartbeat: str = "HB"
    separator: str = ""
    max_length: int = 4096
    gap_ms: float = 500.0
    answer_ms: float = 1000.0


class Driver(TalkOnly):
    """Read, NoRead, Heartbeat; Reply, CommandSeen, EventSeen, DeviceError; Garbled. Takes Trigger."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        if settings.dialect not in ("a", "b"):
            raise ValueError(f'dialect = {settings.dialect!r}: write "a" for CoLa-A or "b" for CoLa-B')
        if not 1 <= settings.max_length <= HARD_LIMIT:
            raise ValueError(f"max_length = {settings.max_length}: write a number from 1 to {HARD_LIMIT}")
        self._settings = settings
        self._content = Content(settings.no_read, settings.heartbeat, settings.separator)
        self._frames = ColaFrames(settings.max_length, settings.gap_ms)
        self._commands = Commands(settings.answer_ms)

    def opened(self, now: float, kept: Kept) -> None:
        """The channel is open: nothing of the last one counts."""
        self._frames.close(now)

    def feed(self, data: bytes | Message, at: float) -> Sequence[Item]:
        """Items of the frames that `data` completes; an answer to our command is a Reply and then an Answered."""
        assert isinstance(data, bytes)
        return self._items(self._frames.feed(data, at))

    def send(self, command: Command, now: float, expires: float | None) -> int:
        """Trigger -> `sMN mTCgateon` or `mTCgateoff`."""
        if not isinstance(command, Trigger):
            raise TypeError(f"sick_cola takes no {type(command).__name__}, only Trigger")
        method = f"mTCgate{'on' if command.on else 'off'}"
        frame = encode(f"sMN {method}".encode(), self._settings.dialect)
        return self._commands.add(f"sAN {method}", frame, now, expires)

    def tick(self, now: float) -> Sequence[Item]:
        """Discard a partial frame after silence, give up commands without an answer."""
        return [*self._items(self._frames.silence(now)), *self._commands.tick(now)]

    def next_at(self) -> float | None:
        """Silence in a frame or a missing answer, whichever is due first."""
        return min(
            (due for due in (self._frames.deadline(), self._commands.next_at()) if due is not None), default=None
        )

    def take(self) -> bytes:
        """The next command, when the one before is answered."""
        return self._commands.take()

    def closed(self, now: float) -> Sequence[Item]:
        """A partial frame is garbled, commands are given up."""
        return [*self._items(self._frames.close(now)), *self._commands.closed(now)]

    def _items(self, pieces: Sequence[Frame | Bad]) -> list[Item]:
        items: list[Item] = []
        for piece in pieces:
            if isinstance(piece, Bad):
                items.append(Garbled(piece.raw, piece.why, piece.at))
            else:
                self.counters.frames += 1
                items += self._frame(piece)
        for item in items:
            if isinstance(item, Garbled):
                self.counters.bad(item.why)
        return items

    def _frame(self, frame: Frame) -> Sequence[Item]:
        binary = isinstance(frame, Binary)
        if frame.data[:3] == b"sFA" and (binary or frame.data[3:4] in (b"", b" ")):
            return self._error(frame, _value(frame.data[3:].removeprefix(b" "), binary))
        telegram = _TELEGRAM.fullmatch(frame.data)
        if telegram is None:
            return self._content.items(frame.data, frame.at)
        kind, name, argument = (group or b"" for group in telegram.groups())
        verb, text = as_text(kind + b" " + name).rstrip(), _value(argument, binary)
        if kind == b"sSN":
            return [EventSeen(verb, text, frame.data, frame.at)]
        if kind.endswith(b"N") and kind != b"sAN":
            return [CommandSeen(verb, text, frame.data, frame.at)]
        refusal = None if _number(text, binary) != 0 else text
        return [Reply(verb, text, frame.data, frame.at), *self._commands.answered(verb, refusal, frame.at)]

    def _error(self, frame: Frame, code: str) -> Sequence[Item]:
        why = ERRORS.get(_number(code, isinstance(frame, Binary)) or 0, "an error without a known meaning")
        return [DeviceError(code, why, frame.data, frame.at), *self._commands.answered(None, code, frame.at)]


def _value(argument: bytes, binary: bool) -> str:
    """The arguments of a telegram as text; those of CoLa-B are not typed on the wire: a lone number becomes decimal."""
    if not binary or all(0x20 <= byte <= 0x7E for byte in argument):
        return as_text(argument)
    return str(int.from_bytes(argument)) if len(argument) in (1, 2, 4) else argument.hex()


def _number(text: str, binary: bool) -> int | None:
    """A number as CoLa writes it, None if the text is none."""
    if re.fullmatch(r"[+-][0-9]{1,10}", text) or (binary and re.fullmatch(r"[0-9]{1,10}", text)):
        return int(text)
    return int(text, 16) if re.fullmatch(r"[0-9A-Fa-f]{1,8}", text) else None
