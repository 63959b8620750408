"""What comes into the floor: what a device said, what the centre said, and the passing of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from controller.advice import Advice, ContainerRecord, CustomsHead, CustomsRecord, Departure
from controller.orders import Order
from controller.plan import Plan
from devices.types import Item


@dataclass(frozen=True, slots=True)
class Heard:
    """A device said something."""

    device: str
    item: Item


@dataclass(frozen=True, slots=True)
class Connection:
    """The link of a device came up or went down."""

    device: str
    up: bool


@dataclass(frozen=True, slots=True)
class Advised:
    """Advice was stored (it is found by `look` from now on)."""

    advice: tuple[Advice, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """Customs: a record or the feed's head."""

    message: CustomsRecord | CustomsHead


@dataclass(frozen=True, slots=True)
class Reached:
    """The broker was (re)connected at this UTC."""

    utc_ms: float


@dataclass(frozen=True, slots=True)
class Parted:
    """The broker is gone: nothing is asked."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The journal's disk has room for what is inducted, or not any more."""

    room: bool


@dataclass(frozen=True, slots=True)
class Clock:
    """UTC now, for cut-offs, promises, plan switches and the expiry of commands. Never goes back."""

    utc_ms: float


@dataclass(frozen=True, slots=True)
class Replied:
    """The centre's answer to an `ask`: it knows the code (its advice is stored), or it does not."""

    code: str
    known: bool


@dataclass(frozen=True, slots=True)
class Planned:
    """Departures, as the centre says."""

    departures: tuple[Departure, ...]


@dataclass(frozen=True, slots=True)
class Stood:
    """Containers at lanes, as the centre says."""

    containers: tuple[ContainerRecord, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A sort plan of the centre that was found valid; its text is what is kept."""

    plan: Plan
    text: str


@dataclass(frozen=True, slots=True)
class Ordered:
    """A command of the centre, with its expiry judged by the receiver. `retained`: it came so, and is refused."""

    order: Order
    retained: bool = False


@dataclass(frozen=True, slots=True)
class CameBack:
    """What became of a command with a `ref` (`travel` and `decision` of a DEST).

    `refusal` None: taken; `EXPIRED`: never (again) sent; else the PLC's code.
    """

    device: str
    travel: str
    decision: int
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Input: TypeAlias = (
    Heard
    | Connection
    | Advised
    | Told
    | Reached
    | Parted
    | Stored
    | Clock
    | Replied
    | Planned
    | Stood
    | Loaded
    | Ordered
    | CameBack
    | Tick
)
