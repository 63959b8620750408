"""What `floord ports` says of the ports of this machine. Adapters and programs name themselves, so nothing of that
reaches the terminal but printable text."""

from __future__ import annotations

import getpass
import grp
import os
import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from controller.config import read
from controller.config_links import port_of, texts
from controller.logs import escaped as safe
from controller.port_holders import PTYS, hidden, holders
from devices import links, serial_ports
from devices.serial_ports import PortInfo

__all__ = ["gathered", "safe", "shown"]

LINK = "    link = "


def gathered(floor_file: Path | None) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Every port with all that is known of it, ptys that the floor file names among them; and the devices of the floor
    file whose port is not there."""
    used = _uses(floor_file)
    found = _with_named(serial_ports.ports(), used)
    held = holders(port.path for port in found)
    entries = []
    for port in found:
        entry: dict[str, Any] = asdict(port) | {"link": serial_ports.best_link(port, found)}
        entry["shared_name"] = bool(port.by_id) and port.by_id not in entry["link"]
        entry["held_by"] = [asdict(holder) for holder in held[port.path]]
        entry["permission"] = os.access(port.path, os.R_OK | os.W_OK)
        entry["group"] = _group(port.path)
        place = os.path.realpath(port.path)
        entry["used_by"] = [name for name, _, where in used if where == place]
        entries.append(entry)
    missing = [{"device": name, "link": link} for name, link, where in used if not os.path.exists(where)]
    return entries, missing


def _with_named(found: list[PortInfo], used: Sequence[tuple[str, str, str]]) -> list[PortInfo]:
    """The ports, and what else the floor file names and is there: a pty has no hardware behind it."""
    listed = {os.path.realpath(port.path) for port in found}
    others: dict[str, PortInfo] = {}
    for _, link, where in used:
        if where not in listed and where.startswith("/") and os.path.exists(where):
            others.setdefault(where, PortInfo(links.parse(link).path, driver="pty" if where.startswith(PTYS) else ""))
    return [*found, *others.values()]


def shown(found: Sequence[dict[str, Any]], missing: Sequence[dict[str, str]]) -> list[str]:
    """For people, in rows as wide as the terminal."""
    rows = [row for entry in found for row in _port(entry)]
    if not found:
        rows.append("This machine has no serial ports: no adapter is plugged in, or the kernel has no driver for it.")
        rows.append("Plug it in and look at the last lines of: dmesg")
    rows += [f"not there: {safe(one['device'])} wants {safe(one['link'])}" for one in missing]
    if found and hidden():
        rows.append("who has a port open without locking it, only root sees: sudo floord ports")
    width = max(40, shutil.get_terminal_size((80, 24)).columns)
    return [part for row in rows for part in _wrapped(row, width)]


def _wrapped(row: str, width: int) -> list[str]:
    """A link stays in one piece: it is to be copied."""
    if row.startswith(LINK):
        return [row]
    return textwrap.wrap(row, width, subsequent_indent="      ", break_long_words=False, break_on_hyphens=False)


def _port(entry: dict[str, Any]) -> list[str]:
    about = [f"{entry['manufacturer']} {entry['product']}".strip()]
    if entry["vid"]:
        about.append(f"{entry['vid']}:{entry['pid']}")
        about.append(f"serial {entry['serial']}" if entry["serial"] else "no serial number")
        about.append(f"interface {entry['interface']}" if entry["interface"] not in ("", "00") else "")
    about.append(entry["driver"])
    state = [f"is {name}" for name in entry["used_by"]]
    for one in entry["held_by"]:
        how = "the other end is" if one["far_end"] and not one["locks"] else "held by"
        state.append(f"{how} {one['name']} (pid {one['pid']})")
    rows = [f"{entry['path']}  {', '.join(filter(None, about))}", f'{LINK}"{entry["link"]}?baud=9600"']
    if entry["shared_name"]:
        rows.append("    another adapter says the same of itself: keep it in this USB socket, its name is the socket's")
    rows += [f"    {'; '.join(state)}"] if state else []
    if not entry["permission"]:
        rows.append(f"    no permission: {_advice(entry['group'])}")
    return [safe(row) for row in rows]


def _advice(group: str) -> str:
    if group in ("", "root"):
        return "only root may; give it a group by a udev rule (docs/serial.md)"
    return f"sudo usermod -aG {group} {getpass.getuser()}, then log in anew"


def _group(path: str) -> str:
    try:
        return grp.getgrgid(os.stat(path).st_gid).gr_name
    except (OSError, KeyError):
        return ""


def _uses(floor_file: Path | None) -> list[tuple[str, str, str]]:
    """(device, its link, the real path of its port) of the serial devices in a floor file, whatever is wrong there."""
    if floor_file is None:
        return []
    floor = read(floor_file)
    found = []
    for table in ("scanner", "plc"):
        for name, link in texts(floor, table, "link"):
            try:
                url = links.parse(link)
            except ValueError:
                continue
            if url.scheme in ("serial", "usb"):
                found.append((f"{table}.{name}", link, port_of(url)))
    return found
