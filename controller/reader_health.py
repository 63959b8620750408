"""How readers are: connected, well by what they say of themselves, and whether somebody tries to program them."""

from __future__ import annotations

from controller.events import DeviceChanged
from controller.floor_state import FloorState
from devices.types import Condition, Garbled

UNWELL = 100
"""Parts of one device that are remembered not to be well."""

PROGRAMMED_AGAIN_MS = 3_600_000.0
"""The alarm about labels that would program a scanner is raised at most so often for each."""


def condition(floor: FloorState, device: str, item: Condition, now: float) -> None:
    """A machine is not as it should be, or is again: one that reads on a line then counts as not connected."""
    if item.part:
        what = f"{item.part}: {item.what}"
        unwell = floor.unwell.setdefault(device, {})
        unwell.pop(item.part, None)
        if not item.ok and len(unwell) < UNWELL:
            unwell[item.part] = item.what
    else:
        what = item.what
        connection(floor, device, item.ok, now)
        if item.ok:
            floor.clear(f"device-{device}", what, now)
        else:
            floor.alarm(f"device-{device}", f"{device}: {what}", now, "medium", stands=True)
    name = "device/recovered" if item.ok else "device/degraded"
    floor.emit(name, f"device/{device}", item.at, DeviceChanged(device=device, why=what))


def programs(floor: FloorState, device: str, item: Garbled, now: float) -> None:
    """Somebody may try to change a scanner with a label. Who tries again later is told of again."""
    if now - floor.programmed.get(device, float("-inf")) >= PROGRAMMED_AGAIN_MS:
        floor.programmed[device] = now
        alarm = f"programming-code-{device}"
        what = f"{device} read {item.why}: {item.raw[:32]!r}; look who printed it, and whether the scanner still reads"
        floor.alarm(alarm, what, now, "high")


def connection(floor: FloorState, device: str, up: bool, now: float) -> None:
    """The link of a reader came up or went down."""
    if device in floor.readers:
        _, reader = floor.readers[device]
        if up and not reader.up:
            reader.up_since = now
        reader.up = up
