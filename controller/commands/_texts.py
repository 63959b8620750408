"""Text that a person types for bytes: escapes, and settings as `key=value`."""

from __future__ import annotations

import collections.abc
import dataclasses
import json
import re
import types
import typing
from typing import Any

_ESCAPE = re.compile(r"\\x([0-9A-Fa-f]{2})|\\u([0-9A-Fa-f]{4})|\\([rnt\\])|<(STX|ETX|EOT|LF|CR|ESC|FS|GS|RS|US)>")
_LETTERS = {"r": "\r", "n": "\n", "t": "\t", "\\": "\\"}
_NAMES = {
    **{"STX": "\x02", "ETX": "\x03", "EOT": "\x04", "LF": "\n", "CR": "\r", "ESC": "\x1b"},
    **{"FS": "\x1c", "GS": "\x1d", "RS": "\x1e", "US": "\x1f"},
}


def unescape(text: str) -> str:
    r"""`\x1d`, `\u001d`, `\r` `\n` `\t` `\\` and names such as `<GS>` as the characters they mean; the rest stays."""

    def character(found: re.Match[str]) -> str:
        byte, unit, letter, name = found.groups()
        return chr(int(byte or unit, 16)) if byte or unit else _LETTERS.get(letter) or _NAMES[name]

    return _ESCAPE.sub(character, text)


def json_line(value: Any) -> str:
    """JSON on one line, fit for a terminal: what is not printable, such as a control character beyond ASCII or a mark
    of direction, leaves as an escape; other letters stay as they are."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else "".join(one if one.isprintable() else _escaped(one) for one in text)


def _escaped(character: str) -> str:
    """As JSON escapes it; its own escaping leaves DEL out."""
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]


def settings(kind: type[Any], pairs: tuple[str, ...]) -> Any:
    """The frozen dataclass `kind` with its defaults, changed by texts `key=value`; commas separate a tuple's items,
    and the entries `name:value` of a table.

    Raises ValueError that says what to write.
    """
    hints = typing.get_type_hints(kind)
    known = {field.name: hints[field.name] for field in dataclasses.fields(kind)}
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise ValueError(f"{pair!r}: write key=value")
        if key not in known:
            raise ValueError(f"unknown setting {key!r}; known are: {', '.join(known)}")
        try:
            values[key] = _value(known[key], text)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from None
    required = [field.name for field in dataclasses.fields(kind) if _required(field) and field.name not in values]
    if required:
        raise ValueError(f"settings without a default are missing: {', '.join(required)}")
    return kind(**values)


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _value(kind: Any, text: str) -> Any:
    if isinstance(kind, types.UnionType):  # X | None
        kind = next(member for member in typing.get_args(kind) if member is not types.NoneType)
    if typing.get_origin(kind) is tuple:
        item = typing.get_args(kind)[0]
        return tuple(_value(item, part) for part in text.split(",")) if text else ()
    if typing.get_origin(kind) is collections.abc.Mapping:
        return dict(_entry(typing.get_args(kind)[1], part) for part in text.split(",")) if text else {}
    if kind is bool:
        if text not in ("true", "false"):
            raise ValueError(f"{text!r} is neither true nor false")
        return text == "true"
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"{text!r} is no number") from None
    return unescape(text)


def _entry(kind: Any, text: str) -> tuple[str, Any]:
    name, colon, value = text.partition(":")
    if not colon:
        raise ValueError(f"{text!r}: write name:value")
    return unescape(name), _value(kind, value)
