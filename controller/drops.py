"""Parcels that lie in unsupervised lanes: what a later hold must be able to recall."""

from __future__ import annotations

from dataclasses import dataclass

from controller.customs import Subject

DROPS_KEPT = 100_000
"""Beyond so many the oldest is forgotten."""


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
    emptied: bool = False
    """its container left and is used again since: it is no longer in it"""
