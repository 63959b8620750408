"""What requests say: fields and parameters, checked. Each error is a `RefusedError` that says what to write."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from firmware_stubs.sections import close

Kinds = tuple[type, ...]
Shape = Mapping[str, tuple[Kinds, bool]]
"""A body's keys: the types of each, and whether it must be there."""

_NUMBER: Kinds = (int, float)
FAULT: Shape = {
    "fault": ((str,), True),
    "target": ((str,), True),
    "for_s": (_NUMBER, False),
    "count": ((int,), False),
    "settings": ((dict,), False),
}
DRILL: Mapping[str, Shape] = {
    "status": {},
    "start": {"drill": ((str,), True)},
    "answer": {"fault": ((str,), True), "target": ((str,), True)},
    "hint": {},
    "give_up": {},
}
TIME: Shape = {"do": ((str,), True), "ms": (_NUMBER, False)}
_WORDS = {str: "a text", int: "a number", float: "a number", dict: "an object"}
_FASTEST = 10  # states a second


class RefusedError(Exception):
    """What was asked for cannot be done; the text says what, and what to write instead. `status`: of HTTP."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class StreamAsked:
    """`state_s`: a state every so many seconds; None = none. `stubs`: only their wires; none = all."""

    state_s: float | None
    wire: bool
    ledger: bool
    stubs: tuple[str, ...]


def fields(body: bytes, shape: Shape) -> dict[str, Any]:
    """A JSON object with these keys and no other."""
    example = ", ".join(f'"{key}": …' for key, (_, needed) in shape.items() if needed)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"the body is no JSON ({error}); write {{{example}}}") from error
    if not isinstance(found, dict):
        raise RefusedError(f"the body must be an object: {{{example}}}")
    for key in found:
        if key not in shape:
            raise RefusedError(f"unknown key {key!r}{meant(key, shape)}")
    for key, (kinds, needed) in shape.items():
        if found.get(key) is None:
            found.pop(key, None)
            if needed:
                raise RefusedError(f"{key} is missing: {{{example}}}")
        elif type(found[key]) not in kinds:
            raise RefusedError(f"{key} must be {_WORDS[kinds[0]]}, not {found[key]!r}")
    return found


def stream(query: Mapping[str, str], stubs: Collection[str]) -> StreamAsked:
    """The parameters of the stream; without any it would never say a thing."""
    known = ("state", "wire", "ledger", "stub")
    for key in query:
        if key not in known:
            raise RefusedError(f"unknown parameter {key!r}{meant(key, known)}")
    rate = _number(query.get("state", "0"))
    flags = {key: _flag(key, query.get(key, "0")) for key in ("wire", "ledger")}
    if not (rate or any(flags.values())):
        raise RefusedError("nothing is asked for; write state=2 (so many a second), wire=1, ledger=1, or several")
    only = tuple(name for name in query.get("stub", "").split(",") if name)
    for name in only:
        if name not in stubs:
            raise RefusedError(f"stub: no stub is called {name!r}{meant(name, stubs)}")
    return StreamAsked(1 / rate if rate else None, **flags, stubs=only)


def meant(word: str, words: Iterable[str]) -> str:
    """What an error ends with: the word that was probably meant, or all there are."""
    words = list(words)
    found = close(word, words)
    return f"; did you mean {found!r}?" if found else f"; known are {', '.join(sorted(words)) or 'none'}"


def _number(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= _FASTEST:
        raise RefusedError(f"state must be a number from 0 to {_FASTEST}, states a second, not {text!r}")
    return rate


def _flag(key: str, text: str) -> bool:
    if text not in ("0", "1"):
        raise RefusedError(f"{key} must be 0 or 1, not {text!r}")
    return text == "1"
