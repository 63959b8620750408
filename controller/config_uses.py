"""What keys of a floor file need of each other: loops, ways to match, lanes that lead on, times of day.

As in config_checks.py, a section that could not be read is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from controller import switching
from controller.sheet import Problem
from controller.toml_lines import KeyPath
from controller.wording import closest, dotted, shown, told
from devices.driver import load
from devices.scan_types import PROCESSES

if TYPE_CHECKING:
    from controller.config import Floor
    from controller.sections import Line, Scanner

LOOP_KEYS = ("carriers", "laps_max", "laps_unknown", "load_max")
DIGITS = {"index": "index_digits", "encoder": "encoder_digits"}
"""match -> the setting of the scanner's kind with which its frames say what that needs"""
MATCHING = ("match", "window_mm", "late_mm", "reports_no_read")


def check(floor: Floor) -> None:
    """Run every check."""
    for one in (_only_loops, _loops, _matches, _leads_to, _secure, _processes, _time_zone, _switches):
        one(floor)


def _only_loops(floor: Floor) -> None:
    """What concerns laps stands at loops."""
    for name, line in floor.line.items():
        if line.kind == "loop":
            continue
        for key in LOOP_KEYS:
            if key in line.model_fields_set and getattr(line, key):
                floor.sheet.report(("line", name, key), "only a loop has it", 'take it away, or write kind = "loop"')
        if line.on_late == "next_lap":
            floor.sheet.report(
                ("line", name, "on_late"),
                "cannot be next_lap: only a loop has laps",
                'write "fallback", or leave it out',
            )


def _loops(floor: Floor) -> None:
    """What passes unknown is read again: a loop needs a reader. (A decision point every line needs.)"""
    for name, line in floor.line.items():
        if line.kind != "loop":
            continue
        unread = any(len(getattr(floor, table)) < len(floor.names(table)) for table in ("scanner", "point"))
        points = {point for point, where in floor.point.items() if where.line == name}
        if not unread and not any(scanner.point in points for scanner in floor.scanner.values()):
            floor.sheet.report(
                ("line", name),
                "is a loop without a reader: what comes round unknown stays so",
                f'write [scanner.ID] with a point of line "{name}"',
            )
        if line.carriers and line.load_max > line.carriers:
            floor.sheet.report(
                ("line", name, "load_max"),
                f"{line.load_max} is never reached with {line.carriers} carriers",
                f"write at most {line.carriers}",
            )


def _matches(floor: Floor) -> None:
    """A way to match that the line and the scanner's frames can serve."""
    for name, scanner in floor.scanner.items():
        point = floor.point.get(scanner.point)
        if point is not None and point.line in floor.line and scanner.match in ("time", "carrier"):
            _timely(floor, name, scanner)
        if point is not None and point.kind == "presence":
            _unmatched(floor, name, scanner)
            continue
        if scanner.match == "time" or point is None:
            continue
        at = ("scanner", name, "match")
        line = floor.line.get(point.line or "")
        if line is not None:
            problem = _on(line, str(point.line), scanner.match)
            if problem:
                floor.sheet.report(at, *problem)
        if scanner.settings is not None:
            _said(floor, name, scanner)


def _unmatched(floor: Floor, name: str, scanner: Scanner) -> None:
    """The read itself is the event: there are no items among which one must be found."""
    for key in MATCHING:
        if key in scanner.model_fields_set:
            what = f"{scanner.point} is a presence point: nothing is matched there"
            floor.sheet.report(("scanner", name, key), what, "take it away")


def _on(line: Line, name: str, match: str) -> tuple[str, str] | None:
    if match == "carrier" and not (line.kind == "loop" and line.carriers):
        return (
            f"cannot be carrier: line {name} has none",
            f"write carriers = … at line {name}, a loop, or another match",
        )
    if match == "encoder" and not line.encoder_um:
        return f"cannot be encoder: line {name} says of none", f"write encoder_um = … at line {name}, or another match"
    return None


def _timely(floor: Floor, name: str, scanner: Scanner) -> None:
    """A late result would be given to another item."""
    if scanner.settings is None:
        return
    untimely = getattr(load(scanner.kind), "untimely", None)
    problem = untimely(scanner.settings) if untimely else None
    if problem:
        floor.sheet.report(("scanner", name), *problem)


def _said(floor: Floor, name: str, scanner: Scanner) -> None:
    """The scanner's frames say what its match needs."""
    key = DIGITS.get(scanner.match)
    if key is None:
        return
    digits = getattr(scanner.settings, key, None)
    if digits is None:
        what, instead = f"cannot be {scanner.match}: kind {scanner.kind} does not say it", 'write another, as "time"'
    elif not digits > 0:
        what, instead = f"cannot be {scanner.match} with {key} = {digits}", f"write how many digits: {key} = …"
    else:
        return
    floor.sheet.report(("scanner", name, "match"), what, instead)


def _leads_to(floor: Floor) -> None:
    """A lane that leads to another line is inside the customs-controlled area: nobody asked for a release there."""
    for name, lane in floor.lane.items():
        if lane.leads_to is None:
            continue
        if lane.leads_to == lane.line:
            floor.sheet.report(
                ("lane", name, "leads_to"), f"{name} is a lane of line {lane.line} itself", "write another line"
            )
        if not lane.supervised and ("lane", name, "supervised") not in floor.sheet.broken:
            floor.sheet.report(
                ("lane", name, "supervised"),
                f"false, but {name} leads to line {lane.leads_to}: what left the customs-controlled area cannot go on",
                "write supervised = true, or take leads_to away",
            )


def _secure(floor: Floor) -> None:
    """Everything can get to a default lane, also what was never screened."""
    for name, line in floor.line.items():
        lane = floor.lane.get(line.default_lane)
        if lane is not None and lane.secure:
            floor.sheet.report(
                ("lane", line.default_lane, "secure"),
                f"true, but {line.default_lane} is the default lane of line {name}: an unscreened item can get there",
                "take it away, or choose another default_lane",
            )


def _processes(floor: Floor) -> None:
    """A site may have processes of its own; one that is nearly a usual one is a slip."""
    hands = floor.sheet.data.get("hands")
    named: list[tuple[KeyPath, Iterable[object]]] = [
        (("scanner", name, "offline_accept"), getattr(scanner.settings, "offline_accept", ()))
        for name, scanner in floor.scanner.items()
    ]
    staying = hands.get("staying") if isinstance(hands, dict) else None
    named.append((("hands", "staying"), staying if isinstance(staying, list) else ()))
    for at, processes in named:
        for process in processes:
            meant = closest(process, PROCESSES) if isinstance(process, str) and process not in PROCESSES else None
            if meant:
                what = f"{shown(process)} is none of the usual processes"
                where = (floor.sheet.file, floor.sheet.line(at), dotted(at))
                floor.warnings.append(Problem(*where, what, f"did you mean {meant!r}? One of the site's own is good"))


def _time_zone(floor: Floor) -> None:
    name = floor.sheet.data.get("time_zone")
    if isinstance(name, str):
        try:
            switching.zone(name)
        except ValueError as error:
            floor.sheet.report(("time_zone",), *told(str(error)))


def _switches(floor: Floor) -> None:
    """At one moment one plan is put in force."""
    taken: dict[tuple[str, str], int] = {}
    for number, switch in floor.switch.items():
        for day in switch.days:
            other = taken.setdefault((day, switch.at), number)
            if other != number:
                floor.sheet.report(
                    ("switch", number, "at"),
                    f"{switch.at} on {day} is the moment of switch {other + 1}, too",
                    "write another time, or other days",
                )
                break
