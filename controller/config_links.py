"""What the devices of a floor file must be beyond their single sections: ports used once, or shared on a bus, and names
that their PLC knows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from controller import config_brokers
from controller.wording import closest, guess, shown, told
from devices import driver, links, serial_ports

if TYPE_CHECKING:
    from controller.config import Floor


def check(floor: Floor) -> None:
    """Run every check of devices."""
    _links(floor)
    _buses(floor)
    _readers(floor)
    config_brokers.check(floor)
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
            kind = str(floor.sheet.data[table][name].get("kind"))
            if problem := _unfit(kind, url.transport) or _eaten(kind, url.flow):
                floor.sheet.report(at, *problem)
                continue
            if url.transport == "mqtt":
                continue  # each device has a connection of its own to the broker
            port = port_of(url)
            first, kind_there, link_there = users.setdefault(
                port, (f"{table}.{name} (line {floor.sheet.line(at)})", kind, link)
            )
            if first.startswith(f"{table}.{name} "):
                continue
            if kind != kind_there or not _can_share(kind) or url.transport != "serial":
                floor.sheet.report(at, f"{port} is used by {first} too", "a port serves one device")
            elif link != link_there:
                floor.sheet.report(at, f"{port} is used by {first} with other settings", f"write link = {link_there!r}")


def _unfit(kind: str, transport: str) -> tuple[str, str] | None:
    """What is wrong with a link for a kind: machines on a broker and machines on a cable are of different kinds."""
    try:
        on_broker = hasattr(driver.load(kind).Driver, "subscriptions")
    except driver.UnknownKind:
        return None
    if on_broker == (transport == "mqtt"):
        return None
    forms = [form for scheme, form in links.FORMS.items() if scheme.startswith("mqtt") == on_broker]
    where = "is reached over a broker, and this is none" if on_broker else "is not on a broker"
    return f"a machine of kind {kind} {where}", f"write one of: {', '.join(forms)}"


def _eaten(kind: str, flow: str) -> tuple[str, str] | None:
    """With XON/XOFF the port takes the bytes 11 and 13 out of what it receives."""
    try:
        binary = getattr(driver.load(kind), "BINARY", False)
    except driver.UnknownKind:
        return None
    if flow != "xonxoff" or not binary:
        return None
    what = f"a machine of kind {kind} sends any byte, and flow=xonxoff takes the bytes 11 and 13 out of what it says"
    return what, "write flow=rtscts, or leave flow out, and set the machine likewise"


def port_of(url: links.LinkUrl) -> str:
    """What a link really leads to, where it can be seen here and now."""
    if url.usb is not None:
        try:
            return serial_ports.find(url.usb)
        except serial_ports.NotFound:
            return str(url.usb)
    return os.path.realpath(url.path) if url.scheme == "serial" else f"{url.host}:{url.port}".casefold()


def _can_share(kind: str) -> bool:
    try:
        return hasattr(driver.load(kind), "join")
    except driver.UnknownKind:
        return False


def _buses(floor: Floor) -> None:
    """The devices of one bus have different addresses, and speak alike."""
    there: dict[tuple[str, int], str] = {}
    firsts: dict[str, str] = {}
    for name, plc in floor.plc.items():
        unit = getattr(plc.settings, "unit", None)
        if unit is None or not _on_serial(plc.link):
            continue
        if there.setdefault((plc.link, unit), name) != name:
            other = there[plc.link, unit]
            floor.sheet.report(("plc", name, "unit"), f"plc.{other} is unit {unit} of this bus", "write another unit")
        first = firsts.setdefault(plc.link, name)
        for key in ("transport", "baud"):
            mine, wanted = getattr(plc.settings, key), getattr(floor.plc[first].settings, key)
            if mine != wanted:
                floor.sheet.report(
                    ("plc", name, key),
                    f"{shown(mine)}, but plc.{first} on the same bus has {shown(wanted)}",
                    "write the same at both, or leave it out: the link says it",
                )


def _readers(floor: Floor) -> None:
    """The scanners of one port can share it; they say themselves what that needs."""
    ports: dict[tuple[str, str], list[str]] = {}
    for name, scanner in floor.scanner.items():
        ports.setdefault((scanner.link, scanner.kind), []).append(name)
    for (link, kind), names in ports.items():
        settings = [floor.scanner[name].settings for name in names]
        if len(names) == 1 or None in settings or not _can_share(kind) or not _on_serial(link):
            continue
        try:
            driver.load(kind).join([driver.make(kind, one) for one in settings])
        except ValueError as error:
            floor.sheet.report(("scanner", names[-1], "link"), *told(str(error)))


def _on_serial(link: str) -> bool:
    try:
        return links.parse(link).transport == "serial"
    except ValueError:
        return False


def _plc_names(floor: Floor) -> None:
    """What the floor says of a line can be said to its PLC: by a number where it wants one, by another name where it
    has one."""
    whole = all(len(getattr(floor, table)) == len(floor.names(table)) for table in ("point", "lane"))
    for name, plc in floor.plc.items():
        points = [point for point, one in floor.point.items() if one.line == plc.line]
        mine = [*points, *(lane for lane, one in floor.lane.items() if one.line == plc.line)]
        if hasattr(plc.settings, "unmapped"):
            _numbers(floor, name, [*mine, *plc.elements], whole)
        elif whole:
            _names(floor, name, mine)


def _numbers(floor: Floor, name: str, known: list[str], whole: bool) -> None:
    """`known` = what there is on the line; `whole` = that is all of it."""
    settings: Any = floor.plc[name].settings
    line = floor.plc[name].line
    if missing := settings.unmapped(known):
        each = " = …, ".join(missing)
        what = f"{', '.join(missing)} of line {line} {'have' if len(missing) > 1 else 'has'} no number"
        floor.sheet.report(("plc", name, "numbers"), what, f"write {each} = … with the numbers that the PLC has")
    for other in settings.numbers if whole else ():
        if other not in (*known, "LINE"):
            hint = closest(other, missing)
            floor.sheet.report(
                ("plc", name, "numbers", other),
                f"no point, lane or element {other!r} on line {line}",
                f"did you mean {hint!r}?" if hint else f'take it away, or write elements = ["{other}"]',
            )


def _names(floor: Floor, name: str, known: list[str]) -> None:
    """The PLC's own names belong to something of its line, and each means one thing."""
    plc = floor.plc[name]
    names: Mapping[str, str] = getattr(plc.settings, "names", {})
    for ours, theirs in names.items():
        at = ("plc", name, "names", ours)
        if ours not in known:
            instead = guess(ours, known, f"those of line {plc.line}")
            floor.sheet.report(at, f"no point or lane {ours!r} on line {plc.line}", instead)
        elif theirs in known and theirs not in names:
            what = f"the PLC would call both {ours} and {theirs} {theirs!r}"
            floor.sheet.report(at, what, f"give {ours} another name, or write one for {theirs}, too")


def texts(floor: Floor, table: str, key: str) -> list[tuple[str, str]]:
    """(section, value) of a key wherever it is a text, whatever else is wrong with the section."""
    sections = floor.sheet.data.get(table)
    if not isinstance(sections, dict):
        return []
    return [
        (name, raw[key]) for name, raw in sections.items() if isinstance(raw, dict) and isinstance(raw.get(key), str)
    ]
