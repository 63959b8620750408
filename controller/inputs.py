"""What comes into the floor: what a device said, what the centre said, and the passing of time."""

from __future__ import annotations

from typing import TypeAlias

from controller.advice import Advice, ContainerRecord, CustomsHead, CustomsRecord, Departure
from controller.orders import Order
from controller.plan import Plan
from devices.types import Item
from devices.value import value


@value
class Heard:
    """A device said something."""

    device: str
    item: Item


@value
class Connection:
    """The link of a device came up or went down."""

    device: str
    up: bool


@value
class Advised:
    """Advice was stored (it is found by `look` from now on)."""

    advice: tuple[Advice, ...]


@value
class Told:
    """Customs: a record or the feed's head."""

    message: CustomsRecord | CustomsHead


@value
class Reached:
    """The broker was (re)connected at this UTC."""

    utc_ms: float


@value
class Parted:
    """The broker is gone: nothing is asked."""


@value
class Stored:
    """The journal's disk has room for what is inducted, or not any more."""

    room: bool


@value
class Clock:
    """UTC now, for cut-offs, promises, plan switches and the expiry of commands. Never goes back."""

    utc_ms: float


@value
class Replied:
    """The centre's answer to an `ask`: it knows the code (its advice is stored), or it does not."""

    code: str
    known: bool


@value
class Planned:
    """Departures, as the centre says."""

    departures: tuple[Departure, ...]


@value
class Stood:
    """Containers at lanes, as the centre says."""

    containers: tuple[ContainerRecord, ...]


@value
class Loaded:
    """A sort plan of the centre that was found valid; its text is what is kept."""

    plan: Plan
    text: str


@value
class Ordered:
    """A command of the centre, with its expiry judged by the receiver. `retained`: it came so, and is refused."""

    order: Order
    retained: bool = False


@value
class CameBack:
    """What became of a command with a `ref` (`travel` and `decision` of a DEST).

    `refusal` None: taken; `EXPIRED`: never (again) sent; else the PLC's code.
    """

    device: str
    travel: str
    decision: int
    refusal: str | None


@value
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
