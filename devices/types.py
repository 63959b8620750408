"""What machines say and hear, as frozen values.

Time: every `at` and `edge` is monotonic milliseconds, as given to the driver; `at` is the moment the bytes arrived,
`edge` the moment of the physical eye edge (arrival minus the age that the machine states), None when the machine no
longer knows it. Lengths are millimetres, weights grams, speeds mm/s. Ids are the texts of the wire, never barcodes.

The messages of a PLC stand in plc_types.py, those of handhelds, scales and portals in scan_types.py, and are imported
from here like the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from devices.plc_commands import Destination, Lamp, Request, SetTime
from devices.plc_types import (
    Arrived,
    Button,
    Code,
    Codes,
    ContainerSeen,
    Discharged,
    Ghost,
    HandedOver,
    Inducted,
    Lagging,
    Measured,
    Overflow,
    Passed,
    Recirculated,
    SessionBegun,
    SessionLost,
    Speed,
    Status,
    Synchronised,
    Token,
    TrackLost,
    TrackOnBelt,
    Tracks,
)
from devices.scan_types import Condition, Hand, HandAnswer, Passage, Quantity, Sized
from devices.value import value

__all__ = [
    "Answered",
    "Arrived",
    "Button",
    "Code",
    "Codes",
    "Command",
    "CommandSeen",
    "Condition",
    "ContainerSeen",
    "Counters",
    "Destination",
    "DeviceError",
    "Discharged",
    "EventSeen",
    "Garbled",
    "Ghost",
    "GivenUp",
    "Hand",
    "HandAnswer",
    "HandedOver",
    "Heartbeat",
    "Inducted",
    "Item",
    "Kept",
    "Lagging",
    "Lamp",
    "Measured",
    "Message",
    "NoRead",
    "Overflow",
    "Passage",
    "Passed",
    "Quantity",
    "Read",
    "Recirculated",
    "Reply",
    "Request",
    "SessionBegun",
    "SessionLost",
    "SetTime",
    "Sized",
    "Speed",
    "Status",
    "Synchronised",
    "Token",
    "TrackLost",
    "TrackOnBelt",
    "Tracks",
    "Trigger",
]


@value
class Message:
    """One MQTT message of a machine that speaks MQTT."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False


# --- scanners -------------------------------------------------------------------------------------------------------


@value
class Read:
    """One decoded code. `text` is the code as text, `raw` the whole frame body.

    `index`: the item's number (track or carrier) as the machine echoes it; `encoder`: the belt encoder's count when the
    item was at the transmit point. `encoding`: how bytes beyond ASCII became text (`devices/barcodes/text.py`), empty =
    all were ASCII. `hand`: who asks with it and waits for an answer. `reader`: which of several behind one channel.
    `late`: it waited in the machine, and nobody knows for how long; `at` says nothing of where its item was.
    """

    text: str
    raw: bytes
    at: float
    symbology: str = ""
    reader: str = ""
    index: int | None = None
    token: Token | None = None
    encoder: int | None = None
    encoding: str = ""
    hand: Hand | None = None
    late: bool = False


@value
class NoRead:
    """The scanner's gate closed without a code. `index`, `encoder`, `late` and `reader` as of a Read."""

    raw: bytes
    at: float
    index: int | None = None
    encoder: int | None = None
    token: Token | None = None
    late: bool = False
    reader: str = ""


@value
class Heartbeat:
    """The machine is alive; never a parcel."""

    raw: bytes
    at: float


@value
class Reply:
    """The machine's answer to a command (`verb` as on the wire, e.g. `sAN mTCgateon`)."""

    verb: str
    text: str
    raw: bytes
    at: float


@value
class CommandSeen:
    """A command on the wire: what a host sends to this machine, seen when both directions are decoded."""

    verb: str
    text: str
    raw: bytes
    at: float


@value
class EventSeen:
    """A value the machine pushed without being asked (SICK `sSN`)."""

    verb: str
    text: str
    raw: bytes
    at: float


@value
class DeviceError:
    """The machine refused something; `why` in plain words."""

    code: str
    why: str
    raw: bytes
    at: float


@value
class Garbled:
    """Bytes that are not a message: `raw` (at most the first 64 bytes), `why` in plain words. Counted, never acted on.

    `refused`: the machine is told so, and drops its own copy: `raw` is all of it and is to be kept. With a `token` it
    is told only after that is durable. `reader`: which of several behind one channel.
    """

    raw: bytes
    why: str
    at: float
    token: Token | None = None
    refused: bool = False
    reader: str = ""


@value
class Trigger:
    """Open (`on`) or close a scanner's reading gate."""

    on: bool


Command: TypeAlias = Destination | Request | SetTime | Lamp | Trigger | HandAnswer


@value
class Answered:
    """The machine's answer to the command that `send` numbered `id`: `refusal` None = taken, else its code."""

    id: int
    refusal: str | None
    at: float


@value
class GivenUp:
    """A command that will never be sent (again): it expired, was overtaken, or its session ended before an answer.

    `sent`: it has left, and the machine answers no command of its kind: as much is known as ever will be.
    """

    id: int
    why: str
    at: float
    sent: bool = False


Item: TypeAlias = (
    Read
    | NoRead
    | Heartbeat
    | Reply
    | CommandSeen
    | EventSeen
    | DeviceError
    | Garbled
    | Sized
    | Passage
    | Condition
    | Inducted
    | Arrived
    | Codes
    | Measured
    | Passed
    | Discharged
    | Recirculated
    | TrackLost
    | Ghost
    | HandedOver
    | Status
    | Button
    | ContainerSeen
    | Overflow
    | SessionBegun
    | Tracks
    | Synchronised
    | SessionLost
    | Lagging
    | Speed
    | Answered
    | GivenUp
)


@value
class Kept:
    """What the journal holds for a channel, given to `Driver.opened`.

    `epoch`, `evt` = the machine's last durable event (0, 0: none); `boot` = this controller's epoch towards machines,
    1..65535; `term` = the fencing number of the site; `utc_ms` = UTC at the opening.
    """

    epoch: int = 0
    evt: int = 0
    boot: int = 1
    term: int = 1
    utc_ms: float = 0.0


@dataclass(slots=True)
class Counters:
    """What a driver counts, by reason; read by status, never reset while the process lives."""

    frames: int = 0
    garbled: dict[str, int] = field(default_factory=dict)
    noted: dict[str, int] = field(default_factory=dict)

    def note(self, what: str) -> None:
        """Count one occurrence of something that is legal but worth seeing (a repeat, an old answer, …)."""
        self.noted[what] = self.noted.get(what, 0) + 1

    def bad(self, why: str) -> None:
        """Count one garbled frame by its reason."""
        self.garbled[why] = self.garbled.get(why, 0) + 1
