"""Whose parcel is it: from all the results of a travel to one identity, or to the reason why there is none.

All reads are kept. Codes that resolve to one parcel agree, whatever else stands on the parcel: cross-border parcels
carry several valid codes. Nothing is guessed: when two answers are possible the outcome says which kind of doubt it is,
and the parcel goes where parcels without identity go.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from controller.advice import Advice, Look

Outcome = Literal[
    "READ",
    "NO_READ",
    "CONFLICT",
    "MULTI",
    "DUPLICATE_LIVE",
    "UNKNOWN_CODE",
    "BAD_CHECK",
    "AMBIGUOUS",
    "SCANNER_DOWN",
    "SCANNER_LATE",
]


@dataclass(frozen=True, slots=True)
class Result:
    """One result of a reader for one item. `code` None: the reader says why in `outcome`."""

    reader: str
    outcome: Literal["READ", "NO_READ", "AMBIGUOUS", "BAD_CHECK", "SCANNER_DOWN"]
    code: str | None
    at: float
    symbology: str = ""
    source: str = "tunnel"
    index: int | None = None
    encoder: int | None = None
    dated: bool = True
    """`at` is when the item was seen; else somebody told it then, perhaps from an older picture"""


@dataclass(frozen=True, slots=True)
class Identity:
    """The parcel a travel carries, or why none; `why` in words for the trace."""

    outcome: Outcome
    advice: Advice | None
    why: str
    source: str = ""

    @property
    def parcel(self) -> str | None:
        """The parcel's id as its advice names it."""
        return self.advice.parcel if self.advice else None


def identify(results: Iterable[Result], look: Look, *, suspect: bool, silent: Outcome) -> Identity:
    """Settle the identity from all results of a travel.

    `suspect`: a result close by is missing or nobody's, this one may be another item's: nothing is taken from it.
    `silent`: the outcome when no reader said anything at all (SCANNER_DOWN, SCANNER_LATE).
    """
    results = list(results)
    codes = list(dict.fromkeys(result.code for result in results if result.code is not None))
    if not codes:
        outcome = results[0].outcome if results else silent
        return Identity(outcome, None, _WITHOUT[outcome])
    source = next(result.source for result in results if result.code is not None)
    if suspect:
        return Identity(
            "AMBIGUOUS", None, "beside it a result is missing or nobody's: this one may be another item's", source
        )
    found = {code: look(code) for code in codes}
    parcels = {advice.parcel: advice for advices in found.values() for advice in advices}
    if len(parcels) > 1:
        return Identity("CONFLICT", None, f"codes of {len(parcels)} parcels: {', '.join(sorted(parcels))}", source)
    if not parcels:
        if len(codes) > 1:
            return Identity("MULTI", None, f"{len(codes)} codes, none of them advised", source)
        return Identity("UNKNOWN_CODE", None, "the code is not advised", source)
    mixed = {result.reader for result in results if result.outcome == "NO_READ"} & {r.reader for r in results if r.code}
    if mixed:
        return Identity("AMBIGUOUS", None, f"{min(mixed)} gave both a code and a no-read: two items", source)
    (advice,) = parcels.values()
    return Identity("READ", advice, f"{len(codes)} code{'s' if len(codes) > 1 else ''} of {advice.parcel}", source)


_WITHOUT: dict[str, str] = {
    "NO_READ": "the reader found no code",
    "BAD_CHECK": "a code was read whose check digit is wrong",
    "AMBIGUOUS": "a read could belong to two items",
    "SCANNER_DOWN": "no reader was connected when it passed",
    "SCANNER_LATE": "the reader said nothing in time",
}
