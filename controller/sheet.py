"""One TOML file while it is being checked: what is in it, where it stands, and what is wrong with it.

A floor file and a sort plan are checked the same way: every problem is collected, with file, line, key and what to
write instead, and what can be read is read on, so that one run of `floord check` tells everything at once.

Values are checked by pydantic in its strict JSON mode: TOML has types, so "5" is no number, but a text may become a
path and a list a tuple.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import tomllib
from collections.abc import Hashable, Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar, cast, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError

from controller import toml_syntax
from controller.toml_lines import KeyPath, places
from controller.wording import closest, dotted, explained, key_in, shown, told

T = TypeVar("T")
MAX_BYTES = 16 * 1024 * 1024
SECRETS = frozenset({"password", "passwd", "pass", "pw", "secret", "token"})


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something to be written otherwise. `line` 0 = no line, `key` "" = the file as a whole."""

    file: str
    line: int
    key: str
    what: str
    instead: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: " + (f"{self.key}: " if self.key else "") + "; ".join(filter(None, (self.what, self.instead)))


class ConfigErrors(Exception):
    """All problems of one configuration at once; `str()` is one line each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = in_order(problems)
        super().__init__("\n".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[type[ConfigErrors], tuple[list[Problem]]]:
        """Across processes as it is: by default an exception is made again of its text."""
        return ConfigErrors, (self.problems,)


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Sorted by file and line, each said once."""
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.file, problem.line, problem.key))


