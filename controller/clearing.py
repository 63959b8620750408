"""Customs on the floor: what a record changes for the parcels on the belts and for those in unsupervised lanes.

A record comes from the feed, or is made here by the command `hold` or `release` under the scheme `local` with the
site's id as its authority. Both go the same way.
"""

from __future__ import annotations

from controller import deciding, ending
from controller.advice import CustomsRecord, Look
from controller.customs import Key, Subject
from controller.floor_state import FloorState

LOCAL = "local"


def told(floor: FloorState, record: CustomsRecord, now: float, look: Look) -> None:
    """Take a record; it is kept, and whom it concerns is decided again or recalled."""
    before = floor.book.records.get(record.key)
    news = floor.book.take(record, now)
    standing = floor.book.records.get(record.key)
    if standing is not None and standing is not before:
        floor.keep("customs", kept_as(record.key), standing)
    if record.feed is not None:
        floor.keep("feed", "position", floor.book.position)
        floor.keep("feed", "ahead", sorted(floor.book.ahead) or None)
    if news:
        subject = (record.subject_kind, record.subject_id)
        for line, travel in floor.named((subject, record.subject_id)):
            if travel.parcel is not None and _concerns(subject, travel.parcel, look):
                deciding.consider(floor, line, travel, now, look)
        for travel_id in sorted(floor.drops_by_subject.get(subject, ())):
            ending.check_drop(floor, floor.drops[travel_id], now, look)
    for key in floor.book.forget(_Needed(floor, look)):
        floor.keep("customs", kept_as(key), None)


def _concerns(subject: Subject, parcel: str, look: Look) -> bool:
    """Whether a record speaks of a parcel or of what it belongs to. No parcel belongs to another one."""
    kind, name = subject
    return parcel == name if kind == "parcel" else any(subject in advice.subjects for advice in look(parcel))


def hold(floor: FloorState, subject: Subject, why: str, now: float, look: Look) -> str | None:
    """Hold a subject by the site's own authority; returns why that cannot be."""
    told(floor, _local(floor, subject, "hold", why), now, look)
    return None if _key(floor, subject) in floor.book.records else "too many customs records are in force already"


def release(floor: FloorState, subject: Subject, why: str, now: float, look: Look) -> str | None:
    """Lift the site's own hold, and nobody else's; returns why that cannot be."""
    known = floor.book.records.get(_key(floor, subject))
    if known is None or known.status == "release":
        return f"there is no local hold on {subject[0]} {subject[1]}"
    told(floor, _local(floor, subject, "release", why), now, look)
    return None


def kept_as(key: Key) -> str:
    """The name of a record in the journal: another one for each key, whatever its parts contain."""
    return "|".join(part.replace("%", "%25").replace("|", "%7C") for part in key)


def _key(floor: FloorState, subject: Subject) -> Key:
    return LOCAL, floor.config.site, *subject


def _local(floor: FloorState, subject: Subject, status: str, why: str) -> CustomsRecord:
    known = floor.book.records.get(_key(floor, subject))
    scheme, authority, kind, name = _key(floor, subject)
    return CustomsRecord.model_validate(
        {
            "scheme": scheme,
            "authority": authority,
            "subject_kind": kind,
            "subject_id": name,
            "sequence": known.sequence + 1 if known else 1,
            "status": status,
            "raw": why,
        }
    )


class _Needed:
    """The subjects of what is on the belts and of what can be recalled; the former are looked up when first asked."""

    def __init__(self, floor: FloorState, look: Look) -> None:
        self._floor, self._look = floor, look
        self._on_belts: set[Subject] | None = None

    def __contains__(self, subject: object) -> bool:
        if self._on_belts is None:
            parcels = dict.fromkeys(travel.parcel for _, travel in self._floor.travels() if travel.parcel is not None)
            self._on_belts = {one for parcel in parcels for advice in self._look(parcel) for one in advice.subjects}
        return subject in self._on_belts or subject in self._floor.drops_by_subject
