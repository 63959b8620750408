"""What a floor file must be beyond its single sections: names that exist, ports used once, and a line that can work.

Names and ports are judged in every section, also in one with another mistake; the rest takes what could be read and
leaves a section alone that could not, for its own problems are said already. Geometry is judged on lines only: on a
loop everything comes round again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller import config_links
from controller.config_links import texts
from controller.toml_lines import KeyPath
from controller.wording import guess

if TYPE_CHECKING:
    from controller.config import Floor
    from controller.sections import Point


def check(floor: Floor) -> None:
    """Run every check."""
    for one in (_names, _points, _ids, _default_lanes, config_links.check, _channels, _lengths, _order, _readers):
        one(floor)


def _names(floor: Floor) -> None:
    """A section that names a line or a point names one that is there."""
    for table, key, there in (
        ("point", "line", "line"),
        ("lane", "line", "line"),
        ("lane", "leads_to", "line"),
        ("plc", "line", "line"),
        ("scanner", "point", "point"),
    ):
        for name, wanted in texts(floor, table, key):
            known = floor.names(there)
            if wanted not in known:
                floor.sheet.report((table, name, key), f"no {there} {wanted!r}", guess(wanted, known, f"{there}s"))


def _points(floor: Floor) -> None:
    """A tracked point lies on a line, a presence point does not."""
    for name, point in floor.point.items():
        if point.kind == "presence":
            _presence(floor, name, point)
            continue
        for key in ("line", "position_mm"):
            if getattr(point, key) is None and ("point", name, key) not in floor.sheet.broken:
                floor.sheet.report(("point", name, key), "missing", f'write {key} = …, or kind = "presence"')


def _presence(floor: Floor, name: str, point: Point) -> None:
    """Nothing of a line is said of a point that lies on none."""
    for key in ("line", "position_mm", "induction", "decision"):
        value = getattr(point, key)
        if value is not None and value is not False and ("point", name, key) not in floor.sheet.broken:
            floor.sheet.report(("point", name, key), "a presence point has none", 'take it away, or kind = "tracked"')


def _ids(floor: Floor) -> None:
    """STAT names lanes and points alike, and the line itself as LINE; topics name scanners and PLCs alike."""
    for first, second in (("point", "lane"), ("scanner", "plc")):
        for name in sorted(set(floor.names(first)) & set(floor.names(second))):
            floor.sheet.report((second, name), f"a {first} has this id too", "give one of them another id")
    for table in ("point", "lane"):
        if "LINE" in floor.names(table):
            floor.sheet.report((table, "LINE"), "LINE means the line itself in telegrams", "give it another id")


def _default_lanes(floor: Floor) -> None:
    for name, default in texts(floor, "line", "default_lane"):
        at, lane = ("line", name, "default_lane"), floor.lane.get(default)
        if default not in floor.names("lane"):
            floor.sheet.report(
                at,
                f"no lane {default!r}",
                guess(default, [lane for _, lane in _gates(floor, name)], f"lanes of line {name}"),
            )
        elif lane is not None and lane.line != name:
            mine = ", ".join([lane for _, lane in _gates(floor, name)]) or "none yet"
            floor.sheet.report(at, f"{default} is a lane of line {lane.line}", f"lanes of line {name} are: {mine}")


def _channels(floor: Floor) -> None:
    """A line has one PLC and at least one decision point."""
    plcs: dict[str, str] = {}
    for name, plc in floor.plc.items():
        if plc.line in plcs:
            floor.sheet.report(
                ("plc", name, "line"), f"line {plc.line} has plc.{plcs[plc.line]} already", "one PLC a line"
            )
        plcs.setdefault(plc.line, name)
    for name in floor.line:
        if name not in plcs and not _unread(floor, "plc"):
            floor.sheet.report(("line", name), "has no PLC", f'write [plc.ID] with line = "{name}"')
        decides = _places(floor, name, "decision")
        if not decides and not _unread(floor, "point"):
            floor.sheet.report(
                ("line", name), "has no decision point", f'write decision = true at a point of line "{name}"'
            )


def _lengths(floor: Floor) -> None:
    for table, sections in (("point", floor.point), ("lane", floor.lane)):
        for name, section in sections.items():
            line = floor.line.get(section.line or "")
            if line is not None and (section.position_mm or 0) > line.length_mm:
                floor.sheet.report(
                    (table, name, "position_mm"),
                    f"{section.position_mm} mm is behind the end of line {section.line}",
                    f"write at most {line.length_mm}, or a greater line.{section.line}.length_mm",
                )


def _order(floor: Floor) -> None:
    """On a line an item passes inductions, decision points and gates in this order."""
    for name in _lines(floor):
        gates = _gates(floor, name)
        decisions = sorted(_places(floor, name, "decision"))
        for position, point in decisions:
            if gates and position >= max(gates)[0]:
                floor.sheet.report(
                    ("point", point, "position_mm"),
                    f"{position} mm is behind the last gate of line {name} ({max(gates)[1]} at {max(gates)[0]} mm)",
                    "a decision point lies before the gates it decides on",
                )
        passed = [f"{lane} at {gate} mm" for gate, lane in sorted(gates) if decisions and gate <= decisions[0][0]]
        if passed and len(passed) < len(gates):
            floor.sheet.report(
                ("point", decisions[0][1], "position_mm"),
                f"{decisions[0][0]} mm is behind {_few(passed)}: nothing can be sent there",
                f"write less than {min(gates)[0]}, or move the gate",
            )
        for position, point in decisions:
            _after_induction(floor, name, point, position, ("point", point, "position_mm"))


def _readers(floor: Floor) -> None:
    """On a line a reader lies between the first induction and the last gate."""
    for reader, scanner in floor.scanner.items():
        point = floor.point.get(scanner.point)
        if point is None or point.position_mm is None or point.line not in _lines(floor):
            continue
        at = ("scanner", reader, "point")
        gates = _gates(floor, point.line)
        if gates and point.position_mm >= max(gates)[0]:
            floor.sheet.report(
                at,
                f"{scanner.point} at {point.position_mm} mm is behind the last gate of line {point.line} "
                f"({max(gates)[1]} at {max(gates)[0]} mm)",
                "a read must come before the gates",
            )
        _after_induction(floor, point.line, scanner.point, point.position_mm, at)


def _after_induction(floor: Floor, line: str, point: str, position: int, at: KeyPath) -> None:
    inductions = _places(floor, line, "induction")
    if inductions and position < min(inductions)[0]:
        first = f"{min(inductions)[1]} at {min(inductions)[0]} mm"
        floor.sheet.report(
            at,
            f"no item passes {point} at {position} mm: it is before the first induction ({first})",
            "move one of them",
        )


def _lines(floor: Floor) -> list[str]:
    """Those lines on which there is a before and a behind."""
    return [name for name, line in floor.line.items() if line.kind == "line"]


def _places(floor: Floor, line: str, what: str) -> list[tuple[int, str]]:
    """(position, id) of the line's points with `induction` or `decision`."""
    return [
        (point.position_mm, name)
        for name, point in floor.point.items()
        if point.line == line and point.position_mm is not None and getattr(point, what)
    ]


def _gates(floor: Floor, line: str) -> list[tuple[int, str]]:
    """(position, id) of the line's lanes."""
    return [(lane.position_mm, name) for name, lane in floor.lane.items() if lane.line == line]


def _unread(floor: Floor, table: str) -> bool:
    """Some section of a table could not be read: what is missing may stand there."""
    return len(getattr(floor, table)) < len(floor.names(table))


def _few(names: list[str]) -> str:
    return ", ".join(names[:6]) + ", …" * (len(names) > 6)