class Sheet:
    """The file `path`, or `text` under that name: `data` (empty when it cannot be read), and the `problems` so far.

    `broken` holds the paths that were reported already: what follows from them is not worth a second message.
    """

    def __init__(self, path: Path, text: str | None = None) -> None:
        self.file = str(path)
        self.problems: list[Problem] = []
        self.broken: set[KeyPath] = set()
        self.data: dict[str, Any] = {}
        self._text = ""
        self.readable = self._read(path, text)

    @cached_property
    def lines(self) -> dict[KeyPath, int]:
        """Where each path stands; asked only where something is to be said, for it takes as long as reading."""
        return places(self._text)

    def report(self, at: KeyPath, what: str, instead: str = "") -> None:
        """Note a problem at a path; a key that is not there stands on the line of what should contain it."""
        self.broken.add(at)
        self.problems.append(Problem(self.file, self.line(at), dotted(at), what, instead))

    def hurt(self, at: KeyPath) -> bool:
        """Something below a path was reported already, and what is said of the whole may only follow from that."""
        return any(broken[: len(at)] == at for broken in self.broken)

    def line(self, at: KeyPath) -> int:
        """The line of a path, or of the nearest thing around it; 0 when there is none."""
        while at and at not in self.lines:
            at = at[:-1]
        return self.lines.get(at, 0)

    def unknown(self, at: KeyPath, known: Iterable[str]) -> None:
        """Note a key that nobody reads."""
        key = str(at[-1])
        if key in SECRETS:
            self.report(at, "secrets do not stand here", "write the file that holds it: password_file = '/etc/…'")
            return
        close = closest(key, known)
        if close:
            self.broken.add((*at[:-1], close))
        names = ", ".join(known)
        self.report(at, "unknown key", f"did you mean {close!r}?" if close else f"known here: {names}" if names else "")

    def refused(self, at: KeyPath, text: str, raw: Mapping[str, Any]) -> None:
        """Note a ValueError about the table at a path, at the key that its text begins with."""
        key = key_in(text, raw)
        self.report((*at, key) if key else at, *told(text))

    def table(self, at: KeyPath, value: object) -> dict[str, Any]:
        """`value` as a table; else a problem, and an empty one."""
        if isinstance(value, dict):
            return value
        header = dotted(at) if len(at) > 1 else f"{dotted(at)}.ID"
        self.report(at, f"must be a table, not {shown(value)}", f"write [{header}]")
        return {}

    def tables(self, at: KeyPath, value: object) -> list[dict[str, Any]]:
        """`value` as a list of tables; else a problem, and an empty one."""
        if isinstance(value, list) and all(isinstance(one, dict) for one in value):
            return value
        self.report(at, "must be a list of tables", f"write [[{dotted(at)}]] before each")
        return []

    def fill(self, kind: type[T], at: KeyPath, raw: Mapping[str, Any], also: Iterable[str] = ()) -> T | None:
        """`raw` as a model or dataclass; its keys that are wrong are reported and left out, to check the rest.

        None when nothing can be made of it. `also` = further keys that may stand in this table, read elsewhere.
        """
        known = fields(kind)
        for key in raw:
            if key not in known:
                self.unknown((*at, key), (*known, *also))
        good = {key: value for key, value in raw.items() if key in known}
        adapter: TypeAdapter[T] = _adapter(cast(Hashable, kind))  # which a class is, though mypy asks its instances
        try:
            return adapter.validate_json(json.dumps(good), strict=True)
        except ValidationError as error:
            wrong = {str(self._wrong(at, good, detail, kind)) for detail in error.errors(include_url=False)}
        try:
            rest = {key: value for key, value in good.items() if key not in wrong}
            return adapter.validate_json(json.dumps(rest), strict=True)
        except ValidationError:
            return None

    def _wrong(self, at: KeyPath, raw: Mapping[str, Any], detail: Any, kind: type[Any]) -> str:
        """Report one finding of pydantic; the key of `raw` that it concerns, "" for the whole."""
        key = str(detail["loc"][0]) if detail["loc"] else key_in(detail["msg"], raw)
        path = (*at, key) if key else at
        if detail["type"] == "missing":
            if path not in self.broken:
                self.report(path, "missing", _lacking(kind, key))
            return key
        if not key and self.hurt(at):
            return key
        inner = raw.get(key)
        for step in detail["loc"][1:]:
            if isinstance(inner, list) and isinstance(step, int) and step < len(inner):
                inner = inner[step]
            elif isinstance(inner, dict) and step in inner:
                inner, path = inner[step], (*path, step)
        self.report(path, *explained(detail, inner))
        return key

    def _read(self, path: Path, given: str | None) -> bool:
        text = ""
        try:
            raw = _bytes(path) if given is None else given.encode(errors="surrogatepass")
            text = _text(raw)
            data = tomllib.loads(text)
        except OSError as error:
            self.problems.append(Problem(self.file, 0, "", (error.strerror or str(error)).lower(), "give a TOML file"))
        except RecursionError:
            self.problems.append(Problem(self.file, 0, "", "brackets are nested too deeply"))
        except UnicodeDecodeError as error:
            line = raw[: error.start].count(b"\n") + 1
            self.problems.append(Problem(self.file, line, "", "not UTF-8", "save the file as UTF-8"))
        except ValueError as error:
            line, what, instead = toml_syntax.explained(text, str(error))
            self.problems.append(Problem(self.file, line, "", what, instead))
        else:
            self._text = text
            self.data = self._plain((), data)
            return True
        return False

    def _plain(self, at: KeyPath, value: Any) -> Any:
        """`value` without what has no meaning here and no JSON: dates, times, nan, infinity, numbers over 64 bits."""
        if isinstance(value, dict):
            pairs = {key: self._plain((*at, key), inner) for key, inner in value.items()}
            return {key: inner for key, inner in pairs.items() if inner is not None}
        if isinstance(value, list):
            items = [self._plain((*at, index), inner) for index, inner in enumerate(value)]
            return [item for item in items if item is not None]
        if isinstance(value, (str, bool)) or (isinstance(value, int) and -(2**63) <= value < 2**63):
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        self.report(at, "no date, nan, infinity or number over 64 bits can stand here", "put quotes around a text")
        return None


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """Of a dataclass it takes a millisecond to make, and a floor has hundreds of devices of one kind."""
    return TypeAdapter(kind)


def _lacking(kind: type[Any], key: str) -> str:
    """What to write for a key that must be there, and what it is where the class says so."""
    said = re.search(rf"`{key}` = ([^.;]+)", kind.__doc__ or "")
    words = f", {' '.join(said[1].split())}" if said else ""
    return f"write {key} = " + ('"…"' if get_type_hints(kind).get(key) is str else "…") + words


def fields(kind: type[Any]) -> tuple[str, ...]:
    """The keys of a model or dataclass, in order."""
    if issubclass(kind, BaseModel):
        return tuple(info.alias or name for name, info in kind.model_fields.items())
    return tuple(field.name for field in dataclasses.fields(kind))


def _bytes(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise OSError(0, "not a file")
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _text(raw: bytes) -> str:
    if len(raw) > MAX_BYTES:
        raise ValueError(f"longer than {MAX_BYTES // 1024 // 1024} MiB")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise ValueError(
            "a byte-order mark stands before the first key; save as UTF-8 without it (at line 1, column 1)"
        )
    return raw.decode()
