"""What the devices of a floor file must be beyond their single sections: ports used once, or shared on a bus, and names
that their PLC knows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from controller.wording import guess, told
from devices import driver, links

if TYPE_CHECKING:
    from controller.config import Floor


def check(floor: Floor) -> None:
    """Run every check of devices."""
    _links(floor)
    _buses(floor)
    _plc_names(floor)


def _links(floor: Floor) -> None:
    """Every link can be parsed, and no port serves two devices, whatever name it is called by: but a bus does, where
    all of its devices are of one kind that can share it."""
    users: dict[str, tuple[str, str, str]] = {}
    for table in ("scanner", "plc"):
        for name, link in texts(floor, table, "link"):
            at = (table, name, "link")
            try:
                url = links.parse(link)
            except ValueError as error:
                floor.sheet.report(at, *told(str(error)))
                continue
            if url.transport == "mqtt":
                continue  # each device has a connection of its own to the broker
            port = os.path.realpath(url.path) if url.scheme == "serial" else f"{url.host}:{url.port}".casefold()
            kind = str(floor.sheet.data[table][name].get("kind"))
            first, kind_there, link_there = users.setdefault(
                port, (f"{table}.{name} (line {floor.sheet.line(at)})", kind, link)
            )
            if first.startswith(f"{table}.{name} "):
                continue
            if kind != kind_there or not _can_share(kind) or url.transport != "serial":
                floor.sheet.report(at, f"{port} is used by {first} too", "a port serves one device")
            elif link != link_there:
                floor.sheet.report(at, f"{port} is used by {first} with other settings", f"write link = {link_there!r}")


def _can_share(kind: str) -> bool:
    try:
        return hasattr(driver.load(kind), "join")
    except driver.UnknownKind:
        return False


def _buses(floor: Floor) -> None:
    """The devices of one bus have different addresses."""
    there: dict[tuple[str, int], str] = {}
    for name, plc in floor.plc.items():
        unit = getattr(plc.settings, "unit", None)
        if unit is not None and there.setdefault((plc.link, unit), name) != name:
            other = there[plc.link, unit]
            floor.sheet.report(("plc", name, "unit"), f"plc.{other} is unit {unit} of this bus", "write another unit")


def _plc_names(floor: Floor) -> None:
    """What the floor says of a line can be said to its PLC: by a number where it wants one, by another name where it
    has one."""
    for name, plc in floor.plc.items():
        points = [point for point, one in floor.point.items() if one.line == plc.line]
        mine = [*points, *(lane for lane, one in floor.lane.items() if one.line == plc.line)]
        if hasattr(plc.settings, "unmapped"):
            for missing in plc.settings.unmapped([*mine, *plc.elements]):
                floor.sheet.report(
                    ("plc", name, "numbers"), f"{missing} of line {plc.line} has no number", f"write {missing} = …"
                )
        for ours in getattr(plc.settings, "names", ()):
            if ours not in mine:
                floor.sheet.report(
                    ("plc", name, "names", ours),
                    f"no point or lane {ours!r} on line {plc.line}",
                    guess(ours, mine, f"those of line {plc.line}"),
                )


def texts(floor: Floor, table: str, key: str) -> list[tuple[str, str]]:
    """(section, value) of a key wherever it is a text, whatever else is wrong with the section."""
    sections = floor.sheet.data.get(table)
    if not isinstance(sections, dict):
        return []
    return [
        (name, raw[key]) for name, raw in sections.items() if isinstance(raw, dict) and isinstance(raw.get(key), str)
    ]
