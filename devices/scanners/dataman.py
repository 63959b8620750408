"""`dataman`: Cognex DataMan readers, their reads and commands (DMCC) on one channel.

The factory setting is silent: no command is ever answered, a wrong one neither, and the text that a GET brings looks
like a code; so this driver gets nothing. With `response = "extended"` it switches the reader over when the channel
opens, and again when a reader that sent its reads with a header sends one without: it was switched off and on. A
reader that does not answer twice is said to be so (Condition), asked again each 10 s, and heard as a silent one.

A read comes behind a header with status 1, in old firmware in base64, or as a bare line: some firmware sends it so in
extended mode, too. An answer belongs to the command whose number it carries, or to none. Our own command, heard back on
a line with an echo, is dropped. One command is under way at a time.

Proof: a header at the beginning and CR LF at the end, and no header between them, or the checksum. For a bare line as
in `line`: prefix and suffix that no code contains (silent only), one length, or a check digit; without one of these
bare lines are garbled. A code beginning like a command is refused, and so is one with `||` inside.

Sources: Cognex DataMan Communications and Programming manual (syntax, silent and extended, status numbers, "wait for a
response, or insert a delay"); DataMan Control Commands 3.5 (base64); DataMan Setup Tool help (data formatting).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from devices.alive import Silence
from devices.barcodes.text import text_of
from devices.codes import RAW
from devices.commands import GONE, SILENT, Commands
from devices.driver import Framed, earliest, wire
from devices.framing import Frame
from devices.scanners import _dmcc
from devices.scanners._content import Content
from devices.scanners._lines import Lines
from devices.scanners._proof import CodeSettings, judge, without_proof
from devices.types import (
    Answered,
    Command,
    Condition,
    DeviceError,
    Garbled,
    GivenUp,
    Item,
    Kept,
    Message,
    Read,
    Reply,
    Trigger,
)

TAKES = (Trigger,)
UNPROVEN = (
    "which bytes a DMCC checksum covers: the setting checksum_of says it",
    "what a reader sends when nothing was read, and its heartbeat: both are settings",
    "whether a reader answers the very command that makes it answer: it is sent twice before that counts",
    "whether reads come with a header in extended mode: both are taken",
)

EXTENDED = "SET COM.DMCC-RESPONSE 1"
TRIES = 2
AGAIN_MS = 10_000.0
PART = "commands"
NO_ANSWER = "it does not answer commands (DMCC silent, or nobody there); only bare lines are heard"
ANSWERS = "it answers commands"
BARE = "a line without a header, and no setting proves it whole"
NO_CHECKSUM = "a read without its checksum"
NOT_BASE64 = "a read that is not base64"
ECHO = "echo of a command"


@dataclass(frozen=True)
class Settings(CodeSettings):
    """One character of prefix, suffix, separator and the texts is one byte on the wire.

    `response`: `extended` or `silent`; prefix and suffix can be set only with silent. `base64`: reads behind a header
    are in base64. `checksum`: each read behind a header carries a checksum, else one is checked where it stands;
    `checksum_of`: it covers the `frame` or the `data`. `no_read` are whole reads. `heartbeat` empty = none, expected
    each `heartbeat_s`, 0 = not expected. `separator` stands between several codes of one read. `max_length` = bytes of
    a line. Silence of `gap_ms` discards a partial line. A command without answer for `answer_ms` is given up; a silent
    reader gets one each `pause_ms`.
    """

    response: str = "extended"
    prefix: str = ""
    suffix: str = "\r\n"
    no_read: tuple[str, ...] = ("NoRead", "NOREAD", "NO READ", "ERROR", "???????")
    heartbeat: str = ""
    heartbeat_s: float = 0.0
    separator: str = ""
    base64: bool = False
    checksum: bool = False
    checksum_of: str = "frame"
    min_length: int = 1
    max_length: int = 4096
    fixed_lengths: tuple[int, ...] = ()
    check: str = ""
    gap_ms: float = 500.0
    answer_ms: float = 1000.0
    pause_ms: float = 100.0


class Driver(Framed):
    """Read, NoRead, Heartbeat; Reply, DeviceError, Condition; Garbled. Takes Trigger. Raises ValueError for settings
    that cannot work."""

    def __init__(self, settings: Settings) -> None:
        self._has_proof = _judge(settings)
        self._settings = settings
        self._extended = settings.response == "extended"
        marks = wire("prefix", settings.prefix), wire("suffix", settings.suffix)
        super().__init__(Lines(*marks, settings.max_length, settings.gap_ms, exact=self._extended))
        self._content = Content(settings.no_read, settings.heartbeat, settings.separator, settings.flaw)
        self._commands = Commands(settings.answer_ms, settings.pause_ms)
        self._silence = Silence(settings.heartbeat_s * 1000)
        self._number = 0
        self._sent = b""
        self._asked: int | None = None  # the command that asks for answers, while it is under way
        self._tries = 0
        self._ask_at: float | None = None
        self._answers: bool | None = None
        self._framed = False  # reads come with a header

    def opened(self, now: float, kept: Kept) -> None:
        """The channel is open: ask the reader for answers."""
        super().opened(now, kept)
        self._silence.opened(now)
        self._framed = False
        self._sent = b""
        self._ask_for_answers(now)

    def feed(self, data: bytes | Message, at: float) -> Sequence[Item]:
        """Items of the lines that `data` completes; an answer to our command is a Reply and then an Answered."""
        items = super().feed(data, at)
        alive = any(not isinstance(item, Garbled) for item in items)
        return self._told([*items, *(self._silence.heard(at) if alive else ())], at)

    def send(self, command: Command, now: float, expires: float | None) -> int:
        """Trigger -> `TRIGGER ON` or `TRIGGER OFF`. A silent reader answers nothing: the command is given up."""
        if not isinstance(command, Trigger):
            raise TypeError(f"dataman takes no {type(command).__name__}, only Trigger")
        return self._command(f"TRIGGER {'ON' if command.on else 'OFF'}", now, expires)

    def tick(self, now: float) -> Sequence[Item]:
        """Discard a partial line after silence, give up commands without an answer, ask for answers again."""
        if self._ask_at is not None and now >= self._ask_at:
            self._ask_at = None
            self._asked = self._command(EXTENDED, now, None)
        items = [*super().tick(now), *self._commands.tick(now), *self._silence.tick(now)]
        return self._told(items, now)

    def next_at(self) -> float | None:
        """The nearest of these."""
        return earliest(super().next_at(), self._commands.next_at(), self._silence.next_at(), self._ask_at)

    def take(self) -> bytes:
        """The next command, when the one before is answered."""
        frame = self._commands.take()
        self._sent = frame or self._sent
        return frame

    def closed(self, now: float) -> Sequence[Item]:
        """A partial line is garbled, commands are given up."""
        self._silence.closed()
        items = self._told([*super().closed(now), *self._commands.closed(now)], now)
        self._asked = self._ask_at = None
        return items

    # --- commands -----------------------------------------------------------------------------------------------------

    def _command(self, text: str, now: float, expires: float | None) -> int:
        self._number = self._number % 99_999 + 1
        answer = str(self._number) if self._extended else None
        return self._commands.add(answer, _dmcc.command(self._number, text), now, expires)

    def _ask_for_answers(self, now: float) -> None:
        if self._extended and self._asked is None:
            self._tries, self._ask_at = 0, None
            self._asked = self._command(EXTENDED, now, None)

    def _told(self, items: Sequence[Item], now: float) -> list[Item]:
        """These items, with what became of our own question in place of its end."""
        out: list[Item] = []
        for item in items:
            if isinstance(item, Answered | GivenUp) and item.id == self._asked:
                self._asked = None
                out += self._asking_ended(isinstance(item, Answered), item, now)
                continue
            out.append(item)
            if isinstance(item, GivenUp) and self._answers and item.why == SILENT:
                self._ask_for_answers(now)  # it may have been switched off and on
        return out

    def _asking_ended(self, answered: bool, item: Answered | GivenUp, now: float) -> list[Condition]:
        if answered or self._framed:
            return self._is_extended(now)
        if isinstance(item, GivenUp) and item.why == GONE:
            return []
        self._tries += 1
        if self._tries < TRIES:
            self._ask_at = now
            return []
        self._ask_at = now + AGAIN_MS
        before, self._answers = self._answers, False
        return [] if before is False else [Condition(False, NO_ANSWER, b"", now, PART)]

    def _is_extended(self, at: float) -> list[Condition]:
        before, self._answers = self._answers, True
        self._ask_at = None
        return [Condition(True, ANSWERS, b"", at, PART)] if before is False else []

    # --- lines --------------------------------------------------------------------------------------------------------

    def _frame(self, frame: Frame) -> Sequence[Item]:
        answer = _dmcc.answer(frame.data, self._settings.checksum_of)
        if frame.data + _dmcc.FOOTER == self._sent:
            self.counters.note(ECHO)
            return ()
        if isinstance(answer, _dmcc.Answer):
            return self._answer(answer, frame)
        if isinstance(answer, str):
            return [Garbled(frame.data[:RAW], answer, frame.at)]
        return self._bare(frame)

    def _answer(self, answer: _dmcc.Answer, frame: Frame) -> Sequence[Item]:
        items: list[Item] = []
        if answer.status == _dmcc.READ:
            self._framed = True
            items += self._read(answer.data, frame)
        elif answer.status == 0:
            items.append(Reply(answer.id, text_of(answer.data)[0], frame.data, frame.at))
            items += self._commands.answered(answer.id, None, frame.at)
        else:
            code = str(answer.status)
            why = _dmcc.STATUS.get(answer.status, "an error without a known meaning")
            items.append(DeviceError(code, why, frame.data, frame.at))
            items += self._commands.answered(answer.id, code, frame.at)
        return [*items, *self._is_extended(frame.at)] if self._extended else items

    def _read(self, data: bytes, frame: Frame) -> list[Item]:
        if self._settings.checksum and frame.data[2:3] != b"1":
            return [Garbled(frame.data[:RAW], NO_CHECKSUM, frame.at)]
        if self._settings.base64:
            try:
                data = base64.b64decode(data, validate=True)
            except binascii.Error:
                return [Garbled(frame.data[:RAW], NOT_BASE64, frame.at)]
        return list(self._content.items(data, frame.at, frame.data))

    def _bare(self, frame: Frame) -> Sequence[Item]:
        items = self._content.items(frame.data, frame.at)
        if self._framed:
            self._framed = False
            self._ask_for_answers(frame.at)
        if self._has_proof or not any(isinstance(item, Read) for item in items):
            return items
        return [Garbled(frame.data[:RAW], BARE, frame.at)]


def _judge(settings: Settings) -> bool:
    """Whether the settings prove a bare line; raises ValueError for settings that cannot work."""
    if settings.response not in ("extended", "silent"):
        raise ValueError(f'response = {settings.response!r}: write "extended" or "silent"')
    if settings.checksum_of not in ("frame", "data"):
        raise ValueError(f'checksum_of = {settings.checksum_of!r}: write "frame" or "data"')
    judge(settings, settings.max_length)
    if not settings.suffix:
        raise ValueError('suffix is empty: write what ends a line, for example suffix = "\\r\\n"')
    if settings.response == "extended":
        if settings.prefix or settings.suffix != "\r\n":
            raise ValueError('prefix and suffix go with response = "silent": an extended line ends with CR LF')
        return settings.proves()
    marks = settings.prefix and any(ch < " " for ch in settings.suffix)
    if not (marks or settings.proves()):
        raise without_proof('Write response = "extended", or prefix = "\\u0002" and suffix = "\\u0003"')
    return True


GUESSES: tuple[dict[str, object], ...] = ({}, {"response": "silent"})
