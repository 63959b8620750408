"""Sections of the floor file: keys with their types, and errors that say where and what to write instead."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any


class FloorError(Exception):
    """The floor file is wrong; the text says where and what to write instead."""


def make_settings(shape: type, where: str, values: Mapping[str, Any]) -> Any:
    """An instance of the dataclass `shape`, whose fields are the section's keys."""
    fields = {field.name: field for field in dataclasses.fields(shape)}
    only(values, where, fields)
    hints = typing.get_type_hints(shape)
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if name not in values and required:
            raise FloorError(f"[{where}] {name} is missing")
    try:
        return shape(**{name: _typed(value, hints[name], f"[{where}] {name}") for name, value in values.items()})
    except ValueError as error:
        raise FloorError(f"[{where}] {error}") from error


def _typed(value: Any, hint: Any, where: str) -> Any:
    if typing.get_origin(hint) is dict:
        if type(value) is not dict:
            raise FloorError(f"{where}: must be a table, not {value!r}")
        kind = typing.get_args(hint)[1]
        return {key: _typed(one, kind, f"{where}.{key}") for key, one in value.items()}
    if typing.get_origin(hint) is tuple:
        if type(value) is not list:
            raise FloorError(f"{where}: must be a list, not {value!r}")
        kind = typing.get_args(hint)[0]
        return tuple(_typed(one, kind, where) for one in value)
    allowed = [one for one in (typing.get_args(hint) or (hint,)) if isinstance(one, type)]
    if float in allowed and type(value) is int:
        try:
            return float(value)
        except OverflowError as error:
            raise FloorError(f"{where}: give a smaller number") from error
    if type(value) not in allowed:
        names = " or ".join(one.__name__ for one in allowed if one is not types.NoneType)
        raise FloorError(f"{where}: must be {names}, not {value!r}")
    if type(value) is float and not math.isfinite(value):
        raise FloorError(f"{where}: {value} is no number; write one")
    return value


def get(section: Mapping[str, Any], where: str, key: str, kind: type, default: Any = ...) -> Any:
    """The value of a key, of the right type; without a default it must be there."""
    if key in section:
        return _typed(section[key], kind, f"[{where}] {key}")
    if default is ...:
        raise FloorError(f"[{where}] {key} is missing")
    return default


def only(section: Iterable[str], where: str, keys: Iterable[str]) -> None:
    """No key but these."""
    for key in section:
        if key not in keys:
            raise FloorError(f"[{where}] {key}: unknown key{_suggest(key, keys)}")


def all_known(sections: Iterable[str], name: str, words: Iterable[str], what: str) -> None:
    """Every section of the table `name` is called after one of `words`, which are `what`s."""
    for key in sections:
        known(key, words, f"[{name}.{key}]", what)


def known(value: str, words: Iterable[str], where: str, what: str) -> None:
    """`value` is one of `words`, which are `what`s."""
    if value not in words:
        raise FloorError(f"{where}: no {what} is called {value!r}{_suggest(value, words)}")


def _suggest(word: str, words: Iterable[str]) -> str:
    meant = close(word, words)
    return f"; did you mean {meant!r}?" if meant else f"; known are {', '.join(sorted(words)) or 'none'}"


def close(word: str, words: Iterable[str]) -> str | None:
    """The word that was probably meant."""
    return next(iter(difflib.get_close_matches(word, list(words), 1, 0.75)), None)


def line_number(text: str, message: str) -> int:
    """Where the section and key that `message` begins with stand in the file; tomllib does not say."""
    named = re.match(r"\[([^]]+)\](?: (\w+))?", message)
    section, key = named.groups() if named else ("", None)
    table, _, row = section.partition(".")
    header, current = 1, ""
    for number, line in enumerate(text.splitlines(), 1):
        if opened := re.match(r"\s*\[+([^]]+)\]", line):
            current = opened[1].strip()
            header = number if current == section else header
        elif row and current == table and re.match(rf"\s*{re.escape(row)}\s*=", line):
            return number  # the section is a row: ID = { key = value }
        elif key and current == section and re.match(rf"\s*{key}\s*=", line):
            return number
    return header


def table(document: Mapping[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """The sections of a table, by id."""
    sections = document.get(name, {})
    if not isinstance(sections, dict) or not all(isinstance(section, dict) for section in sections.values()):
        raise FloorError(f"[{name}] must hold sections: [{name}.<id>]")
    return sections
