"""On which line of a TOML text each key stands, so that a problem can name its place.

`tomllib` reads the values but forgets where they stood. This walks the same text once more and keeps only the places.
It runs on texts that `tomllib` has accepted, so it need not judge; should it lose its way all the same, it stops and
what it has found so far is good.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys from the root; elements of lists by number from 0, e.g. ("rule", 0, "country")."""

_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})' + "|'''.*?'''(?:'{0,2})" + r'|"(?:\\.|[^"\\\n])*"' + "|'[^'\n]*'", re.DOTALL
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]}\n#]*")
_SPACE = re.compile(r"[ \t]*")
_REST = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")


def places(text: str) -> dict[KeyPath, int]:
    """Every key, table and list element of `text` -> its line, counted from 1; the first place of a path counts."""
    walk = _Walk(text)
    try:
        walk.document()
    except (_Lost, ValueError, RecursionError):
        pass
    return walk.lines


class _Lost(Exception):
    """The text is not what was expected here."""


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._counts: dict[KeyPath, int] = {}

    def document(self) -> None:
        table: KeyPath = ()
        while self._past(_REST) < len(self.text):
            start = self.at
            if self._skip("[["):
                table = self._table(self._keys(), start, element=True)
            elif self._skip("["):
                table = self._table(self._keys(), start, element=False)
            else:
                self._pair(table)
            while self._skip("]"):
                pass

    def _table(self, keys: list[str], start: int, element: bool) -> KeyPath:
        """The path of a header; a part that names a list of tables means its last element."""
        path: KeyPath = ()
        for key in keys[:-1]:
            path = self._last((*path, key), start)
        path = (*path, keys[-1])
        if element:
            self._note(path, start)
            self._counts[path] = self._counts.get(path, 0) + 1
        path = self._last(path, start)
        self._note(path, start)
        return path

    def _last(self, path: KeyPath, start: int) -> KeyPath:
        self._note(path, start)
        count = self._counts.get(path)
        return path if count is None else (*path, count - 1)

    def _pair(self, table: KeyPath) -> None:
        start, path = self.at, table
        for key in self._keys():
            path = (*path, key)
            self._note(path, start)
        if not self._skip("="):
            raise _Lost
        self._past(_SPACE)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        if self._skip("["):
            index = 0
            while self._more("]"):
                self._note((*path, index), self.at)
                self._value((*path, index))
                index += 1
        elif self._skip("{"):
            while self._more("}"):
                self._pair(path)
        elif self.text.startswith(('"', "'"), self.at):
            self._past(_STRING)
        else:
            self._past(_BARE_VALUE)

    def _more(self, end: str) -> bool:
        """Step over space, comments and commas; True unless the bracket closes here."""
        self._past(_REST)
        while self._skip(","):
            self._past(_REST)
        if self.at >= len(self.text):
            raise _Lost
        return not self._skip(end)

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._past(_SPACE)
            start = self.at
            if self.text.startswith(('"', "'"), start):
                self._past(_STRING)
                keys.append(str(tomllib.loads(f"key = {self.text[start : self.at]}")["key"]))
            else:
                self._past(_BARE_KEY)
                keys.append(self.text[start : self.at])
            self._past(_SPACE)
            if not self._skip("."):
                return keys

    def _note(self, path: KeyPath, at: int) -> None:
        self.lines.setdefault(path, bisect_left(self._ends, at) + 1)

    def _skip(self, what: str) -> bool:
        found = self.text.startswith(what, self.at)
        self.at += len(what) if found else 0
        return found

    def _past(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise _Lost
        self.at = match.end()
        return self.at
