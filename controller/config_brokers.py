"""What devices on one broker must be beside each other: none hears what another one hears.

Every message that two of them hear would be two reads of one code, or garbled at the one that it is not for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from controller.sections import Plc, Scanner
from controller.wording import shown
from devices import driver, links

if TYPE_CHECKING:
    from controller.config import Floor


def check(floor: Floor) -> None:
    """Report each device whose topics are those of one before it."""
    there: dict[tuple[str, int], list[tuple[str, Sequence[str]]]] = {}
    devices: dict[str, dict[str, Scanner] | dict[str, Plc]] = {"scanner": floor.scanner, "plc": floor.plc}
    for table, sections in devices.items():
        for name, device in sections.items():
            if device.settings is None or (table, name, "link") in floor.sheet.broken:
                continue
            url = links.parse(device.link)
            if url.transport != "mqtt":
                continue
            heard = _heard(device)
            before = there.setdefault((url.host.casefold(), url.port), [])
            for other, others in before:
                both = next(((mine, its) for mine in heard for its in others if overlap(mine, its)), None)
                if both:
                    what = f"{both[0]!r} is heard by {other} at this broker, too" + _as(*both)
                    floor.sheet.report((table, name, "base"), what, f"give {name} a topic of its own: {_base(device)}")
                    break
            before.append((f"{table}.{name}", heard))


def overlap(one: str, other: str) -> bool:
    """Whether there are topics that both MQTT filters match."""
    mine, its = one.split("/"), other.split("/")
    for first, second in zip(mine, its, strict=False):
        if "#" in (first, second):
            return True
        if "+" not in (first, second) and first != second:
            return False
    longer = mine[len(its) :] or its[len(mine) :]
    return not longer or longer[0] == "#"


def _heard(device: Scanner | Plc) -> list[str]:
    made = driver.make(device.kind, device.settings)
    return [topic for topic, _ in made.subscriptions()] if isinstance(made, driver.SpeaksMqtt) else []


def _as(mine: str, its: str) -> str:
    return f" (as {its!r})" if mine != its else ""


def _base(device: Scanner | Plc) -> str:
    """An example of another one."""
    return f"base = {shown(device.settings.base + '-2')}, and the same in the machine"
