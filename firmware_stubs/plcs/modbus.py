"""A line's PLC as a Modbus server, on TCP or as an RTU slave, of a line or a loop.

Source: PLC interface v1 §2, §4. It says every message that exists on Modbus: no CODE, MEAS, LAMP; what a scanner or a
scale on it says stays in the PLC. TIME is only taken. The belief about the belt is `_line.py`, the rings
`_modbus_channel.py`, the wire `_modbus_frames.py`; this file puts them together.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from firmware_stubs.plcs._elements import LINE
from firmware_stubs.plcs._full_line import FullLine
from firmware_stubs.plcs._geometry import Geometry
from firmware_stubs.plcs._modbus_buffer import Buffer
from firmware_stubs.plcs._modbus_channel import Channel
from firmware_stubs.plcs._modbus_frames import TCP_GAP_MS, Frames, Request, RtuFrames, TcpFrames, silence_ms
from firmware_stubs.plcs._modbus_records import WORD_MOST, Numbers
from firmware_stubs.plcs._modbus_registers import serve
from firmware_stubs.plcs._modbus_replayed import ModbusMachine
from firmware_stubs.stub import Knock, Measures, Piece, Quiet, as_bytes

__all__ = ["Geometry", "Plc", "Settings", "address", "replayed", "transport_on"]

replayed = ModbusMachine

_NAME = re.compile(r"[A-Z0-9_-]{1,12}")
_LINE_NUMBER = 1
_ANSWERS_MOST = 1000  # not fetched yet; a line that nobody reads loses them


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the PLC is configured with and what it starts with.

    `transport`: `tcp` or `rtu`, see `transport_on`; on RTU it is slave `unit`, on TCP any unit is answered. `numbers`:
    of points, lanes and other elements, 1..65535; LINE is 1 without being written. `lines`: numbers of lines that hand
    over to this one. `gap_ms`: silence that discards a partial frame, on RTU also ends one; None = 3.5 characters at
    `baud`, on TCP 500.
    `late_ms`, `tolerance_mm`, `evidence`: a command must be there so long before the gate; an edge belongs to the item
    expected within ± this; DIVC knows by `E` eye in the lane or `G` gate sensor. `head` and `commands` say how many
    records and commands were written and done with in this epoch, mod 65536; `next_track` where tracks go on.
    `jam_ms`: an eye that is covered for longer while the belt runs is a jam.
    """

    transport: str = "tcp"
    baud: int = 115_200
    unit: int = 1
    numbers: dict[str, int] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    gap_ms: float | None = None
    epoch: int = 1
    retentive: bool = True
    buffer: int = 2000
    late_ms: float = 50.0
    tolerance_mm: int = 150
    evidence: str = "E"
    head: int = 0
    commands: int = 0
    next_track: int = 1
    jam_ms: float = 3000.0

    def __post_init__(self) -> None:
        if self.transport not in ("tcp", "rtu"):
            raise ValueError(f"transport = {self.transport!r}: give tcp or rtu")
        for key, low, high in (
            ("baud", 300, 10_000_000),
            ("unit", 1, 247),
            ("epoch", 1, 0xFFFF),
            ("buffer", 64, 5000),
            ("late_ms", 0, 60_000),
            ("tolerance_mm", 1, 10_000),
            ("head", 0, WORD_MOST),
            ("commands", 0, WORD_MOST),
            ("next_track", 1, 999_999),
        ):
            if not low <= getattr(self, key) <= high:
                raise ValueError(f"{key} = {getattr(self, key)}: give a number from {low} to {high}")
        if self.gap_ms is not None and not 1 <= self.gap_ms <= 60_000:
            raise ValueError(f"gap_ms = {self.gap_ms}: give a number from 1 to 60000, or leave it out")
        if self.evidence not in ("E", "G"):
            raise ValueError(f"evidence = {self.evidence!r}: give E (eye in the lane) or G (gate sensor)")
        _check_numbers("numbers", self.numbers)
        _check_numbers("lines", self.lines)
        for name, number in self.numbers.items():
            if (name == LINE) != (number == _LINE_NUMBER):
                raise ValueError(
                    f"numbers: {name} = {number}: {_LINE_NUMBER} is the number of {LINE} and of nothing else"
                )


def _check_numbers(table: str, numbers: Mapping[str, int]) -> None:
    owners: dict[int, str] = {}
    for name, number in numbers.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"{table}: id {name!r}: 1 to 12 characters of A-Z 0-9 _ - are needed")
        if not 1 <= number <= WORD_MOST:
            raise ValueError(f"{table}: {name} = {number}: give a number from 1 to {WORD_MOST}")
        if (other := owners.setdefault(number, name)) != name:
            raise ValueError(f"{table}: {name} = {number}: this is the number of {other} already")


def address(settings: Settings) -> int | None:
    """Which slave of a bus this is, on a wire that several stubs share; None: it shares none."""
    return settings.unit if settings.transport == "rtu" else None


def transport_on(scheme: str) -> str:
    """The transport on a link of this scheme where the floor file does not say: RTU where bytes of a serial line go."""
    return "rtu" if scheme in ("pty", "serial", "rfc2217-listen") else "tcp"


