"""The text of a floor file: tables, and tables with one row a thing. Where a floor is written, and its links there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

Row = Mapping[str, object]


class PlaceError(ValueError):
    """A floor cannot be written for this folder, broker or site; the text says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a floor is: its folder (absolute), the broker of its nodes and machines, the site. `port`: which TCP port
    is taken in place of a usual one. Raises PlaceError."""

    folder: str
    broker: str
    site: str
    port: Callable[[int], int] = int

    def __post_init__(self) -> None:
        if not re.fullmatch(r"/[A-Za-z0-9_./+@=-]*", self.folder):
            raise PlaceError(
                f"{self.folder!r} would have to stand in the links of the floor: choose a folder whose path has none "
                "but A-Z a-z 0-9 _ . + @ = - and /"
            )
        if not re.fullmatch(r"mqtt://[A-Za-z0-9_.-]+(:\d{1,5})?", self.broker):
            raise PlaceError(f"{self.broker!r}: write the broker as mqtt://host:port")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", self.site):
            raise PlaceError(f"{self.site!r} is no site: up to 64 characters of A-Z a-z 0-9 _ -")

    def serial(self, name: str, baud: int = 115_200) -> tuple[str, str]:
        """The links of floord and of the machine at a pty of this folder."""
        path = f"{self.folder}/tty-{name}"
        return f"serial://{path}?baud={baud}", f"pty://{path}"

    def tcp(self, port: int) -> tuple[str, str]:
        """The same at a TCP port of this computer, on which the machine listens."""
        port = self.port(port)
        return f"tcp://127.0.0.1:{port}", f"tcp-listen://127.0.0.1:{port}"

    def mqtt(self) -> tuple[str, str]:
        """The same at the broker."""
        url = urlsplit(self.broker)
        link = f"mqtt://{url.hostname}:{url.port or 1883}"
        return link, link


def head(title: str, arithmetic: Sequence[tuple[str, str]], run: Sequence[str]) -> str:
    """The comment at the top of a file: what it is, its arithmetic as rows, and the commands that run it."""
    wide = max(len(name) for name, _ in arithmetic)
    text = f"# {title}\n#\n" + "".join(f"#   {name:<{wide}}   {figures}\n" for name, figures in arithmetic)
    return text + "#\n" + "".join(f"# {line}\n" for line in run) + "\n"


def section(table: str, **keys: object) -> str:
    """One table; a key whose value is None is left out."""
    return f"\n[{table}]\n" + "".join(f"{key} = {value(one)}\n" for key, one in keys.items() if one is not None)


def rows(table: str, things: Mapping[str, Row]) -> str:
    """A table of tables, one row each: `ID = { key = value, … }`."""
    wide = max(len(name) for name in things)
    return f"\n[{table}]\n" + "".join(f"{name:<{wide}} = {value(row)}\n" for name, row in things.items())


def value(one: object) -> str:
    """A value as TOML: text, number, truth, list, or a table in one line."""
    if isinstance(one, bool):
        return str(one).lower()
    if isinstance(one, (int, float)):
        return f"{one:g}" if isinstance(one, float) and one % 1 else str(int(one))
    if isinstance(one, str):
        return json.dumps(one)
    if isinstance(one, Mapping):
        return "{ " + ", ".join(f"{key} = {value(own)}" for key, own in one.items()) + " }"
    if isinstance(one, Sequence):
        return "[" + ", ".join(value(own) for own in one) + "]"
    raise TypeError(f"{one!r} has no form in TOML")
