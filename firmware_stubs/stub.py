"""The one shape of a firmware stub: a machine as data.

Time and seed are arguments, so that the same stub runs in a test at any speed and for a technician at real speed.
All times are monotonic milliseconds. A stub does no I/O; `serve.py` puts it on a wire.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from firmware_stubs.rides import Parcel


@dataclass(frozen=True, slots=True)
class Message:
    """A message on a broker, for a stub that speaks MQTT. `retain` of one that arrived: the broker had kept it."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False


Piece = bytes | Message  # what a wire carries: one stub has always the same kind


@dataclass(frozen=True, slots=True)
class Knock:
    """What a second TCP connection gets: the bytes said on it, and whether it takes the place of the first."""

    data: bytes = b""
    admitted: bool = False


class Stub(Protocol):
    """One machine, seen from its cable. `Quiet` implements what follows `take` for one that does not care."""

    def feed(self, data: Piece, now: float) -> None:
        """Bytes arrived from the controller, in any split; or one message of a subscription."""

    def tick(self, now: float) -> None:
        """Time has passed: do what is due."""

    def next_at(self) -> float | None:
        """When `tick` wants to be called next; None = only after input."""

    def take(self) -> bytes | list[Message]:
        """What the machine says now; empty when nothing. Each byte or message is given once."""

    def opened(self, now: float) -> None:
        """A TCP client came, or the broker granted the subscriptions. A cable without connections never says so."""

    def closed(self, now: float) -> None:
        """That connection is gone."""

    def hang_up(self) -> bool:
        """Whether the machine wants its connection closed, behind what `take` gives: asked once, then false again."""

    def knock(self, data: bytes, now: float, *, new: bool) -> Knock:
        """Bytes on a second TCP connection while the first is there, in any split; `new` = it has just come, with none.

        Once it is admitted, `feed` and `take` are of this connection, and the first is closed without a `closed`.
        """

    def hush(self, on: bool) -> bool:
        """Its sign of life stands still, or not any more, while it does all else; False = it has none."""

    def subscriptions(self) -> list[tuple[str, int]]:
        """On a broker: what it listens to, filter and QoS."""

    def will(self) -> Message | None:
        """On a broker: what is published when the machine is gone."""


class Quiet:
    """The part of a stub that does not care who is on its wire: the newest connection is the one it speaks on."""

    def opened(self, now: float) -> None:
        """Nothing happens."""

    def closed(self, now: float) -> None:
        """Nothing happens."""

    @property
    def unheard(self) -> int:
        """Nothing wants an acknowledgement."""
        return 0

    def hang_up(self) -> bool:
        """Never."""
        return False

    def knock(self, data: bytes, now: float, *, new: bool) -> Knock:
        """The second connection replaces the first as it comes."""
        return Knock(admitted=True)

    def hush(self, on: bool) -> bool:
        """It has no sign of life."""
        return False

    def subscriptions(self) -> list[tuple[str, int]]:
        """None."""
        return []

    def will(self) -> Message | None:
        """None."""
        return None


def as_bytes(data: Piece) -> bytes:
    """What a stub of bytes is fed. Raises TypeError for a message: its link is a broker, and it speaks on cables."""
    if isinstance(data, Message):
        raise TypeError(f"a message on {data.topic} came to a machine that speaks bytes")
    return data


def as_message(data: Piece) -> Message:
    """What a stub on a broker is fed. Raises TypeError for bytes: its link is a cable."""
    if not isinstance(data, Message):
        raise TypeError("bytes came to a machine that speaks MQTT")
    return data


class ScannerStub(Stub, Protocol):
    """A fixed scanner: the belt tells it what passes."""

    def gate(self, codes: list[bytes], now: float, index: int = 0, encoder: int = 0) -> None:
        """An item's front edge reached the transmit point: say its codes, or the no-read text when there are none.

        `index`: the item's track or carrier number, `encoder`: the belt encoder's count then; said where so configured.
        """

    @property
    def unheard(self) -> int:
        """Messages that the other side has to acknowledge and has not: they are said again, or wait behind that one."""

    def said(self) -> list[bytes | None]:
        """What was said to gates and is now in `take` or beyond, in the order of the gates, since the last call: one
        entry a code, None for a no-read (said or silent). For the simulator's ledger only, never for the wire."""


class SizingStub(ScannerStub, Protocol):
    """A scanner with a scale or a dimensioner in it."""

    def measure(self, measures: Measures, now: float) -> None:
        """What the item weighs and how large it is whose `gate` follows at once."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a terminal said to the hand that holds it. `local`: by the rules, because nobody answered."""

    device: str
    scan: str
    code: bytes
    verdict: str
    words: str
    tone: str
    local: bool
    at: float


class HandStub(ScannerStub, Protocol):
    """Terminals in people's hands: they ask, and are answered."""

    @property
    def attended(self) -> bool:
        """True = who answers is there."""

    def verdicts(self) -> list[Verdict]:
        """What the hands were told since the last call: for the simulator's ledger only."""


class CentreStub(Stub, Protocol):
    """The hub's IT: it hears beforehand what comes, and tells the hub and what customs says."""

    @property
    def attended(self) -> bool:
        """True = a node is there that believes its customs feed."""

    def announced(self, parcel: Parcel, now: float) -> None:
        """A parcel of a mix will come."""

    def came(self, parcel: Parcel, now: float) -> None:
        """It came onto a belt, or was shown; again each time that it is shown."""

    def left(self) -> list[tuple[str, str, float]]:
        """Parcel, status and when, of each customs record that left since the last call: for the ledger only."""


