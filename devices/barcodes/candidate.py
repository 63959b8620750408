"""One thing that a code may be, and what may stand in its text."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple

_AIM = re.compile(r"\][A-Za-z][0-9A-Za-z](?=.)", re.DOTALL)
_SEPARATORS = str.maketrans("", "", " -")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One scheme whose shape the code has.

    `valid` = its checks pass, else `why` says in plain words which does not. `checked` = a check digit is among them;
    without one `valid` says no more than that the code looks so. `parts`: name -> text, named in docs/barcodes.md; for
    `gs1` application identifier -> value (a bare SSCC is `00`, a bare GTIN `01`, filled up to 14 digits).
    `ids`: the texts by which others may know the same thing, without separators unless one belongs to it; empty when it
    is invalid, and where it names no single thing (a GTIN is on every box of its kind).
    """

    scheme: str
    valid: bool
    why: str | None = None
    parts: dict[str, str] = field(default_factory=dict)
    checked: bool = True
    ids: tuple[str, ...] = ()


class Scheme(NamedTuple):
    """A numbering scheme: `read` takes a code without AIM identifier and separators that has one of these `lengths`,
    and gives None when it has not its shape. `number` = only ASCII digits come into question. `elements` = they are
    looked at as such also where the AIM identifier says element strings."""

    name: str
    lengths: Collection[int]
    number: bool
    read: Callable[[str], Candidate | None]
    elements: bool = False


def judged(scheme: str, check: str, expected: str, parts: dict[str, str], *ids: str, kind: str = "digit") -> Candidate:
    """A candidate with one check digit (or another `kind` of check), valid when it is the expected one."""
    if check == expected:
        return Candidate(scheme, True, None, parts, ids=ids)
    return Candidate(scheme, False, f"check {kind} is {check}, expected {expected}", parts)


def unchecked(scheme: str, parts: dict[str, str], *ids: str) -> Candidate:
    """A candidate of a scheme that has nothing to check."""
    return Candidate(scheme, True, None, parts, checked=False, ids=ids)


def split_aim(text: str) -> tuple[str, str]:
    """The AIM symbology identifier (`]C1`, empty if there is none) and the rest of a code."""
    return (text[:3], text[3:]) if _AIM.match(text) else ("", text)


def without_separators(text: str) -> str:
    """A code as people print it, without its spaces and hyphens; nothing else is ever normalised, O is not 0."""
    return text.translate(_SEPARATORS)


def control_character(text: str) -> bool:
    """Whether a code carries what no code of the floor may: a control character other than GS, NUL and DEL included.

    Code 128 can carry commands for whoever prints or types it. RS and EOT belong to ISO 15434 messages only.
    """
    allowed = "\x1d\x1e\x04" if text.startswith("[)>\x1e") else "\x1d"
    return any((ch < " " or "\x7f" <= ch <= "\x9f") and ch not in allowed for ch in text)
