"""What a line's PLC says, as frozen values (PLC interface v1 §2); what it is told stands in plc_commands.py.

Each class carries the message's name in its first docstring line. `edge` is the moment of the physical eye edge in
monotonic ms (arrival minus the age the PLC states), None when the PLC no longer knows it. `lane = None` and
`track = 0` mean "none". Import them from `devices.types`.
"""

from __future__ import annotations

from typing import TypeAlias

from devices.barcodes.text import text_of
from devices.value import value

Token: TypeAlias = tuple[int, int]
"""(epoch, number) of something the machine keeps until it is told that it is durable."""

# --- PLC, up: events (class E carry a token and, where they have an age, an edge) ------------------------------------


@value
class Code:
    """One code as a PLC passes it on."""

    raw: bytes

    @property
    def text(self) -> str:
        """The code as text, with its AIM identifier where the PLC gives it."""
        return text_of(self.raw)[0]


@value
class Inducted:
    """INDU: an item was taken over at an induction, before its first decision point."""

    point: str
    track: int
    carrier: str | None
    carriers: int
    length: int
    edge: float | None
    at: float
    token: Token | None = None


@value
class Arrived:
    """ARRV: an item at a decision point. `left` = ms from the edge until none of its gates can be commanded.

    `gap` = mm to the item ahead (0 unknown), `certainty` = `S` sure, `D` doubtful, `U` unknown.
    """

    point: str
    track: int
    edge: float | None
    left: int
    length: int
    gap: int
    carrier: str | None
    lap: int
    certainty: str
    codes: tuple[Code, ...]
    at: float
    token: Token | None = None


@value
class Codes:
    """CODE: what the scanner on the PLC gave after ARRV. `outcome` = `R` read, `N` no-read, `F` scanner fault."""

    point: str
    track: int
    outcome: str
    codes: tuple[Code, ...]
    at: float
    token: Token | None = None


@value
class Measured:
    """MEAS: scale and dimensioner. Status `A` approved, `U` not approved, `E` error: an error value is no value."""

    point: str
    track: int
    weight_g: int
    weight_status: str
    record_id: str | None
    length_mm: int
    width_mm: int
    height_mm: int
    size_status: str
    at: float
    token: Token | None = None


@value
class Passed:
    """PASS: an item was seen at a point; no answer is wanted."""

    point: str
    track: int
    edge: float | None
    at: float
    token: Token | None = None


@value
class Discharged:
    """DIVC: an item has left the line, once per track.

    `decision` = the decision number obeyed (0 none), `wanted` = its first lane, `actual` = where it went (None: taken
    off), `result` = `OK FU LK NC RL IN MI SZ DB JA LA NA MR`, `evidence` = `C G E X`.
    """

    track: int
    decision: int
    wanted: str | None
    actual: str | None
    result: str
    evidence: str
    lap: int
    edge: float | None
    at: float
    token: Token | None = None


@value
class Recirculated:
    """RCIR: an item passed its gate and is still on (loops)."""

    track: int
    decision: int
    wanted: str | None
    result: str
    lap: int
    edge: float | None
    at: float
    token: Token | None = None


@value
class TrackLost:
    """LOST: tracking lost; ends the track. `before`, `behind` = the neighbours' tracks, 0 none."""

    track: int
    last_point: str | None
    before: int
    behind: int
    edge: float | None
    at: float
    token: Token | None = None


@value
class Ghost:
    """GHST: an item nobody tracked; it gets its track number here and goes on with certainty `U`."""

    point: str
    track: int
    before: int
    behind: int
    carrier: str | None
    edge: float | None
    at: float
    token: Token | None = None


@value
class HandedOver:
    """HAND: a travel came over from another line."""

    from_line: str
    from_epoch: int
    from_track: int
    point: str
    track: int
    edge: float | None
    at: float
    token: Token | None = None


@value
class Status:
    """STAT: the state of an element (`LINE`, a lane, a point, a drive, a carrier).

    `RUN STOP JAM FULL HALF FREE LOCK NCON FALT ESTP MANU MAIN SLOW`.
    """

    element: str
    state: str
    code: str
    edge: float | None
    at: float
    token: Token | None = None


@value
class Button:
    """BUTN: somebody pressed a button at a lane: `CLOS LOCK FREE`."""

    element: str
    button: str
    edge: float | None
    at: float
    token: Token | None = None


@value
class ContainerSeen:
    """CONT: a container at a lane: `P` present, `G` gone."""

    lane: str
    presence: str
    code: Code | None
    edge: float | None
    at: float
    token: Token | None = None


@value
class Overflow:
    """OVFL: the PLC's event buffer overflowed and `lost` events are gone."""

    lost: int
    edge: float | None
    at: float
    token: Token | None = None


# --- PLC, up: the session (no token) ----------------------------------------------------------------------------------


@value
class TrackOnBelt:
    """One item of TRAK: still on the belt; `decision`, `lane` = what the PLC will obey (0, None: nothing)."""

    track: int
    point: str
    lane: str | None
    decision: int
    certainty: str
    lap: int
    edge: float | None


@value
class SessionBegun:
    """SYBE: synchronisation starts. `new_epoch` = the PLC's memory is not the one before: its tracks are new ones."""

    epoch: int
    new_epoch: bool
    at: float


@value
class Tracks:
    """TRAK: tracks still on the belt."""

    items: tuple[TrackOnBelt, ...]
    at: float


@value
class Synchronised:
    """SYEN: the session is normal; tracks named by no TRAK and no event since SYBE are no longer on the belt."""

    at: float


@value
class SessionLost:
    """There is no session (any more); nothing can be commanded until the next SessionBegun. `why` in plain words.

    `hang_up` = the machine no longer answers: a TCP connection shall be closed and opened anew.
    """

    why: str
    at: float
    hang_up: bool = False


@value
class Lagging:
    """An answer of the machine needed `ms` from our first sending, longer than we wait before we repeat, or had not
    come by then. What it said since `since`, when it was last known to answer in time, may have been as late: it is
    so if `sure`, for then each sending was answered; otherwise the first sending or its answer may just be lost."""

    ms: float
    since: float
    at: float
    sure: bool = False


@value
class Speed:
    """SPED: belt speed of an element in mm/s and its encoder count."""

    element: str
    mm_s: int
    encoder: int
    edge: float | None
    at: float
