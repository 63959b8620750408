"""`@value`: a frozen dataclass whose freezing costs nothing.

The type checker refuses every assignment to a field, as with `dataclass(frozen=True)`, and `make check` is part of each
change. At run time nothing checks again: there `frozen` sets each field through `object.__setattr__`, which makes a
value of ten fields six times as dear, and the daemon makes some sixty of them for each parcel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """A dataclass with slots, equality and hash by its fields, which are never assigned again."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
