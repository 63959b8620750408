"""What the pieces of a wire mean: a driver, or the kind's sniffer, for each machine and direction. Pure.

A driver here only listens: nothing that it wants to say leaves, nothing is ever overdue. What the host says is decoded
where the kind has a sniffer; else it stands as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.described import described, name_of
from controller.view.ink import safe
from devices.driver import UnknownKind, load
from devices.types import Garbled, Item, Kept, Message

DEVICE, HOST = "device", "host"
DULL = tuple("item verb text why raw token edge at evt epoch sequence new_epoch refused".split())
"""Members that are not shown beside the text of an item."""
LONGEST = 4096
"""Bytes of a piece that are decoded; a longer one is shown as what it is."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """One thing that a piece says, in words; `bad`: it is garbled, an error or a no-read."""

    words: str
    bad: bool = False


class Ear:
    """One machine's wire, both directions."""

    def __init__(self, kind: str, settings: Any = None) -> None:
        """`settings`: of the driver, as the floor file has them; None = the kind's defaults. Never raises."""
        self._ears: dict[str, Any] = {}
        try:
            module = load(kind)
            chosen = module.Settings() if settings is None else settings
            if hasattr(module, "Sniffer"):
                self._ears = {side: module.Sniffer(chosen) for side in (DEVICE, HOST)}
            else:
                driver = module.Driver(chosen)
                driver.opened(0.0, Kept())
                self._ears = {DEVICE: driver}
        except (UnknownKind, TypeError, ValueError):
            self._ears = {}

    def hear(self, side: str, data: bytes, topic: str | None, at: float) -> list[Meaning]:
        """What a piece completes; nothing while a frame is not whole."""
        ear = self._ears.get(side)
        if ear is None or len(data) > LONGEST:
            return [Meaning(printable(data[:LONGEST]))]
        try:
            if topic is not None and hasattr(ear, "subscriptions"):
                items: Sequence[Item] = ear.feed(Message(topic, data), at)
            else:
                items = ear.feed(data + b"\n" * (topic is not None), at)
            if hasattr(ear, "take"):
                ear.take()
        except Exception as error:  # a driver never raises; if one does, the view goes on
            return [Meaning(f"{type(error).__name__}: {error}", bad=True)]
        return [Meaning(said(item), _is_bad(item)) for item in items]


def said(item: Item) -> str:
    """One item in words: `read RB534641639JP`, `garbled checksum`."""
    fields = described(item)
    words = [name_of(item), *(str(fields.get(key) or "") for key in ("verb", "text", "why"))]
    plain = {key: value for key, value in fields.items() if key not in DULL and value not in (None, "", [], {})}
    words += [f"{key}={_value(value)}" for key, value in plain.items()]
    return safe(" ".join(word for word in words if word))


def printable(data: bytes) -> str:
    """Bytes as text; what is no printable ASCII is a dot."""
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)


def ears(kinds: Mapping[str, str], settings: Mapping[str, Any]) -> dict[str, Ear]:
    """An ear for each machine. `kinds`: machine -> kind of its stub; `settings`: machine -> (kind, settings of the
    driver) as floord's tables have them."""
    out = {}
    for name, kind in kinds.items():
        own = settings.get(name)
        out[name] = Ear(kind, own[1]) if own and own[0] == kind else Ear(kind)
    return out


def _is_bad(item: Item) -> bool:
    return isinstance(item, Garbled) or name_of(item) in ("error", "no_read", "overflow")


def _value(value: Any) -> str:
    if isinstance(value, dict):
        if "text" in value:
            return str(value["text"])
        return "(" + " ".join(f"{key}={_value(one)}" for key, one in value.items() if one is not None) + ")"
    return ",".join(map(_value, value)) if isinstance(value, list) else str(value)
