"""What entries of the ledger have, taken from what a belt or a stub told; time and place are added by the cell."""

from __future__ import annotations

from typing import Any

from firmware_stubs.rides import Ride
from firmware_stubs.stub import Taken, Verdict


def dest(taken: Taken, parcel: str | None) -> dict[str, Any]:
    """A DEST that a PLC judged."""
    return {
        "epoch": taken.epoch,
        "track": taken.track,
        "parcel": parcel,
        "decision": taken.decision,
        "reason": taken.reason,
        "lanes": list(taken.lanes),
        "if_none": taken.if_none,
        "no_default": taken.no_default,
        "refusal": taken.refusal,
    }


def told(reader: str, one: Verdict) -> dict[str, Any]:
    """What a terminal said to a hand."""
    code, whose = one.code.decode("latin-1"), {"reader": reader, "device": one.device}
    return {**whose, "code": code, "verdict": one.verdict, "words": one.words, "local": one.local}


def came_on(ride: Ride, point: str, carriers: list[int], utc_ms: float) -> dict[str, Any]:
    """A parcel came onto a belt, from an induction or (`ride.came`) from another line."""
    parcel, came = ride.parcel, ride.came
    fields: dict[str, Any] = {"parcel": parcel.parcel, "point": point, "epoch": ride.epoch, "track": ride.track}
    if carriers:
        fields["carriers"] = carriers
    if ride.leader:
        fields["touches"] = ride.leader.parcel.parcel
    if came:
        origin = {"lane": came.lane, "from_line": came.from_line}
        return fields | origin | {"from_epoch": came.epoch, "from_track": came.track}
    codes = [code.decode("latin-1") for code in parcel.codes]
    return fields | {"utc_ms": round(utc_ms), "codes": codes, "length_mm": parcel.length_mm}
