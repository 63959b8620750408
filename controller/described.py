"""What machines said, item by item, as JSON that a person reads. Pure."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

ITEMS = {"DeviceError": "error", "CommandSeen": "command", "EventSeen": "event"}
ALWAYS = ("text", "why", "raw")
RARE = ("symbology", "reader", "index", "encoder", "token", "refused", "encoding", "hand", "record", "late")
"""Fields that are left out while they say nothing."""


def name_of(item: Any) -> str:
    """What an item is called: `read`, `no_read`, `reply`, …"""
    name = type(item).__name__
    return ITEMS.get(name) or re.sub(r"(?<=.)([A-Z])", r"_\1", name).lower()


def described(item: Any) -> dict[str, Any]:
    """One item as JSON: `item`, the name of its class in lower case with `_`, then text, why, raw (null: it has none).

    Its other fields follow; `at` is left out, it says nothing here.
    """
    line: dict[str, Any] = {"item": name_of(item)}
    line |= {key: _json(getattr(item, key, None)) for key in ALWAYS}
    for field in dataclasses.fields(item):
        value = getattr(item, field.name)
        if field.name not in (*ALWAYS, "at") and not (field.name in RARE and value == field.default):
            line[field.name] = _json(value)
    return line


def _json(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [_json(member) for member in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        line = {field.name: _json(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return line if not hasattr(value, "text") else {"text": value.text, **line}
    return value
