"""Values that cost little to make.

A frozen dataclass pays for each field that is set that nobody may set it; of what a step makes by the dozen that was a
tenth of the step. The type checker forbids it just as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

Made = TypeVar("Made")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[Made]) -> type[Made]:
    """A dataclass with slots that is frozen for the type checker alone; it has no hash."""
    return dataclass(slots=True)(cls)
