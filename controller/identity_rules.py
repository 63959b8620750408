"""Which codes may identify a parcel at this site, and under which texts its advice is looked up.

A code is judged by its valid candidates, and where none is valid by all it has the shape of: a number whose check digit
was misread is still somebody's number. A code that may be several things identifies a parcel when one of them may.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from controller.identity_section import OTHER, IdentitySection
from devices.barcodes import Candidate, candidates
from devices.barcodes.candidate import split_aim

REMEMBERED = 4096
"""Judgements of codes; every change on the floor asks anew for all that is on the belts."""


@dataclass(frozen=True, slots=True)
class Rules:
    """As `[identity]` of the floor file says; by default every code may identify a parcel."""

    schemes: frozenset[str] = frozenset()
    never_schemes: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    never_prefixes: tuple[str, ...] = ()
    bad_check: bool = False

    def texts(self, code: str, symbology: str = "") -> tuple[str, ...]:
        """Under what advice may name this code: itself, then the other forms of the same number. Empty = it identifies
        no parcel here. `symbology` = its AIM identifier, as far as the reader said it."""
        return _judged(self, code, symbology)[0]

    def is_bad(self, code: str, symbology: str = "") -> bool:
        """Whether it is a misread here: it has the shape of something, and all its checks fail."""
        return self.bad_check and _judged(self, code, symbology)[1]

    @property
    def admit_all(self) -> bool:
        """Whether no scheme is left out."""
        return not self.schemes and not self.never_schemes

    def admits(self, names: frozenset[str]) -> bool:
        """Whether something with these names of schemes may identify a parcel."""
        return not names & self.never_schemes and (not self.schemes or bool(names & self.schemes))


def rules_of(section: IdentitySection) -> Rules:
    """The rules of a floor file."""
    return Rules(
        frozenset(section.schemes),
        frozenset(section.never_schemes),
        frozenset(section.never),
        section.never_prefixes,
        section.bad_check,
    )


def _judge(rules: Rules, code: str, symbology: str) -> tuple[tuple[str, ...], bool]:
    """(texts under which to look, whether all checks fail)."""
    if code in rules.never or code.startswith(rules.never_prefixes):
        return (), False
    whole = symbology + code if symbology and not split_aim(code)[0] and split_aim(f"{symbology}-")[0] else code
    found = candidates(whole)
    valid = [candidate for candidate in found if candidate.valid]
    if not found:
        return ((code,) if rules.admits(frozenset((OTHER,))) else ()), False
    admitted = [candidate for candidate in valid or found if rules.admit_all or rules.admits(_names(candidate))]
    if not admitted:
        return (), False
    ids = (text for candidate in admitted for text in candidate.ids)
    return tuple(dict.fromkeys((code, *ids))), not valid


_judged = lru_cache(REMEMBERED)(_judge)


def _names(candidate: Candidate) -> frozenset[str]:
    """Its scheme; of GS1 also `gs1:` with each application identifier, or with `00` alone: an SSCC is who it is."""
    if candidate.scheme != "gs1":
        return frozenset((candidate.scheme,))
    identifiers = ("00",) if "00" in candidate.parts else tuple(candidate.parts)
    return frozenset(("gs1", *(f"gs1:{identifier}" for identifier in identifiers)))
