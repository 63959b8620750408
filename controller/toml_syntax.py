"""What is no TOML, in the words of those who write it: which line, what stands there, and what to write instead."""

from __future__ import annotations

import re

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_WORD = re.compile(r"[^#,\]}]*")
_CURLY = "“”„‟‘’«»`"
_HEX = re.compile(r"\\x([0-9A-Fa-f]{2})")

STATEMENT = "write one key = value on a line, and numbers without commas, units or leading zeros"
VALUE = "write a number, true or false, or a text in quotes"


def explained(text: str, message: str) -> tuple[int, str, str]:
    """(line, what is wrong, what to write instead) of what `tomllib` says of this text; line 0 = none, "" = no idea."""
    found = _PLACE.search(message)
    what = message[: found.start()] if found else message
    number, column = (int(found[1]), int(found[2])) if found and found[1] else (0, 0)
    lines = text.split("\n")
    row = lines[number - 1] if 0 < number <= len(lines) else text.rstrip().rpartition("\n")[2] if found else ""
    place = f" at column {column}" if number else " at the end of the file" if found else ""
    if what.startswith("Cannot declare"):
        return number, *_twice(lines, number, row)
    instead = _instead(what, row, row[column - 1 :] if column else "")
    return number, f"not TOML{place}: {what[:1].lower()}{what[1:]}", instead


def _twice(lines: list[str], number: int, row: str) -> tuple[str, str]:
    header = row.partition("]")[0].replace("[", "").strip()
    there = re.compile(rf"\s*\[+\s*{re.escape(header)}\s*\]")
    first = next((at for at, line in enumerate(lines[: number - 1], start=1) if there.match(line)), 0)
    what = f"[{header}] stands twice" + (f", first in line {first}" if first else "")
    return what, "write all its keys below one header, or give one of them another id"


def _instead(what: str, row: str, rest: str) -> str:
    if what == "Invalid value":
        return _quoted(rest) if rest else "write a value behind the =" if row.endswith("=") else VALUE
    if what.startswith("Unescaped '\\'"):
        found = _HEX.search(row)
        return f"write \\u00{found[1]} for {found[0]}" if found else r"write \\ for each \, or the text in '…'"
    if what == "Cannot overwrite a value":
        key = re.split(r"[=\]]", row)[0].strip(" [")
        return f"{key} was written before; take one away"
    if what.startswith("Illegal character '\\n'"):
        return "end the text with the quotation mark that it begins with, on the same line"
    if what.startswith(("Expected '='", "Expected newline", "Invalid statement")):
        return STATEMENT
    return ""


def _quoted(rest: str) -> str:
    """A value that lacks its quotes, or has those of a word processor."""
    found = _WORD.match(rest)
    word = (found[0] if found else "").strip()
    bare = word.strip(_CURLY).strip()
    if bare.lower() in ("true", "false"):
        return f"write {bare.lower()}"
    if not word or '"' in bare or "'" in bare or "\\" in bare or len(bare) > 60:
        return VALUE
    return f'write "{bare}", with straight quotes' if word[0] in _CURLY else f'write "{bare}" where it is a text'
