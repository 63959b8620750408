"""JSON of a broker, which anybody may have written: bounded, strict, and never an exception but Malformed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from devices.value import value

NO_JSON = "no JSON"
TWICE = "a member stands twice"


class Malformed(ValueError):
    """Not what is wanted; its text is one of a few."""


class Twice:
    """What stands in place of a member that an object has twice: nobody knows which of the two is meant."""


@value
class Parsed:
    """A value, and whether an object in it, however deep, has a member twice."""

    value: Any
    twice: bool


def parse(payload: bytes, longest: int) -> Parsed:
    """The JSON text that a payload is. Raises Malformed, also for NaN and Infinity, which JSON does not have."""
    if len(payload) > longest:
        raise Malformed(f"longer than {longest} bytes")
    twice = False

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        body: dict[str, Any] = {}
        for name, value in pairs:
            twice = twice or name in body
            body[name] = Twice() if name in body else value
        return body

    try:
        value = json.loads(payload.decode("utf-8"), object_pairs_hook=once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Malformed(NO_JSON) from None
    return Parsed(value, twice)


def at(body: Mapping[str, Any], path: str) -> Any:
    """The member at `path`, with dots for objects in objects; None: it is null, or there is none."""
    found: Any = body
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def has(body: Mapping[str, Any], path: str) -> bool:
    """Whether there is a member at `path`, be it null."""
    above, _, name = path.rpartition(".")
    found = at(body, above) if above else body
    return isinstance(found, Mapping) and name in found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is none")
