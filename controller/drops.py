"""Parcels that lie in unsupervised lanes: what a later hold must be able to recall, and what may not leave them."""

from __future__ import annotations

from dataclasses import dataclass

from controller.advice import Look
from controller.customs import Book, Subject

DROPS_KEPT = 100_000
"""Beyond so many the oldest that may leave is forgotten."""


@dataclass(slots=True)
class Drop:
    """One piece in a lane, by its travel. `at` = monotonic ms of the drop, None: in an earlier boot of the machine."""

    parcel: str
    travel: str
    visit: str
    line: str
    lane: str
    ordinal: int
    at: float | None
    subjects: tuple[Subject, ...]
    container: str | None = None
    recalled: bool = False
    unsure: bool = False
    """nobody can say for sure which parcel it is: no record frees it, only who finds it"""
    emptied: bool = False
    """its container left and is used again since: it is no longer in it"""

    @property
    def stays(self) -> bool:
        """It has to be found before what it lies in may leave."""
        return self.recalled or self.unsure


def held(drop: Drop, book: Book, look: Look) -> str | None:
    """The customs status for which it may not leave its lane; None: it may."""
    advice = next((one for one in look(drop.parcel) if one.parcel == drop.parcel), None)
    if advice is None or drop.unsure:
        return "unknown"
    verdict = book.latched(advice)
    return None if verdict.released and not drop.recalled else verdict.status
