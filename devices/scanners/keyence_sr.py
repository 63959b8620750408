"""`keyence_sr`: Keyence SR and BL readers, alone or several behind an N-410 on one port.

Reads, answers and the error string are free text on one channel. `OK,LON` or `ER,LON,ee` is an answer only while LON is
open, or as long again after it was given up; at any other time it is content, and a label that reads `OK,LON` is a
code. A label that reads so while LON is open is taken for the answer, and the true answer after it for a code, if the
proof lets it pass. A label that reads exactly the error string is a no-read, one that reads `OVER` an error. With
"SR-600 compatible" (`replies = false`) nothing is ever an answer, and every command is given up as unanswered.

The light: a Trigger on is followed by LOFF when the caller sends it, at the latest when the trigger expires or `on_ms`
have gone; at each opening too, because nobody knows what the last channel left. LOFF that is not answered is repeated,
and then said (Condition). `ER,LOFF,ee` after a read or a no-read is no error: in single mode the gate was closed by it.

Proof: STX and ETX, which no code contains; through an N-410 the size that it states; else as in `line`, one length or a
check digit. Several drivers on one port (`join`) need addresses, and take turns with their commands.

Sources: see `_keyence`; ESC, LF and the same frame for question and answer: SR-750 manual p. 71; `ERROR`, `OVER`:
N-410 manual p. 94. The setting "User setting" of the answers' texts is not understood here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from devices.codes import RAW
from devices.driver import Framed, earliest, wire
from devices.framing import Bad, Frame
from devices.scanners import _keyence
from devices.scanners._content import Content
from devices.scanners._keyence_bus import Bus
from devices.scanners._keyence_light import Light
from devices.scanners._lines import Lines
from devices.scanners._proof import CodeSettings, judge, without_proof
from devices.types import (
    Command,
    DeviceError,
    Garbled,
    GivenUp,
    Item,
    Kept,
    Message,
    NoRead,
    Read,
    Reply,
    Trigger,
)

TAKES = (Trigger,)
UNPROVEN = (
    "what the size of an N-410 counts beside the data: the setting size_extra says it",
    "that ESC stands before STX where both are sent",
    "that a reader that is not reading refuses LOFF with 20: another code is reported as an error at each opening",
)

MOST_ADDRESS = 31
MARKS = {"cr": (b"", b"\r"), "stx": (b"\x02", b"\x03")}
STRANGER = "the number of a reader that nobody here has"
LATE, ENDED = "late answer", "LOFF after the end of the gate"


@dataclass(frozen=True)
class Settings(CodeSettings):
    """`framing` = `cr` or `stx`, of commands, answers and reads. `replies` false = "SR-600 compatible". `address` = the
    number of this reader at its N-410, 1 to 31, 0 = none.

    `no_read` and `overflow` are whole texts, one character is one byte. `on_command`, `off_command`: at most 8
    characters. `on_ms` = the longest time between LON and LOFF. `size_extra` = what the size of an N-410 counts beside
    the data. `separator` stands between several codes of one read. `max_length` = bytes of a frame. Silence of `gap_ms`
    discards a partial frame. A command without answer for `answer_ms` is given up; without replies one is written each
    `pause_ms`.
    """

    framing: str = "cr"
    replies: bool = True
    address: int = 0
    no_read: tuple[str, ...] = ("ERROR",)
    overflow: str = "OVER"
    separator: str = ""
    on_command: str = "LON"
    off_command: str = "LOFF"
    on_ms: float = 5000.0
    size_extra: int = 0
    min_length: int = 1
    max_length: int = 4096
    fixed_lengths: tuple[int, ...] = ()
    check: str = ""
    gap_ms: float = 500.0
    answer_ms: float = 1000.0
    pause_ms: float = 100.0


class Driver(Framed):
    """Read, NoRead; Reply, DeviceError, Condition; Garbled. Takes Trigger. Raises ValueError for settings that cannot
    work, or prove nothing."""

    def __init__(self, settings: Settings) -> None:
        _judge(settings)
        super().__init__(Lines(*MARKS[settings.framing], settings.max_length, settings.gap_ms))
        self.settings = settings
        self.address = settings.address
        self._bus = Bus(settings.answer_ms, settings.pause_ms)
        self._content = Content(settings.no_read, "", settings.separator, settings.flaw)
        self._overflow = wire("overflow", settings.overflow)
        self._out: list[Item] = []
        self._light = Light(settings.on_ms)

    def share(self, bus: Bus) -> None:
        """Be one of several on `bus`; see `join`. Before `opened`."""
        self._bus = bus

    def opened(self, now: float, kept: Kept) -> None:
        """The channel is open: whatever was left on is switched off."""
        self._bus.enter(self)
        super().opened(now, kept)
        self._light.opened()
        self._switch_off(now)

    def feed(self, data: bytes | Message, at: float) -> Sequence[Item]:
        """Items of the frames that `data` completes; an answer to our command is a Reply and then an Answered."""
        return [*super().feed(data, at), *self._taken()]

    def send(self, command: Command, now: float, expires: float | None) -> int:
        """Trigger -> LON or LOFF; LOFF follows by itself at the latest after `on_ms`, or when the trigger expires."""
        if not isinstance(command, Trigger):
            raise TypeError(f"keyence_sr takes no {type(command).__name__}, only Trigger")
        if not command.on:
            number = self._write(self.settings.off_command, now, expires)
            self._light.off(number, own=False)
            return number
        number = self._write(self.settings.on_command, now, expires)
        self._light.on(number, now, expires)
        return number

    def tick(self, now: float) -> Sequence[Item]:
        """Discard a partial frame after silence, give up commands without an answer, switch the light off."""
        if self._light.off_at is not None and now >= self._light.off_at:
            self._switch_off(now)
        self._bus.tick(now)
        return [*super().tick(now), *self._taken()]

    def next_at(self) -> float | None:
        """The nearest of these; the drivers of one bus wake together."""
        return earliest(super().next_at(), self._bus.next_at(), self._light.off_at, 0.0 if self._out else None)

    def take(self) -> bytes:
        """The next command of this port, when the one before is answered."""
        return self._bus.take()

    def closed(self, now: float) -> Sequence[Item]:
        """A partial frame is garbled, commands are given up."""
        items = super().closed(now)
        self._bus.leave(self, now)
        self._light.opened()
        return [*items, *self._taken()]

    # --- the bus and the light ----------------------------------------------------------------------------------------

    def given_up(self, ended: GivenUp) -> None:
        """A command of ours has ended without an answer."""
        self._out += self._light.given_up(ended)

    def _write(self, text: str, now: float, expires: float | None) -> int:
        verb = f"%T{self.address:02}" if self.address else text
        frame = _keyence.command(text, self.settings.framing, self.address)
        return self._bus.add(self, verb if self.settings.replies else None, frame, now, expires)

    def _switch_off(self, now: float) -> None:
        self._light.off(self._write(self.settings.off_command, now, None), own=True)

    def _taken(self) -> list[Item]:
        out, self._out = self._out, []
        return out

    # --- frames -------------------------------------------------------------------------------------------------------

    def _bad(self, bad: Bad) -> Sequence[Item]:
        return super()._bad(bad) if self._bus.is_first(self) else ()  # all on one bus hear the same

    def _frame(self, frame: Frame) -> Sequence[Item]:
        if self.address:
            return self._addressed(frame)
        answer = _keyence.answer(frame.data) if self.settings.replies else None
        items = self._answered(answer, frame) if answer else None
        return self._data(frame.data, frame) if items is None else items

    def _addressed(self, frame: Frame) -> Sequence[Item]:
        found = _keyence.addressed(frame.data, self.settings.size_extra)
        if found is None or not self._bus.knows(found.address):
            why = _keyence.NO_ANSWER if found is None else STRANGER
            return [Garbled(frame.data[:RAW], why, frame.at)] if self._bus.is_first(self) else ()
        if found.address != self.address:
            return ()
        if found.data is not None:
            return self._data(found.data, frame)
        if found.answer is None:
            return [Garbled(frame.data[:RAW], found.why, frame.at)]
        items = self._answered(found.answer, frame)
        return [_said(found.answer, frame)] if items is None else items

    def _answered(self, answer: _keyence.Answer, frame: Frame) -> Sequence[Item] | None:
        """Items of an answer; None = nothing was asked."""
        ended = self._bus.answered(answer.verb, answer.refusal, frame.at)
        if not ended:
            if not self._bus.late(answer.verb, frame.at):
                return None
            self.counters.note(LATE)
            return ()
        own, closed, conditions = self._light.answered(ended[0].id, answer.refusal, frame.at)
        said = _said(answer, frame)
        if closed:
            self.counters.note(ENDED)
            said = Reply(answer.verb, answer.refusal or "", frame.data, frame.at)
            ended = [replace(ended[0], refusal=None)]
        return [said, *([] if own else ended), *conditions]

    def _data(self, data: bytes, frame: Frame) -> Sequence[Item]:
        overflow = self._overflow and data == self._overflow
        if overflow or (self.address and re.fullmatch(rb"ERR[0-9]{2}", data)):
            code = "OVER" if overflow else data[3:].decode("ascii")
            return [DeviceError(code, _keyence.words(code), frame.data, frame.at)]
        items = self._content.items(data, frame.at, frame.data)
        if any(isinstance(item, Read | NoRead) for item in items):
            self._light.read()
        return items


def _said(answer: _keyence.Answer, frame: Frame) -> Reply | DeviceError:
    if answer.refusal is None:
        return Reply(answer.verb, "OK", frame.data, frame.at)
    return DeviceError(answer.refusal, _keyence.words(answer.refusal), frame.data, frame.at)


def join(drivers: Sequence[Driver]) -> None:
    """Make one bus of the drivers that share a port; once, before any is `opened`.

    Raises ValueError when they cannot share it.
    """
    if not drivers:
        return
    first = drivers[0].settings
    for settings in (driver.settings for driver in drivers):
        if not settings.address:
            raise ValueError("a reader without an address on a port of several; write address = 1 to 31, at an N-410")
        for key in ("framing", "replies"):
            mine, wanted = getattr(settings, key), getattr(first, key)
            if mine != wanted:
                raise ValueError(f"{key} is {wanted!r} and {mine!r} on one port; write the same for all")
    addresses = [driver.address for driver in drivers]
    if double := sorted({address for address in addresses if addresses.count(address) > 1}):
        raise ValueError(f"address {double[0]} stands twice on one port; write each reader's own")
    slowest = [max(getattr(driver.settings, key) for driver in drivers) for key in ("answer_ms", "pause_ms")]
    bus = Bus(slowest[0], slowest[1], len(drivers))
    for driver in drivers:
        driver.share(bus)


def _judge(settings: Settings) -> None:
    if settings.framing not in MARKS:
        raise ValueError(f'framing = {settings.framing!r}: write "cr" or "stx"')
    if not 0 <= settings.address <= MOST_ADDRESS:
        raise ValueError(f"address = {settings.address}: write 1 to {MOST_ADDRESS}, or 0 for a reader without N-410")
    judge(settings, settings.max_length)
    for key in ("on_command", "off_command"):
        if not re.fullmatch(r"[!-~]{1,8}", getattr(settings, key)):
            raise ValueError(f"{key} = {getattr(settings, key)!r}: write 1 to 8 printable characters")
    if settings.on_ms <= 0:
        raise ValueError(f"on_ms = {settings.on_ms}: write a time over 0")
    if settings.framing == "cr" and not settings.address and not settings.proves():
        raise without_proof('Write framing = "stx" and set the reader to STX and ETX')


GUESSES: tuple[dict[str, object], ...] = ({"framing": "stx"}, {}, {"replies": False})
