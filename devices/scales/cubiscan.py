"""`cubiscan`: CubiScan 125 and 325, a dimensioner with a scale: measures when a key is pressed or when told to.

Command: STX `M` ETX CR LF. Its record is STX, text at fixed positions, ETX CR LF: `MA`, `C` or `H` (who began it: the
CubiScan or the host), city code (6), `,L` length (5), `,W` width (5), `,H` height (5), `,` unit, `,K` weight (6), `,D`
dimensional weight (6), `,` unit, `,F` factor (4), `,D` or `,I` (domestic, international). Units are `E` (in, lb) or `M`
(cm, kg). Underscores, dashes or tildes in place of a number: under, unstable, over. NAK: STX `?N` ETX CR LF, and `MN`
for the measure command. A record says nothing of legal for trade. A CubiScan 325 that measures by itself at its gate
begins with `m` in place of `M`, and answers nobody.

A number that is 0 is no value: nothing lay there. A dimensional weight is as good as the worst of its dimensions.
Proof of this driver: STX, ETX CR LF, and the positions.

Sources: Quantronix, CubiScan 125 service manual (measure, weight units, NAK) and CubiScan 325 service manual (measure;
factor table: in or cm, lb or kg); a public parser of these records, which cites the manual for underscores, dashes and
"overscores", and has numbers that are filled up with spaces.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from devices.codes import RAW
from devices.commands import Commands
from devices.driver import Framed, earliest
from devices.framing import Delimited, Frame
from devices.scan_types import Quality
from devices.types import Command, DeviceError, Garbled, Item, Quantity, Sized, Trigger

MEASURE = b"\x02M\x03\r\n"
RECORD = "not the positions of a record"
NUMBER = "neither a number nor under, unstable or over"

TAKES = (Trigger,)
UNPROVEN = (
    "while a measure command is open the next record answers it, whether it says C or H: no source shows "
    "which of them a commanded measurement has.",
    "MN is taken as the NAK of the measure command, as other commands have theirs; ?N is proven.",
    "a record of the gate measure (m) has the fields of M.",
    "overscores, the manual's mark of over, are tildes on the wire.",
)

_RECORD = re.compile(
    rb"[Mm]A[CH][^,\x00-\x1f]{6},L(.{5}),W(.{5}),H(.{5}),([EM]),K(.{6}),D(.{6}),([EM]),F([0-9]{4}),[DI]", re.DOTALL
)
_NUMBER = re.compile(r" *[0-9]+\.[0-9]+")
_MARKS: dict[str, Quality] = {"_": "under", "-": "unstable", "~": "over"}
_LENGTHS, _WEIGHTS = {"E": "in", "M": "cm"}, {"E": "lb", "M": "kg"}


@dataclass(frozen=True)
class Settings:
    """A measure command without record or NAK for `answer_ms` is given up.

    Silence of `gap_ms` discards a partial frame. `max_length` = bytes between STX and ETX.
    """

    answer_ms: float = 5000.0
    max_length: int = 128
    gap_ms: float = 500.0


class Driver(Framed):
    """Sized, DeviceError, Garbled; Answered, GivenUp. Takes Trigger(on=True)."""

    def __init__(self, settings: Settings) -> None:
        if not 58 <= settings.max_length <= 8192:
            raise ValueError(f"max_length = {settings.max_length}: write a number from 58, one record, to 8192")
        if settings.answer_ms <= 0:
            raise ValueError(f"answer_ms = {settings.answer_ms}: write a time over 0")
        super().__init__(Delimited(b"\x02", b"\x03\r\n", settings.max_length, settings.gap_ms))
        self._commands = Commands(settings.answer_ms, most=1)  # who asks again wants the newest value

    def send(self, command: Command, now: float, expires: float | None) -> int:
        """Trigger(on=True) -> measure once."""
        if not isinstance(command, Trigger):
            raise TypeError(f"cubiscan takes no {type(command).__name__}, only Trigger")
        if not command.on:
            raise TypeError(
                "cubiscan measures once for each Trigger(on=True); there is nothing that on=False could end"
            )
        return self._commands.add("M", MEASURE, now, expires)

    def tick(self, now: float) -> Sequence[Item]:
        """Half a frame is garbled after silence, commands are given up."""
        return [*super().tick(now), *self._commands.tick(now)]

    def next_at(self) -> float | None:
        """Silence in a frame or a missing answer."""
        return earliest(super().next_at(), self._commands.next_at())

    def take(self) -> bytes:
        """The measure command, once."""
        return self._commands.take()

    def closed(self, now: float) -> Sequence[Item]:
        """Half a frame is garbled, commands are given up."""
        return [*super().closed(now), *self._commands.closed(now)]

    def _frame(self, frame: Frame) -> Sequence[Item]:
        """What answers our command is followed by an Answered."""
        body, at = frame.data, frame.at
        if body in (b"?N", b"MN"):
            code = body.decode("ascii")
            error = DeviceError(code, "the CubiScan does not do what it was told", body, at)
            return [error, *self._commands.answered(None, code, at)]
        record = _RECORD.fullmatch(body)
        if record is None:
            return [Garbled(body[:RAW], RECORD, at)]
        quantities = _quantities([field.decode("latin-1") for field in record.groups()])
        if quantities is None:
            return [Garbled(body[:RAW], NUMBER, at)]
        asked = body.startswith(b"M")
        return [Sized(quantities, body, at), *(self._commands.answered(None, None, at) if asked else ())]


def _quantities(fields: list[str]) -> tuple[Quantity, ...] | None:
    """None: a field is neither a number nor a mark."""
    length, width, height, size, weight, dim_weight, mass, factor = fields
    found = [_quality(value) for value in (length, width, height, weight, dim_weight)]
    known = [quality for quality in found if quality is not None]
    if len(known) < len(found):
        return None
    worst: Quality = next((quality for quality in (*known[:3], known[4]) if quality != "ok"), "ok")
    return (
        Quantity("length", length, _LENGTHS[size], known[0]),
        Quantity("width", width, _LENGTHS[size], known[1]),
        Quantity("height", height, _LENGTHS[size], known[2]),
        Quantity("weight", weight, _WEIGHTS[mass], known[3]),
        Quantity("dim_weight", dim_weight, _WEIGHTS[mass], known[4] if known[4] != "ok" else worst),
        Quantity("dim_factor", factor, "", "ok" if factor.strip("0") else "zeroed"),
    )


def _quality(value: str) -> Quality | None:
    """None: it is no value of a record."""
    marks = value.lstrip(" ")
    if marks[:1] in _MARKS and not marks.strip(marks[0]):
        return _MARKS[marks[0]]
    if not _NUMBER.fullmatch(value):
        return None
    return "ok" if value.strip(" 0.") else "zeroed"
