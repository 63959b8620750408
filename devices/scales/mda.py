"""`mda`: SICK Master Data Analyzer: code, weight and dimensions of one object in one record; it listens to nothing.

A record is STX, eleven fields with `;` between them, ETX: object number (4), code or `NoRead`, weight (9), `g`, scale
error (1), length (4), width (4), height (4), `mm`, VMS status (4 hexadecimal digits), volume (7, or more where it does
not fit). Numbers are decimal digits with leading zeros. A field of another width or unit, a code with `;` in it (two
records may have run together) and a code that nobody may act on make the whole record Garbled. Else it gives a Read or
a NoRead, then a Sized, both with the object number as index.

The machine says 0 where it has no value: the weight when it was not legal for trade or failed, the dimensions when
their measurement failed. So 0 is never a value here, whatever the error fields say.
Proof of this driver: STX and ETX, which no code contains, and the widths and number of the fields.

Source: SICK, Master Data Analyzer operating instructions (8020065), data interface.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from devices.alive import Silence
from devices.codes import RAW, read_of
from devices.driver import Framed, earliest, wire
from devices.framing import Delimited, Frame
from devices.scan_types import Quality
from devices.types import Garbled, Heartbeat, Item, Kept, NoRead, Quantity, Sized

HARD_LIMIT = 8192
FIELDS = "not the eleven fields of a record"

OUTSIDE = 0x0001
"""The bit of the VMS status that says: a part of the object was outside the field."""

UNPROVEN = (
    "a volume of more than 7 digits is taken; the manual does not say what a larger object sends.",
    "the volume is in mm3, as the manual says, though other output formats of this machine have cm3.",
    "bits of the VMS status beside 0001 are taken as errors; the manual explains no other.",
    "the object number is taken as decimal; the manual's example is 0145.",
)

_RECORD = re.compile(
    rb"([0-9]{4});([^;]*);([0-9]{9});g;([01]);([0-9]{4});([0-9]{4});([0-9]{4});mm;([0-9A-Fa-f]{4});([0-9]{7,12})",
    re.DOTALL,
)


@dataclass(frozen=True)
class Settings:
    """`no_read` are the texts in place of a code, an empty field is one too.

    `heartbeat` is a whole frame, empty = none; with `heartbeat_s` something is expected each so many seconds (0 = not
    expected). `legal_for_trade` = the scale is a verified one: a weight that it does not zero is approved. `max_length`
    = bytes between STX and ETX. Silence of `gap_ms` discards a partial frame.
    """

    no_read: tuple[str, ...] = ("NoRead",)
    heartbeat: str = ""
    heartbeat_s: float = 0.0
    legal_for_trade: bool = True
    max_length: int = 512
    gap_ms: float = 500.0


class Driver(Framed):
    """Read or NoRead, then Sized; Heartbeat, Condition, Garbled."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(Delimited(b"\x02", b"\x03", settings.max_length, settings.gap_ms))
        if not 64 <= settings.max_length <= HARD_LIMIT:
            raise ValueError(f"max_length = {settings.max_length}: write a number from 64 to {HARD_LIMIT}")
        if settings.heartbeat_s < 0:
            raise ValueError(f"heartbeat_s = {settings.heartbeat_s}: write seconds, 0 = none is expected")
        self._no_read = {b"", *(wire("no_read", text) for text in settings.no_read)}
        self._heartbeat = wire("heartbeat", settings.heartbeat)
        self._verified = settings.legal_for_trade
        self._silence = Silence(settings.heartbeat_s * 1000)

    def opened(self, now: float, kept: Kept) -> None:
        """The channel is open: nothing of the last one counts, and something is expected."""
        super().opened(now, kept)
        self._silence.opened(now)

    def tick(self, now: float) -> Sequence[Item]:
        """Half a frame is garbled after silence; say when the machine is silent for too long."""
        return [*super().tick(now), *self._silence.tick(now)]

    def next_at(self) -> float | None:
        """Silence in a frame, or of the machine."""
        return earliest(super().next_at(), self._silence.next_at())

    def closed(self, now: float) -> Sequence[Item]:
        """Half a frame is garbled, and nothing is expected."""
        self._silence.closed()
        return super().closed(now)

    def _frame(self, frame: Frame) -> Sequence[Item]:
        return [*self._silence.heard(frame.at, frame.data), *self._record(frame.data, frame.at)]

    def _record(self, body: bytes, at: float) -> Sequence[Item]:
        if body and body == self._heartbeat:
            return [Heartbeat(body, at)]
        record = _RECORD.fullmatch(body)
        if record is None:
            return [Garbled(body[:RAW], FIELDS, at)]
        index, code = int(record[1]), record[2]
        said = NoRead(body, at) if code in self._no_read else read_of(code, body, at)
        if isinstance(said, Garbled):
            return [said]
        return [replace(said, index=index), Sized(self._quantities(record), body, at, index=index)]

    def _quantities(self, record: re.Match[bytes]) -> tuple[Quantity, ...]:
        fields = [field.decode("ascii") for field in record.groups()[2:]]
        weight, disconnected, *sizes, status, volume = fields
        bits = int(status, 16)
        sized = [_quality(value, bits) for value in sizes]
        whole: Quality = next((quality for quality in sized if quality != "ok"), _quality(volume, bits))
        scale: Quality = "error" if disconnected == "1" else _quality(weight, 0)
        approved = self._verified and scale == "ok" if scale != "error" else None
        return (
            Quantity("weight", weight, "g", scale, approved),
            Quantity("length", sizes[0], "mm", sized[0]),
            Quantity("width", sizes[1], "mm", sized[1]),
            Quantity("height", sizes[2], "mm", sized[2]),
            Quantity("volume", volume, "mm3", whole),
        )


def _quality(value: str, bits: int) -> Quality:
    """Of one field whose error bits are these."""
    if bits & ~OUTSIDE:
        return "error"
    if bits & OUTSIDE:
        return "outside"
    return "ok" if value.strip("0") else "zeroed"
