"""Which serial ports this machine has, and what is known of each, from /sys and /dev/serial.

A USB adapter is found by what it says of itself, so it keeps its name whatever number the kernel gives it. Many cheap
adapters (CH340, PL2303) have no serial number: two of them say the same of themselves, and udev's by-id name leads to
the one that came last. Such a name is refused, with the by-path names of all that bear it.

Source: Linux Documentation/ABI (sysfs-class-tty, sysfs-bus-usb).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from devices.links import UsbName
from devices.value import value

ROOT = Path("/")
MOST_UP = 8
"""From a tty to its USB device are at most so many folders."""


class NotFound(LookupError):
    """No port has that name, or several have; the message says what to do."""


@value
class PortInfo:
    """One serial port. Empty = not known, or not so. `by_id`, `by_path`: its paths below /dev/serial."""

    path: str
    driver: str = ""
    vid: str = ""
    pid: str = ""
    serial: str = ""
    interface: str = ""
    manufacturer: str = ""
    product: str = ""
    by_id: str = ""
    by_path: str = ""


def ports(root: Path | None = None) -> list[PortInfo]:
    """Every serial port that has hardware behind it, by name. `root`: where sys and dev are found."""
    root = root or ROOT
    by_id, by_path = (_names(root / "dev/serial" / kind) for kind in ("by-id", "by-path"))
    try:
        entries = sorted(
            os.listdir(root / "sys/class/tty"), key=lambda name: (name.rstrip("0123456789"), len(name), name)
        )
    except OSError:
        return []
    found = (_port(root, name, by_id.get(name, []), by_path.get(name, [])) for name in entries)
    return [port for port in found if port is not None]


def find(name: UsbName, root: Path | None = None) -> str:
    """The path of the one port of that name. Raises NotFound."""
    matching = [port for port in ports(root) if _is(port, name)]
    if len(matching) == 1:
        return matching[0].path
    if not matching:
        raise NotFound(f"{name}: not there: unplugged, or another name (floord ports lists them)")
    places = ", ".join(port.by_path or port.path for port in matching)
    raise NotFound(
        f"{name}: {len(matching)} ports have this name; write more of it, or serial:// with one of: {places}"
    )


def best_link(port: PortInfo, known: Sequence[PortInfo]) -> str:
    """What to write into a floor file for a port, of all that are known: by-id only where nobody else has that name."""
    names = [(one.vid, one.pid, one.serial, one.interface) for one in known]
    alone = names.count((port.vid, port.pid, port.serial, port.interface)) == 1
    return f"serial://{(port.by_id if alone else '') or port.by_path or port.path}"


def there(root: Path | None = None) -> frozenset[str]:
    """The names of all terminals there are; cheap, and it differs when one comes or goes."""
    try:
        return frozenset(os.listdir((root or ROOT) / "sys/class/tty"))
    except OSError:
        return frozenset()


def _is(port: PortInfo, name: UsbName) -> bool:
    return (
        (port.vid, port.pid) == (name.vid, name.pid)
        and name.serial in ("", port.serial)
        and name.interface in ("", port.interface)
    )


def _names(folder: Path) -> dict[str, list[str]]:
    """Name of the terminal -> the links in a folder that lead to it."""
    found: dict[str, list[str]] = {}
    try:
        links = sorted(os.listdir(folder))
    except OSError:
        return {}
    for link in links:
        found.setdefault(_target(folder / link), []).append(str(folder / link))
    return found


def _target(link: Path) -> str:
    try:
        return os.path.basename(os.readlink(link))
    except OSError:
        return ""


def _port(root: Path, name: str, by_id: list[str], by_path: list[str]) -> PortInfo | None:
    """None where no hardware is behind it: virtual terminals, and numbers that the 8250 driver keeps free."""
    entry = root / "sys/class/tty" / name
    if not (entry / "device").exists() or _text(entry / "type") == "0":
        return None
    device = Path(os.path.realpath(entry / "device"))
    return PortInfo(
        str(root / "dev" / name),
        driver=_driver(device),
        by_id=by_id[0] if by_id else "",
        by_path=by_path[0] if by_path else "",
        **_usb(device),
    )


def _driver(folder: Path) -> str:
    """The first on the way up that is one: `ctrl` and `port` are the kernel's own, between a UART and its driver."""
    for _ in range(MOST_UP):
        if (name := _target(folder / "driver")) not in ("", "ctrl", "port"):
            return name
        folder = folder.parent
    return ""


def _usb(folder: Path) -> dict[str, str]:
    """What a USB device and its interface say, found on the way up from the port."""
    said: dict[str, str] = {}
    for _ in range(MOST_UP):
        if not said and (number := _text(folder / "bInterfaceNumber")):
            said["interface"] = number
        if vid := _text(folder / "idVendor"):
            texts = {key: _text(folder / key) for key in ("serial", "manufacturer", "product")}
            return said | texts | {"vid": vid, "pid": _text(folder / "idProduct")}
        folder = folder.parent
    return {}


def _text(file: Path) -> str:
    try:
        return file.read_bytes()[:256].decode(errors="replace").strip()
    except OSError:
        return ""
