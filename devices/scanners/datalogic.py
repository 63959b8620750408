"""`datalogic`: Datalogic tunnels and scanners (DS8110, DX8210, AV7000, Matrix) and PowerScan handhelds.

`header [address] [index separator] code [separator code …] terminator`. One text stands for a whole message without a
code (global no-read); or each group of codes that was not read leaves a text of its own in its place (local no-read).
The index is the Protocol Index, a number that the host or the PLC gave to the item and that comes back as the first
packet; the address is that of the handheld behind one cradle. A heartbeat has a header, a counter and a terminator of
its own, so it may come as a line between results; it is never a code, and no such line ever is.

This driver only listens. The scanner's host mode (`ESC [ C`) is never entered, because it stops the reading, so there
is no answer of it (`ESC H`, `ESC S`, `ESC K`, `ESC W 1`) that belongs to us: one that comes is garbled.
Proof: header and terminator, which begin with or hold a control character that no code contains.

Sources: Datalogic manuals DS8100 and DS8110 (messages, no-read, Protocol Index, heartbeat), DX8210, AV7000 and AV500
(heartbeat's counter), Matrix 210 and DS8110 Host Mode Programming, PowerScan D8330 (address stamping).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from devices.alive import Silence
from devices.codes import RAW
from devices.driver import Framed, earliest, wire
from devices.framing import Frame
from devices.scanners._content import Content, beat_of
from devices.scanners._datalogic_frames import DatalogicFrames, Line
from devices.scanners._datalogic_guess import guesses
from devices.types import Garbled, Heartbeat, Item, Kept, NoRead, Read

__all__ = ["Driver", "Settings", "guesses"]

UNPROVEN = (
    "a heartbeat between results is taken to end with their terminator; set its own terminator to the same.",
    "the Protocol Index is taken to be one number of index_digits digits; the manual allows any text, and "
    "several of them.",
    "a counter of the heartbeat with a custom range is not checked (heartbeat_modulus = 0), nor is its "
    "diagnostic field read.",
    "the multiple-read text is taken to stand for the whole message, in place of its codes.",
    "no source says how a trigger text or host mode answers while items are read, so no command is taken.",
)

HARD_LIMIT = 8192
MOST_DIGITS = 18

NO_ADDRESS = "none of the addresses that are known here"
JUMP = "a jump of the heartbeat's counter: messages were lost, or it began anew"
MISSING = "a group without a code beside one with a code"
SEVERAL = "several codes where one was expected"


@dataclass(frozen=True)
class Settings:
    """One character of the texts is one byte on the wire.

    `no_read` are whole messages, an empty one is a no-read too; `local_no_read` stands in place of each code that is
    missing, `multiple_read` (empty = none) for more codes than one where one is expected. `separator` stands between
    index and codes. `heartbeat`: its text, or a regular expression for all of it; `heartbeat_modulus`: its counter, the
    first group of the expression, goes from 0 to one less, or the other way (`heartbeat_down`), 0 = there is none.
    `heartbeat_s`: something is heard at least so often, 0 = not expected. `index_digits` of the Protocol Index, 0 =
    there is none. `addresses`: every message begins with one of them and `address_separator`; it becomes the Read's
    reader. `max_length` = bytes of a message. Silence of `gap_ms` discards half a message.
    """

    header: str = "\x02"
    terminator: str = "\r\n"
    separator: str = ","
    no_read: tuple[str, ...] = ("???????", "NO READ", "NoRead", "NOREAD")
    local_no_read: str = "?"
    multiple_read: str = ""
    heartbeat: str = ""
    heartbeat_modulus: int = 0
    heartbeat_down: bool = False
    heartbeat_s: float = 0.0
    index_digits: int = 0
    addresses: tuple[str, ...] = ()
    address_separator: str = ""
    max_length: int = 1024
    gap_ms: float = 500.0


class Driver(Framed):
    """Read, NoRead, Heartbeat, Garbled, Condition. Raises ValueError for settings without a proof."""

    def __init__(self, settings: Settings) -> None:
        _judge(settings)
        header, terminator = wire("header", settings.header), wire("terminator", settings.terminator)
        self._beat = _beat(settings)
        super().__init__(DatalogicFrames(header, terminator, settings.max_length, settings.gap_ms, self._beat))
        self._settings = settings
        self._separator = wire("separator", settings.separator)
        self._local = wire("local_no_read", settings.local_no_read)
        self._multiple = wire("multiple_read", settings.multiple_read)
        instead = (settings.local_no_read, settings.multiple_read)
        self._content = Content((*settings.no_read, *instead), None, settings.separator)
        self._addresses = {
            wire("addresses", address + settings.address_separator): address for address in settings.addresses
        }
        self._count: int | None = None  # of the last heartbeat
        self._silence = Silence(settings.heartbeat_s * 1000)

    def opened(self, now: float, kept: Kept) -> None:
        """The channel is open: nothing of the last one counts, and something is expected."""
        super().opened(now, kept)
        self._count = None
        self._silence.opened(now)

    def tick(self, now: float) -> Sequence[Item]:
        """Half a message is garbled after silence; say when the heartbeat is missing."""
        return [*super().tick(now), *self._silence.tick(now)]

    def next_at(self) -> float | None:
        """Silence in a message or of the machine, whichever is due first."""
        return earliest(super().next_at(), self._silence.next_at())

    def closed(self, now: float) -> Sequence[Item]:
        """Half a message is garbled, and nothing is expected."""
        self._silence.closed()
        return super().closed(now)

    def _frame(self, frame: Frame) -> Sequence[Item]:
        return [*self._silence.heard(frame.at, frame.data), *self._message(frame)]

    def _message(self, frame: Frame) -> Sequence[Item]:
        beat = self._beat.fullmatch(frame.data) if self._beat and frame.data else None
        if beat or isinstance(frame, Line):
            self._counted(beat)
            return [Heartbeat(frame.data, frame.at)]
        body, reader, index = frame.data, "", None
        if self._addresses:
            prefix = max(filter(body.startswith, self._addresses), key=len, default=None)
            if prefix is None:
                return [Garbled(body[:RAW], NO_ADDRESS, frame.at)]
            body, reader = body[len(prefix) :], self._addresses[prefix]
        if digits := self._settings.index_digits:
            first, separator, body = body.partition(self._separator)
            if not separator or len(first) != digits or not first.isdigit():
                return [Garbled(frame.data[:RAW], f"no index of {digits} digits in front", frame.at)]
            index = int(first)
        return self._codes(body, reader, index, frame)

    def _codes(self, body: bytes, reader: str, index: int | None, frame: Frame) -> Sequence[Item]:
        items: list[Item] = []
        for item in self._content.items(body, frame.at, frame.data):
            if isinstance(item, Read):
                items.append(replace(item, reader=reader, index=index))
            else:
                items.append(replace(item, index=index) if isinstance(item, NoRead) else item)
        if body and body == self._multiple:
            self.counters.note(SEVERAL)
        elif self._separator and self._local in body.split(self._separator) and not isinstance(items[0], NoRead):
            self.counters.note(MISSING)
        return items

    def _counted(self, beat: re.Match[bytes] | None) -> None:
        """Look whether the counter of a heartbeat follows that of the last one."""
        modulus = self._settings.heartbeat_modulus
        text = beat[1] if beat and modulus else None
        if text is None:
            return
        number = int(text) if text.isdigit() else -1
        step = -1 if self._settings.heartbeat_down else 1
        if not 0 <= number < modulus or (self._count is not None and number != (self._count + step) % modulus):
            self.counters.note(JUMP)
        self._count = number


def _beat(settings: Settings) -> re.Pattern[bytes] | None:
    pattern = beat_of(settings.heartbeat)
    if settings.heartbeat_modulus and not (pattern and pattern.groups):
        raise ValueError(
            f"heartbeat = {settings.heartbeat!r}: with heartbeat_modulus write where its counter stands, "
            'for example heartbeat = "HB([0-9]{2})"'
        )
    return pattern


def _judge(settings: Settings) -> None:
    if not settings.header[:1] < " " or not settings.header or not any(ch < " " for ch in settings.terminator):
        raise ValueError(
            "nothing proves that a code is whole: without its first bytes it would be a shorter one. Write "
            'header = "\\u0002" and terminator = "\\r\\n" and set the scanner to STX and CR LF; '
            'for one without a header use kind = "line" with fixed_lengths or check'
        )
    if not 1 <= settings.max_length <= HARD_LIMIT:
        raise ValueError(f"max_length = {settings.max_length}: write a number from 1 to {HARD_LIMIT}")
    if not 0 <= settings.index_digits <= MOST_DIGITS:
        raise ValueError(f"index_digits = {settings.index_digits}: write 0 to {MOST_DIGITS}, 0 = it is not sent")
    if settings.index_digits and not settings.separator:
        raise ValueError('separator is empty: write what stands after the index, for example separator = "\\u001e"')
    if settings.separator and settings.separator in settings.terminator:
        raise ValueError(f"separator = {settings.separator!r} is a part of the terminator: write another one")
    if not 0 <= settings.heartbeat_modulus <= 10_000:
        raise ValueError(f"heartbeat_modulus = {settings.heartbeat_modulus}: write 10, 100, 1000, 10000, or 0 = none")
    if not settings.heartbeat_s >= 0:
        raise ValueError(f"heartbeat_s = {settings.heartbeat_s}: write a number of seconds, 0 = not expected")
    if "" in settings.addresses:
        raise ValueError('addresses holds an empty one: write each as the handheld sends it, for example ["0001"]')