class Plc(Quiet, FullLine):
    """The PLC of one line, with its cable: a `PlcStub`. The seed is not used; a PLC does nothing at random."""

    def __init__(self, settings: Settings, geometry: Geometry, seed: int, now: float) -> None:
        """Raises ValueError when the geometry cannot be said with these numbers."""
        self._numbers = Numbers(settings.numbers, settings.lines)
        if missing := [name for name in (*geometry.points, *geometry.lanes) if not self._numbers.has(name)]:
            raise ValueError(f"numbers: {', '.join(missing)}: no number; give each point and lane one from 2 to 65535")
        if geometry.carriers > WORD_MOST:
            raise ValueError(f"carriers = {geometry.carriers}: on Modbus a loop has at most {WORD_MOST}")
        buffer = Buffer(settings.buffer)
        super().__init__(
            geometry,
            epoch=settings.epoch,
            buffer=buffer,
            next_track=settings.next_track,
            late_ms=settings.late_ms,
            tolerance_mm=settings.tolerance_mm,
            evidence=settings.evidence,
            jam_ms=settings.jam_ms,
            now=now,
            split_codes=lambda codes, kind: ((), ()),
        )
        self._retentive = settings.retentive
        self._frames = _frames(settings, self)
        self._channel = Channel(self, buffer, self._numbers, head=settings.head, commands=settings.commands, now=now)
        self._answers: deque[bytes] = deque(maxlen=_ANSWERS_MOST)

    def feed(self, data: Piece, now: float) -> None:
        """Bytes arrived from the controller, in any split."""
        self.tick(now)
        for request in self._frames.feed(as_bytes(data), self.tracking.now):
            self._serve(request)

    def opened(self, now: float) -> None:
        """A TCP connection came; what was half heard on an older one is void. The session does not hang on it."""
        self.tick(now)
        self._frames.reset()

    def knock(self, data: bytes, now: float, *, new: bool) -> Knock:
        """A second TCP connection replaces the first as it comes: SYES is a write among others, and is read last."""
        self.opened(now)
        return Knock(admitted=True)

    def tick(self, now: float) -> None:
        """Time has passed: gates, losses, a frame's end, the end of a session."""
        self.advance(now)
        for request in self._frames.tick(self.tracking.now):
            self._serve(request)
        self._channel.tick(self.tracking.now)

    def next_at(self) -> float | None:
        """When `tick` wants to be called next; None = only after input."""
        due = [self.next_crossing(), self._channel.next_at(), self._frames.next_at()]
        return min((at for at in due if at is not None), default=None)

    def take(self) -> bytes:
        """The answers to what was asked; each byte is given once."""
        self._channel.tick(self.tracking.now)
        answers = b"".join(self._answers)
        self._answers.clear()
        return answers

    def handed_over(
        self,
        point: str,
        length: int,
        from_line: str,
        epoch: int,
        track: int,
        now: float,
        carrier: int = 0,
        carriers: int = 1,
    ) -> int:
        """An item of another line, known there by epoch and track, came over at this point; its new track (HAND)."""
        if not self._numbers.has_line(from_line):
            raise ValueError(f"lines: {from_line!r} hands over to this line; give it a number from 1 to {WORD_MOST}")
        return super().handed_over(point, length, from_line, epoch, track, now, carrier, carriers)

    def read(self, point: str, track: int, codes: Sequence[bytes], now: float) -> None:
        """CODE does not exist on Modbus, nor has ARRV codes: counted only."""
        self._check_place(point, 0)
        self.advance(now)
        self.counts["read_untold"] += 1

    def measured(self, point: str, track: int, measures: Measures, now: float) -> None:
        """Scale and dimensioner at a point are done with an item: there is no MEAS on Modbus, nobody is told."""
        self._check_place(point, 0)
        self.advance(now)
        self.counts["measured_untold"] += 1

    def power_cycle(self, now: float, retentive: bool | None = None) -> None:
        """The PLC was off for a moment. Not retentive: a new epoch that knows nothing. None = as its settings say."""
        retentive = self._retentive if retentive is None else retentive
        self.advance(now)
        self._frames.reset()
        self._answers.clear()
        self._channel.power_cycle(self.tracking.now, retentive=retentive)
        if not retentive:
            self.new_epoch(self.tracking.now, counted=False)

    def hush(self, on: bool) -> bool:
        """The life register stands still."""
        self._channel.hush(on, self.tracking.now)
        return True

    @property
    def in_session(self) -> bool:
        """Whether a controller is there."""
        return self._channel.in_session

    def sent_arrivals(self) -> list[tuple[int, int, float]]:
        """(epoch, track, time) of each ARRV that came into the event ring for the first time since the last call."""
        arrivals = list(self._channel.ring.arrivals)
        self._channel.ring.arrivals.clear()
        return arrivals

    def _serve(self, request: Request) -> None:
        now = self.tracking.now
        self._channel.tick(now)
        self._channel.show(now)
        answer, wrote = serve(request.pdu, self._channel.registers)
        self._answers.append(self._frames.answer(request, answer))
        if wrote:
            self._channel.heed(now)


def _frames(settings: Settings, line: FullLine) -> Frames:
    if settings.transport == "tcp":
        return TcpFrames(TCP_GAP_MS if settings.gap_ms is None else settings.gap_ms, line.counts)
    gap_ms = silence_ms(settings.baud) if settings.gap_ms is None else settings.gap_ms
    return RtuFrames(settings.unit, gap_ms, line.counts)
