"""`honeywell`: Honeywell scanners and engines on a serial line (Xenon, Granit, N series): `[prefix][id]code[suffix]`.

With `ack = "acknak"` the scanner waits for ACK after each code and gets it when the code is durable, NAK at once for a
damaged frame; see `_acknak` for which frame counts as sent again, and what that costs. A label that is refused though
nothing was damaged (a control character, a wrong check digit that comes so twice) is acknowledged, or the scanner would
send it for ever; one with parity errors twice is not, and the scanner beeps.

The symbology stands before the code: an AIM identifier (`]C0`), or a letter of Honeywell's own.

Menu commands of `setup` are sent at each opening, one after the other, kept until the power goes. Only while one is
under way is its answer looked for among the reads; a scanner that does not answer is said (Condition) and asked again
each 30 s. Nothing answers a Trigger: it is given up as unanswered, and whether it was obeyed only a read says. Nothing
of a code is ever sent to the scanner.

Proof: the AIM identifier at the beginning and the line end, where no second identifier stands in the frame; else as in
`line`: prefix and suffix that no code contains, one length, or a check digit.

Sources: see `_honeywell`; "NR" for nothing read: 2020 and 1300g manuals.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from devices.barcodes.candidate import split_aim
from devices.codes import PROGRAMMING, RAW, TOO_LONG, read_of
from devices.commands import Commands
from devices.driver import Framed, earliest, wire
from devices.framing import UNFINISHED, Bad, Frame
from devices.scanners import _honeywell
from devices.scanners._acknak import AckNak
from devices.scanners._honeywell_setup import Part, Setup
from devices.scanners._lines import TORN, Lines
from devices.scanners._proof import CodeSettings, judge, without_proof
from devices.types import (
    Command,
    Garbled,
    Item,
    Kept,
    Message,
    NoRead,
    Read,
    Token,
    Trigger,
)

TAKES = (Trigger,)
UNPROVEN = (
    "the letters of Honeywell's code ids but c, E and j, and the modifier of the AIM identifier that stands for each",
    "that nothing answers SYN T CR and SYN U CR",
    "that a scanner that waits for nothing ignores ACK and NAK",
    "what stands before NR where an identifier is sent",
)

DAMAGED = "a byte with a parity error"
NO_AIM = "no AIM identifier before the code"
NO_ID = "no known code id before the code"
REPEATED = "retransmission"

_AIM_INSIDE = re.compile(rb"\][A-Za-z][0-9A-Za-z]")


@dataclass(frozen=True)
class Settings(CodeSettings):
    """One character of prefix, suffix and the texts is one byte on the wire.

    `ack`: `none` or `acknak`; `timeout_ms` = the scanner's time-out for it. `code_id`: `none`, `aim` or `honeywell`. A
    suffix of CR, LF or CRLF fits all three. `no_read` are whole frames. `setup`: menu commands for each opening, each
    with its `!`, or questions. `max_length` = bytes of a frame. Silence of `gap_ms` discards a partial frame. A menu
    command without answer for `answer_ms` is given up; triggers are written one each `pause_ms`.
    """

    ack: str = "none"
    timeout_ms: float = 2000.0
    code_id: str = "none"
    prefix: str = ""
    suffix: str = "\r\n"
    no_read: tuple[str, ...] = ("NR",)
    setup: tuple[str, ...] = ()
    min_length: int = 1
    max_length: int = 4096
    fixed_lengths: tuple[int, ...] = ()
    check: str = ""
    gap_ms: float = 500.0
    answer_ms: float = 1000.0
    pause_ms: float = 50.0


def untimely(settings: Settings) -> tuple[str, str] | None:
    """With ACK/NAK a result may come as late as a repetition, and nothing on the wire marks it."""
    if settings.ack == "none":
        return None
    return 'ack = "acknak": what is said again comes late without a sign of it', 'write ack = "none" at a belt'


class Driver(Framed):
    """Read, NoRead; Reply, DeviceError, Condition; Garbled. Takes Trigger. Raises ValueError for settings that cannot
    work, or prove nothing."""

    def __init__(self, settings: Settings) -> None:
        self._aim_is_proof = not _judge(settings)
        marks = wire("prefix", settings.prefix), wire("suffix", settings.suffix)
        super().__init__(Lines(*marks, settings.max_length, settings.gap_ms))
        self._settings = settings
        self._no_read = {wire("no_read", text) for text in settings.no_read}
        self._answers = AckNak(settings.timeout_ms)
        self._commands = Commands(settings.answer_ms, settings.pause_ms)
        self._setup = Setup(settings.setup, self._commands)

    def opened(self, now: float, kept: Kept) -> None:
        """The channel is open; `kept` names the last durable frame, which may come again."""
        super().opened(now, kept)
        self._answers.opened(now, kept)
        self._setup.opened(now)

    def feed(self, data: bytes | Message, at: float) -> Sequence[Item]:
        """Items of the frames that `data` completes."""
        assert isinstance(data, bytes)
        return self._told(self._setup.hear(data, at), at)

    def send(self, command: Command, now: float, expires: float | None) -> int:
        """Trigger -> SYN T CR or SYN U CR; it is given up as unanswered after it was written."""
        if not isinstance(command, Trigger):
            raise TypeError(f"honeywell takes no {type(command).__name__}, only Trigger")
        return self._commands.add(None, _honeywell.ON if command.on else _honeywell.OFF, now, expires)

    def confirm(self, token: Token, now: float) -> None:
        """Durable up to `token`: ACK for the scanner that waits for it."""
        self._answers.confirm(token, now)

    def tick(self, now: float) -> Sequence[Item]:
        """Discard a partial frame after silence, give up commands without an answer, repeat the setup."""
        self._setup.tick(now)
        return [*self._told(self._setup.ended(self._commands.tick(now), now), now), *super().tick(now)]

    def next_at(self) -> float | None:
        """The nearest of these."""
        return earliest(super().next_at(), self._commands.next_at(), self._setup.next_at())

    def take(self) -> bytes:
        """ACK or NAK, then the next command."""
        answer = self._answers.take() if self._settings.ack == "acknak" else b""
        return answer + self._commands.take()

    def closed(self, now: float) -> Sequence[Item]:
        """A partial frame is garbled, commands are given up."""
        items = self._told([self._setup.closed()], now)
        return [*items, *super().closed(now), *self._told(self._setup.ended(self._commands.closed(now), now), now)]

    # --- frames -------------------------------------------------------------------------------------------------------

    def _told(self, parts: Iterable[Part], at: float) -> list[Item]:
        items: list[Item] = []
        for part in parts:
            if isinstance(part, bytes):
                items += self._items(self._frames.feed(part, at)) if part else ()
                continue
            items.append(part)
            if isinstance(part, Garbled):
                self.counters.bad(part.why)
        return items

    def _bad(self, bad: Bad) -> Sequence[Item]:
        """What is no frame is refused, too, while the channel is there: the scanner waits."""
        if bad.why != UNFINISHED:
            self._answers.damaged(bad.raw, bad.at)
        return super()._bad(bad)

    def _frame(self, frame: Frame) -> Sequence[Item]:
        item = self._item(frame.data, frame.at)
        if self._settings.ack == "none":
            return [item]
        if isinstance(item, Garbled) and item.why not in (PROGRAMMING, TOO_LONG):
            again = not self._answers.damaged(frame.data, frame.at)
            if not again or item.why == DAMAGED:
                return [item]
        token = self._answers.taken(frame.data, frame.at)
        if token is None:
            self.counters.note(REPEATED)
            return ()
        return [replace(item, token=token)]

    def _item(self, body: bytes, at: float) -> Read | NoRead | Garbled:
        if _honeywell.SUB in body:
            return Garbled(body[:RAW], DAMAGED, at)
        if not body or body in self._no_read:
            return NoRead(body, at)
        if self._settings.code_id == "honeywell":
            return self._of_letter(body, at)
        if self._settings.code_id == "aim":
            aim, _ = split_aim(body[:4].decode("latin-1"))
            if not aim:
                return Garbled(body[:RAW], NO_AIM, at)
            if self._aim_is_proof and _AIM_INSIDE.search(body, len(aim)):
                return Garbled(body[:RAW], TORN, at)
        return read_of(body, body, at, proof=self._settings.flaw)

    def _of_letter(self, body: bytes, at: float) -> Read | NoRead | Garbled:
        if body[0] == _honeywell.NO_READ_ID and body[1:] in self._no_read:
            return NoRead(body, at)
        symbology = _honeywell.CODE_IDS.get(chr(body[0]))
        if symbology is None or len(body) == 1:
            return Garbled(body[:RAW], NO_ID, at)
        return read_of(body[1:], body, at, symbology=symbology, proof=self._settings.flaw)


def _judge(settings: Settings) -> bool:
    """Whether something but an AIM identifier proves a code; raises ValueError for settings that cannot work."""
    if settings.ack not in ("none", "acknak"):
        raise ValueError(f'ack = {settings.ack!r}: write "none" or "acknak"')
    if settings.code_id not in ("none", "aim", "honeywell"):
        raise ValueError(f'code_id = {settings.code_id!r}: write "none", "aim" or "honeywell"')
    if not settings.suffix:
        raise ValueError('suffix is empty: write what ends a frame, for example suffix = "\\r\\n"')
    if settings.timeout_ms <= 0:
        raise ValueError(f"timeout_ms = {settings.timeout_ms}: write the scanner's own, 1 to 65535")
    judge(settings, settings.max_length)
    for command in settings.setup:
        if not _honeywell.COMMAND.fullmatch(command):
            raise ValueError(
                f"setup: {command!r}: write one menu command, six characters, a value and !, such as CBRENA1! "
                "(a . would write to flash at each opening, and wear it out), or a question, CBRENA?."
            )
    marks = bool(settings.prefix) and any(ch < " " for ch in settings.suffix)
    if not (marks or settings.proves() or settings.code_id == "aim"):
        raise without_proof('Write code_id = "aim" and set the scanner to AIM identifiers')
    return marks or settings.proves()


GUESSES: tuple[dict[str, object], ...] = ({"code_id": "aim"}, {"code_id": "honeywell"}, {})