class PlcStub(Stub, Protocol):
    """A line's PLC: it sees eye edges and commands gates; it never sees a barcode or the truth of the belt."""

    @property
    def epoch(self) -> int:
        """The life of its memory, which its track numbers belong to."""

    @property
    def inhibited(self) -> Collection[str]:
        """The induction points that must not put anything on the belt now."""

    @property
    def stop_wanted(self) -> bool:
        """True = the drive is to stop: the belt answers with `belt_speed(0)`, and only a local hand starts it again."""

    @property
    def in_session(self) -> bool:
        """True = synchronised with a controller."""

    def edge(self, point: str, length: int, now: float, carrier: int = 0, carriers: int = 1) -> int:
        """An item's front edge passed the eye of a point (`length` mm as measured there). Returns its track number.

        On a loop with carriers: the carrier that it lies on (1..), always the same one, and on how many of them; 0 =
        the PLC cannot see which. An empty carrier is not told: who does not come to a decision point is lost.
        """

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
        """An item came over from another line, whose PLC told this one epoch and track (HAND). Returns its new track.

        In place of `edge` at that point, where the item's edge is seen; `from_line`: 1 to 4 characters. Carriers as in
        `edge`; an item handed over on carrier 0 gets its carrier at the next eye.
        """

    def measured(self, point: str, track: int, measures: Measures, now: float) -> None:
        """The scale and the dimensioner at a point are done with an item (MEAS); not told of an unknown track."""

    def read(self, point: str, track: int, codes: Sequence[bytes], now: float) -> None:
        """A scanner at a point that hangs on the PLC is done with an item; no codes = nothing was read.

        Told with its next ARRV, or by CODE where no decision point follows; not told of an unknown track.
        """

    def button(self, lane: str, button: str, now: float) -> None:
        """Somebody pressed `CLOS`, `LOCK` or `FREE` at a lane (BUTN); `LOCK` and `FREE` change its state, too."""

    def container(self, lane: str, code: bytes, now: float, *, unlabelled: bool = False) -> None:
        """A container with this code was put at a lane (CONT P); empty = it is gone (CONT G), and the lane is NCON.

        `unlabelled` with an empty code: one was put there whose label nobody read (CONT P without a code).
        A lane of which nothing was ever told here has what it needs.
        """

    def eye(self, point: str, covered: bool, now: float) -> None:
        """The eye of a point sees something all the time from now on, and no edges; or nothing any more.

        One that is covered for too long while the belt runs is a JAM: the PLC says so of the point and of the line and
        stops the drive (`stop_wanted`). The point is `RUN` again when its eye is free, the line when the belt runs.
        """

    def line_state(self, state: str, now: float) -> None:
        """The line is `RUN`, `STOP`, `JAM`, `ESTP`, `MANU` …: what its operator's panel or its sensors say.

        Told as it is; the belt stops and starts by `belt_speed`, which alone turns `RUN` into `STOP` and back. When
        `MANU` ends, every item on the line is doubtful.
        """

    def removed(self, track: int, now: float) -> None:
        """Somebody took an item off the line in manual mode and told the PLC so (DIVC MR)."""

    def power_cycle(self, now: float, retentive: bool | None = None) -> None:
        """It was off for a moment. Not retentive: a new epoch that knows nothing; None = as its settings say."""

    def gates(self, now: float) -> list[GateCommand]:
        """Gates that the PLC fired since the last call, each once, for the item that it believes to be there.

        It fires one when the belt has carried that item to it: a stop or another speed on the way changes when, and not
        for whom. `next_at` knows the moment, and what is fetched is obeyed at once.
        """

    def lane_eye(self, lane: str, now: float) -> None:
        """An item passed the eye behind a lane's gate (the end of the line is the default lane's eye)."""

    def lane_state(self, lane: str, state: str, now: float) -> None:
        """A lane became `FULL`, `HALF` or `FREE` (chute eye), or `LOCK` (button)."""

    def belt_speed(self, mm_s: int, now: float) -> None:
        """The belt runs with this speed from now on; 0 = stopped."""

    def destined(self, track: int) -> str | None:
        """The lane that an item obeys a DEST into, as things stand; None = none, so it goes to the default lane, or
        there is no such item. For who looks at the simulator only, never for the wire."""

    def taken(self) -> list[Taken]:
        """DESTs judged since the last call, in order: for the simulator's ledger only, never for the wire."""

    def sent_arrivals(self) -> list[tuple[int, int, float]]:
        """(epoch, track, when) of each ARRV that left for the first time since the last call: for the ledger only."""


@dataclass(frozen=True, slots=True)
class GateCommand:
    """The gate of `lane` fires for the item whose front edge is expected there: at `at`, which is now."""

    lane: str
    track: int
    at: float


@dataclass(frozen=True, slots=True)
class Measures:
    """What a scale and a dimensioner say. Statuses: `A` approved, `U` not, `E` error: then its value means nothing."""

    grams: int
    weight_status: str
    record_id: str
    length_mm: int
    width_mm: int
    height_mm: int
    size_status: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A DEST that the PLC judged: `refusal` None = it is the destination the PLC obeys from now on."""

    epoch: int
    track: int
    decision: int
    reason: str
    lanes: tuple[str, ...]
    if_none: str
    no_default: bool
    refusal: str | None
    at: float
