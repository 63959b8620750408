"""How a problem of a configuration is put into words: what is wrong, and what to write instead."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from controller.toml_lines import KeyPath


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant; case does not count."""
    folded = {name.casefold(): name for name in sorted(known)}
    found = difflib.get_close_matches(word.casefold(), folded, n=1)
    return folded[found[0]] if found else None


def guess(word: str, known: Iterable[str], what: str) -> str:
    """What to write instead of a name that is not there."""
    names = sorted(known)
    close = closest(word, names)
    if close:
        return f"did you mean {close!r}?"
    return f"{what} are: {', '.join(names[:12])}{', …' * (len(names) > 12)}" if names else f"there are no {what}"


def counted(number: int, word: str) -> str:
    """`1 lane`, `2 lanes`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def dotted(at: KeyPath) -> str:
    """A path as people write it; elements of lists are counted from 1."""
    parts = (str(part + 1) if isinstance(part, int) else part for part in at)
    return ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else json.dumps(part) for part in parts)


def shown(value: object) -> str:
    """A value for a message, short."""
    if isinstance(value, (dict, list)):
        return "a table" if isinstance(value, dict) else "a list"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:39] + "…"


_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a text in quotes",
    "path_type": "a text in quotes",
    "bytes_type": "a text in quotes",
    "tuple_type": "a list",
    "list_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a table",
}


def explained(detail: Any, value: object) -> tuple[str, str]:
    """(what is wrong, what to write instead) for one finding of pydantic on `value`."""
    kind = detail["type"]
    if kind in _EXPECTED:
        return f"must be {_EXPECTED[kind]}, not {shown(value)}", _rewritten(_EXPECTED[kind], value)
    if kind == "literal_error":
        words = re.findall(r"'([^']*)'", detail["ctx"]["expected"])
        close = closest(value, words) if isinstance(value, str) else None
        instead = f"did you mean {close!r}?" if close else f"write one of: {', '.join(words)}"
        return f"cannot be {shown(value)}", instead
    if kind == "string_pattern_mismatch":
        pattern = detail["ctx"]["pattern"].strip("^$")
        upper = str(value).upper()
        instead = f'write "{upper}"' if re.fullmatch(pattern, upper) else f"allowed is {pattern}"
        return f"cannot be {shown(value)}", instead
    if kind == "value_error":
        return told(str(detail["ctx"]["error"]))
    return f"{shown(value)}: {detail['msg'][:1].lower()}{detail['msg'][1:]}", ""


def told(text: str) -> tuple[str, str]:
    """(what is wrong, what to write instead) of `what; instead` and of `key = value: write …`.

    The key that is told beside it is not said twice: also not of `key: what`.
    """
    what, *instead = re.split(r"; |: (?=write )", text, maxsplit=1)
    return re.sub(r"^\w+: ", "", re.sub(r"^\w+ = ", "cannot be ", what)), "".join(instead)


def _rewritten(expected: str, value: object) -> str:
    if expected == "a list" and isinstance(value, str):
        return f"write [{shown(value)}]"
    if expected == "a text in quotes" and isinstance(value, (int, float)):
        return f'write "{shown(value)}"'
    if expected in ("a number", "a whole number") and isinstance(value, str):
        number = re.fullmatch(r"\s*(-?\d+)\s*(?:mm|ms|mm/s|g|s)?\s*", value)
        return f"write {number[1]}" if number else "write a number without quotes"
    if expected == "true or false":
        return "write true or false, without quotes"
    return ""


def key_in(text: str, raw: Mapping[str, Any]) -> str:
    """The key a message begins with, if it does: `Value error, prefix must …`."""
    word = re.match(r"(?:Value error, )?['\"]?([A-Za-z0-9_]+)", text)
    return word[1] if word and word[1] in raw else ""
