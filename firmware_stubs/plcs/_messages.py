"""What a channel and its encoding say to each other: messages as fields, without a wire.

Fields are named as in PLC interface v1 §5, without units, in every encoding; a code is bytes, none an empty text or 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from firmware_stubs.plcs._events import Numbers

Fields = Mapping[str, Any]
SEQUENCES = Numbers(9999)
P = TypeVar("P")  # what the encoding hands to its wire: one piece a message


class FieldError(ValueError):
    """A field of a body is missing or is not what its place says: answered with FORM."""


class Heard(NamedTuple):
    """A message of the controller whose frame is sound; nothing else of it is judged yet."""

    type: str
    flag: str
    epoch: int
    sequence: int
    understood: bool  # its version is known, and this PLC knows such messages
    read: Callable[[], Fields]  # its fields by type and flag, none of a type that is not known; raises FieldError
    session: int = 0  # 0 where the encoding has none
    sender: str = ""


class Codec(Protocol[P]):
    """Builds what the PLC says."""

    def request(self, kind: str, epoch: int, sequence: int, session: int, fields: Fields) -> P:
        """A request; numbers too large for their place are sent as the largest, a missing field as none."""

    def answer(self, request: Heard, code: str | None) -> P:
        """`A`, or `N` with this code."""

    def wire_ms(self, pieces: Sequence[P]) -> float:
        """How long these are on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """In what the channels of the encodings differ."""

    repeat_ms: float
    trak_most: int = 12
    sequences: Numbers = SEQUENCES
    has_sessions: bool = False  # every message names its session
