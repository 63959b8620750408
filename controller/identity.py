"""Whose parcel is it: from all the results of a travel to one identity, or to the reason why there is none.

All reads are kept. Codes that resolve to one parcel agree, whatever else stands on the parcel: cross-border parcels
carry several valid codes. A code that the site lets identify nobody (identity_rules.py) is kept and not looked up.
Advice is looked up under the code as it was read, and where that finds nothing under the other forms of its number.
Nothing is guessed: when two answers are possible the outcome says which kind of doubt it is, and the parcel goes where
parcels without identity go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from controller.advice import Advice, Look
from controller.identity_rules import Rules
from controller.wording import counted
from devices.value import value

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


@value
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


@value
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


def identify(results: Iterable[Result], look: Look, rules: Rules, *, suspect: bool, silent: Outcome) -> Identity:
    """Settle the identity from all results of a travel.

    `suspect`: a result close by is missing or nobody's, this one may be another item's: nothing is taken from it.
    `silent`: the outcome when no reader said anything at all (SCANNER_DOWN, SCANNER_LATE).
    """
    results = list(results)
    read = _codes(results)
    if not read:
        outcome = results[0].outcome if results else silent
        return Identity(outcome, None, _WITHOUT[outcome])
    judged = {code: rules.texts(code, symbology) for code, symbology in read.items()}
    codes = {code: texts for code, texts in judged.items() if texts}
    source = next(result.source for result in results if result.code in (codes or read))
    if suspect:
        return Identity(
            "AMBIGUOUS", None, "beside it a result is missing or nobody's: this one may be another item's", source
        )
    if not codes:
        return Identity("NO_READ", None, f"{counted(len(read), 'code')}, none that may identify a parcel here", source)
    parcels = {advice.parcel: advice for texts in codes.values() for advice in _found(texts, look)}
    if len(parcels) > 1:
        return Identity("CONFLICT", None, f"codes of {len(parcels)} parcels: {', '.join(sorted(parcels))}", source)
    if not parcels:
        return _unknown({code: read[code] for code in codes}, rules, source)
    mixed = {result.reader for result in results if result.outcome == "NO_READ"} & {r.reader for r in results if r.code}
    if mixed:
        return Identity("AMBIGUOUS", None, f"{min(mixed)} gave both a code and a no-read: two items", source)
    (advice,) = parcels.values()
    return Identity("READ", advice, f"{counted(len(codes), 'code')} of {advice.parcel}", source)


def texts(results: Iterable[Result], rules: Rules) -> Iterator[str]:
    """Everything under which `identify` may look for advice."""
    return (text for code, symbology in _codes(results).items() for text in rules.texts(code, symbology))


def worth_asking(results: Iterable[Result], rules: Rules) -> list[str]:
    """The codes that the centre may know a parcel for."""
    codes = _codes(results).items()
    return [code for code, aim in codes if rules.texts(code, aim) and not rules.is_bad(code, aim)]


def _codes(results: Iterable[Result]) -> dict[str, str]:
    """Each code that was read, with its symbology as far as one of its readers said it."""
    codes: dict[str, str] = {}
    for result in results:
        if result.code is not None:
            codes[result.code] = codes.get(result.code) or result.symbology
    return codes


def _found(texts: tuple[str, ...], look: Look) -> tuple[Advice, ...]:
    """Advice that names the code as it was read, else all that names another form of it."""
    own, *others = texts
    return look(own) or tuple(advice for text in others for advice in look(text))


def _unknown(codes: dict[str, str], rules: Rules, source: str) -> Identity:
    """No advice names any of them. Misreads count only where there is nothing else."""
    good = [code for code, symbology in codes.items() if not rules.is_bad(code, symbology)]
    if not good:
        return Identity("BAD_CHECK", None, _WITHOUT["BAD_CHECK"], source)
    if len(good) > 1:
        return Identity("MULTI", None, f"{len(good)} codes, none of them advised", source)
    return Identity("UNKNOWN_CODE", None, "the code is not advised", source)


_WITHOUT: dict[str, str] = {
    "NO_READ": "the reader found no code",
    "BAD_CHECK": "a code was read whose check digit is wrong",
    "AMBIGUOUS": "a read could belong to two items",
    "SCANNER_DOWN": "no reader was connected when it passed",
    "SCANNER_LATE": "the reader said nothing in time",
}
