"""The table [identity] of the floor file; identity_rules.py makes the rules of it."""

from __future__ import annotations

import re
from typing import Annotated, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from controller.wording import guess, shown
from devices.barcodes import NAMES

OTHER = "other"
"""Beside the names of schemes: a code that has the shape of none."""


def check_scheme(name: str) -> str:
    """`name`, or ValueError in the form `what is wrong; what to write`."""
    known = (*NAMES, OTHER)
    if name not in known and not re.fullmatch("gs1:[0-9]{2,4}", name):
        gs1 = "write gs1: and an application identifier of 2 to 4 digits"
        raise ValueError(f"{shown(name)} is no scheme; {gs1 if name[:4] == 'gs1:' else guess(name, known, 'schemes')}")
    return name


SchemeName: TypeAlias = Annotated[str, AfterValidator(check_scheme)]
CodeText: TypeAlias = Annotated[str, Field(min_length=1, max_length=256)]


class IdentitySection(BaseModel):
    """Which codes identify a parcel. `schemes`: only these may, empty = all; `never_schemes`, `never` (whole codes) and
    `never_prefixes` never do. `gs1:01` = GS1 with this application identifier, `other` = a code of no known scheme.
    `bad_check`: a code that is not advised and whose checks all fail is a misread, not a code nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    schemes: tuple[SchemeName, ...] = Field((), max_length=100)
    never_schemes: tuple[SchemeName, ...] = Field((), max_length=100)
    never: tuple[CodeText, ...] = Field((), max_length=10_000)
    never_prefixes: tuple[CodeText, ...] = Field((), max_length=100)
    bad_check: bool = False

    @model_validator(mode="after")
    def _apart(self) -> Self:
        for name in self.schemes:
            if name in self.never_schemes:
                raise ValueError(f"never_schemes: {shown(name)} stands in schemes, too; take it out of one of them")
        return self
