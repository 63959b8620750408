"""The rules of a sort plan: the first that fits gives the destination.

So that ten thousand rules cost no more than ten, they are indexed by what they ask for: rules of one shape (country or
not, so many characters of postcode, flow or not, product or not) lie in one dictionary, a parcel makes one key for each
shape, and of what it finds the lowest number is the first rule that fits. Plans have a handful of shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict, StringConstraints

Code: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Text: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Shape: TypeAlias = tuple[bool, int, bool, bool]
Key: TypeAlias = tuple[str | None, str, str | None, str | None]


class Advised(Protocol):
    """What the rules ask about a parcel; None = not known, which fits no condition."""

    @property
    def country(self) -> str | None:
        """ISO 3166 code of the country it goes to."""

    @property
    def postcode(self) -> str | None:
        """Postcode it goes to."""

    @property
    def flow(self) -> str | None:
        """import, export or transit."""

    @property
    def product(self) -> str | None:
        """The service that was sold."""


class Part(BaseModel):
    """A part of the plan's file; a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(Part):
    """Conditions, all of which must fit, and the destination. Spaces and case of postcodes do not count.

    `also`: further destinations that these parcels may go to, in order, when the promise or fullness asks for it.
    """

    destination: Code
    also: tuple[Code, ...] = ()
    country: Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")] | None = None
    postcode: Text | None = None
    flow: Literal["import", "export", "transit"] | None = None
    product: Text | None = None

    @property
    def key(self) -> Key:
        """Its place in the index."""
        return self.country, _plain(self.postcode), self.flow, self.product

    @property
    def label(self) -> str:
        """Its conditions in short, e.g. `DE 1*`."""
        parts = (self.country, f"{_plain(self.postcode)}*" if self.postcode else None, self.flow, self.product)
        return " ".join(filter(None, parts)) or "everything"


class Index:
    """The rules, findable by what they ask for."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._first: dict[Key, int] = {}
        """key -> number of the first rule with it"""
        self._shapes: set[Shape] = set()
        for number, rule in enumerate(rules, 1):
            country, postcode, flow, product = rule.key
            self._first.setdefault(rule.key, number)
            self._shapes.add((country is not None, len(postcode), flow is not None, product is not None))

    def first(self, advice: Advised) -> int | None:
        """Number of the first rule that fits, from 1; None when none does."""
        country, flow, product = advice.country, advice.flow, advice.product
        postcode = _plain(advice.postcode)
        first: int | None = None
        for by_country, digits, by_flow, by_product in self._shapes:
            # What is not known makes the key of a rule that does not ask for it: that one fits, too.
            key = (
                country if by_country else None,
                postcode[:digits],
                flow if by_flow else None,
                product if by_product else None,
            )
            number = self._first.get(key)
            if number is not None and (first is None or number < first):
                first = number
        return first


def _plain(postcode: str | None) -> str:
    return "".join(postcode.split()).upper() if postcode else ""
