"""What a sort plan's file must be beyond its single tables: lanes that exist, and lanes for every destination.

Every problem is noted on the sheet; what can be read is read on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TypeAlias

from controller import closure
from controller.closure import Layout
from controller.sheet import Sheet
from controller.toml_lines import KeyPath
from controller.wording import guess, shown

Waves: TypeAlias = dict[str, dict[str, tuple[str, ...]]]
"""wave -> destination -> lanes in order"""
Shares: TypeAlias = dict[str, dict[str, dict[str, int]]]
"""wave -> destination -> share of those lanes that have one"""

MOST_SHARE = 999


def waves(sheet: Sheet) -> tuple[Waves, Shares]:
    """The chute maps, as far as they can be read."""
    if "waves" not in sheet.data and ("waves",) not in sheet.broken:
        sheet.report(("waves",), "missing", "write [waves.ID] with the lanes of each destination")
    lanes: Waves = {}
    shares: Shares = {}
    for wave, raw in sheet.table(("waves",), sheet.data.get("waves", {})).items():
        lanes[wave], shares[wave] = {}, {}
        for target, entries in sheet.table(("waves", wave), raw).items():
            if isinstance(entries, list) and all(isinstance(entry, str) for entry in entries):
                lanes[wave][target], shares[wave][target] = _chutes(sheet, ("waves", wave, target), entries)
            else:
                sheet.report(("waves", wave, target), "must be a list of lanes", 'write ["LANE", …]')
    return lanes, shares


def _chutes(sheet: Sheet, at: KeyPath, entries: list[str]) -> tuple[tuple[str, ...], dict[str, int]]:
    """The lanes of `["A:3", "B:1"]` and their shares."""
    lanes: list[str] = []
    shares: dict[str, int] = {}
    for entry in entries:
        lane, colon, share = entry.partition(":")
        lanes.append(lane)
        if not colon:
            continue
        if lane in shares:
            sheet.report(at, f"{shown(lane)} has two shares", "write the lane once, with their sum")
        elif re.fullmatch("[0-9]{1,3}", share, re.ASCII) and int(share):
            shares[lane] = int(share)
        else:
            sheet.report(at, f"{shown(entry)} has no share", f'write "{lane}:N" with N from 1 to {MOST_SHARE}')
    return tuple(lanes), shares


def lanes_exist(sheet: Sheet, waves: Waves, known: Collection[str]) -> None:
    """The chute maps name lanes of the floor."""
    for wave, chutes in waves.items():
        for target, found in chutes.items():
            for lane in found:
                if lane not in known:
                    sheet.report(("waves", wave, target), f"no lane {lane!r}", guess(lane, known, "lanes"))


def targets_have_lanes(sheet: Sheet, wave: str, waves: Waves, *, has_lines: bool) -> None:
    """The wave in force exists and has lanes for every destination that a rule or a special case gives; a node that
    `has_lines` no, with handhelds and portals only, tells destinations and needs no lanes."""
    if wave not in waves:
        if ("waves",) not in sheet.broken:
            sheet.report(("wave",), f"no wave {wave!r}", guess(wave, waves, "waves"))
        return
    if not has_lines:
        return
    known = {target for chutes in waves.values() for target in chutes}
    for at, target in _used(sheet):
        if target not in known:
            sheet.report(at, f"unknown destination {target!r}", guess(target, known, "destinations"))
        elif not waves[wave].get(target) and ("waves", wave, target) not in sheet.broken:
            sheet.report(
                at,
                f"{target} has no lanes in wave {wave}, which is in force",
                f'write {target} = ["LANE"] in [waves.{wave}]',
            )


def closed(sheet: Sheet, layout: Layout, waves: Mapping[str, Mapping[str, tuple[str, ...]]]) -> None:
    """No wave sends what has no release to a lane without supervision."""
    special = sheet.data.get("special")
    named = special.items() if isinstance(special, dict) else ()
    targets = {use: target for use, target in named if isinstance(target, str)}
    for way in closure.still_open(layout, closure.by_plan(layout, targets, waves)):
        sheet.report(
            way.at,
            f"{way.lane} is not supervised, but {way.path}: an item without a customs release can get there",
            way.otherwise,
        )


def _used(sheet: Sheet) -> list[tuple[KeyPath, str]]:
    """Every place that names a destination."""
    rules, special = sheet.data.get("rule"), sheet.data.get("special")
    used: list[tuple[KeyPath, object]] = []
    for number, rule in enumerate(rules if isinstance(rules, list) else ()):
        if isinstance(rule, dict):
            also = rule.get("also")
            used.append((("rule", number, "destination"), rule.get("destination")))
            used += [
                (("rule", number, "also", place), target)
                for place, target in enumerate(also if isinstance(also, list) else ())
            ]
    if isinstance(special, dict):
        used += [(("special", use), special.get(use)) for use in closure.UNRELEASED]
    return [(at, target) for at, target in used if isinstance(target, str)]
