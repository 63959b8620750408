"""What comes into the floor: what a device said, what the centre said, and the passing of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from controller.advice import Advice, CustomsHead, CustomsRecord
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
class CameBack:
    """What became of a DEST. `refusal` None: taken; `EXPIRED`: never (again) sent; else the PLC's code."""

    device: str
    travel: str
    decision: int
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Input: TypeAlias = Heard | Connection | Advised | Told | Reached | CameBack | Tick
