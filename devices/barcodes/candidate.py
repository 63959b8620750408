"""One thing that a code may be, and the text of a code."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_AIM = re.compile(r"\][A-Za-z][0-9A-Za-z](?=.)", re.DOTALL)
_SEPARATORS = str.maketrans("", "", " -")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One scheme whose shape the code has.

    `valid` = its checks pass, else `why` says in plain words which does not. `parts`: for `gs1` application identifier
    -> value (a bare SSCC is `00`, a bare GTIN `01`, filled up to 14 digits), for `s10` indicator, service, serial,
    check, country.
    """

    scheme: str
    valid: bool
    why: str | None = None
    parts: dict[str, str] = field(default_factory=dict)


def split_aim(text: str) -> tuple[str, str]:
    """The AIM symbology identifier (`]C1`, empty if there is none) and the rest of a code."""
    return (text[:3], text[3:]) if _AIM.match(text) else ("", text)


def without_separators(text: str) -> str:
    """A code as people print it, without its spaces and hyphens; nothing else is ever normalised, O is not 0."""
    return text.translate(_SEPARATORS)


def as_text(raw: bytes) -> str:
    """The text of a code's bytes: ASCII or UTF-8, else Latin-1, the default of scanners. Never fails."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def control_character(text: str) -> bool:
    """Whether a code carries what no code of the floor may: a control character other than GS.

    Code 128 can carry commands for whoever prints or types it. RS and EOT belong to ISO 15434 messages only.
    """
    allowed = "\x1d\x1e\x04" if text.startswith("[)>\x1e") else "\x1d"
    return any((ch < " " or "\x7f" <= ch <= "\x9f") and ch not in allowed for ch in text)
