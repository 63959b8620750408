"""The arithmetic of a floor in plain numbers, for the top of its file."""

from __future__ import annotations

from collections.abc import Sequence

from firmware_stubs.floors._sorter import Sorter
from firmware_stubs.floors._sorting import Destination
from firmware_stubs.floors._toml import Place


def figures(sorter: Sorter, sorted_: Sequence[Destination]) -> list[tuple[str, str]]:
    """Rows of (what, how much) of one sorter."""
    metres, speed = sorter.length_mm / 1000, sorter.speed_mm_s / 1000
    per_s = sorter.parcels_per_hour / 3600
    found = [("comes", f"{sorter.parcels_per_hour:,} parcels/h = {per_s:.3g}/s")]
    if len(sorter.inductions) > 1:
        found.append(("inductions", f"{len(sorter.inductions)}, each {per_s / len(sorter.inductions):.3g}/s"))
    if sorter.carriers:
        pitch, lap = metres / sorter.carriers, metres / speed
        most = sorter.carriers / lap * 3600
        found.append(("loop", f"{metres:g} m at {speed:g} m/s: a lap is {lap:g} s"))
        found.append(("carriers", f"{sorter.carriers}, pitch {pitch:.3g} m: {most:,.0f} pass an hour"))
        found.append(("filled", f"{sorter.parcels_per_hour / most:.0%} of the carriers, when each parcel takes one"))
    else:
        found.append(("belt", f"{metres:g} m at {speed:g} m/s: {metres / speed:.3g} s from end to end"))
        found.append(("spacing", f"{sorter.speed_mm_s / per_s:,.0f} mm from front to front on average"))
        found.append(("gap", f"at least {sorter.gap_mm} mm"))
    ahead = sorter.first_mm - sorter.decides_mm
    found.append(("decision", f"{ahead / 1000:g} m before the first gate = {ahead / sorter.speed_mm_s:.3g} s"))
    busiest = max(sorted_, key=lambda one: one.share)
    share = busiest.share / sum(one.share for one in sorted_)
    each = f"{sorter.parcels_per_hour / sorter.chutes:,.0f}/h each on average"
    found.append(("chutes", f"{sorter.chutes}, {each}, {busiest.name} {share * sorter.parcels_per_hour:,.0f}/h"))
    return found


def starting(files: str, place: Place) -> list[str]:
    """How it is run."""
    floor = files.split()[0]
    return [
        f"Links are in {place.folder}; the broker is {place.broker}. In that folder, each in a terminal of its own:",
        f"  floord check {floor} && floord run {floor}",
        f"  floorsim run {files}",
        f"  floord status --floor {floor}; floord tail --floor {floor} --since 1",
    ]
