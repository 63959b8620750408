"""The part of a device's section that belongs to its kind: the fields of the kind's `Settings`.

The kind is imported here, because a configuration names it, and its driver is made once, to hear what it refuses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from controller.sections import Device
from controller.sheet import Sheet, fields
from controller.toml_lines import KeyPath
from controller.wording import shown
from devices import driver, links

FAMILIES = {"scanner": ("scanners", "scales"), "plc": ("plcs",)}
"""Table of the floor file -> families of its kinds. A machine that reads and measures is a scanner."""
FROM_LINK = ("baud", "transport")
"""Settings that the link's URL gives where the section does not."""


def settings(sheet: Sheet, at: KeyPath, raw: Mapping[str, Any], common: Collection[str]) -> object:
    """The settings of the device at `at`; None when they cannot be made, with problems on the sheet.

    Raises nothing. `common` = the keys that every device of this table has; all others must be the kind's own.
    """
    kind = _settings_type(sheet, at, raw.get("kind"))
    own = fields(kind) if kind else ()
    for key in raw:
        # Of an unknown kind nobody knows the keys.
        if key not in common and key not in own and (kind or "kind" not in raw):
            sheet.unknown((*at, key), (*common, *own))
    if kind is None:
        return None
    mine = {key: value for key, value in raw.items() if key in own and key not in common}
    made = sheet.fill(kind, at, _from_link(raw.get("link"), own) | mine)
    if made is None or sheet.hurt(at):
        return None
    try:
        driver.make(str(raw["kind"]), made)
    except ValueError as error:
        sheet.refused(at, str(error), raw)
        return None
    return made


def unproven(devices: Iterable[Device]) -> list[str]:
    """What the kinds of these devices do by guess, `kind: what`."""
    kinds = dict.fromkeys(device.kind for device in devices if device.kind in driver.kinds())
    return [f"{kind}: {what}" for kind in kinds for what in getattr(driver.load(kind), "UNPROVEN", ())]


def known(table: str) -> list[str]:
    """The kinds that may stand in a table."""
    return sorted(kind for kind, family in driver.kinds().items() if family in FAMILIES[table] and kind[0] != "_")


def _settings_type(sheet: Sheet, at: KeyPath, kind: object) -> type[Any] | None:
    if not isinstance(kind, str):
        return None
    fitting = known(str(at[0]))
    if kind in fitting:
        found: type[Any] = driver.load(kind).Settings
        return found
    family = driver.kinds().get(kind) if not kind.startswith("_") else None
    if family:
        sheet.report((*at, "kind"), f"{shown(kind)} is of the family {family}", f"known here: {', '.join(fitting)}")
    else:
        sheet.report((*at, "kind"), f"unknown kind {shown(kind)}", driver.meant(kind, fitting))
    return None


def _from_link(link: object, own: Collection[str]) -> dict[str, Any]:
    """What the link says and the kind wants to know; a broker says nothing of it."""
    try:
        url = links.parse(str(link))
    except ValueError:
        return {}
    if url.transport == "mqtt":
        return {}
    said = {"transport": url.transport} | ({"baud": url.baud} if url.transport == "serial" else {})
    return {key: value for key, value in said.items() if key in own}
