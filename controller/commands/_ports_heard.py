"""What `floord ports --listen` shows: bytes as hex and text, and the verdict on them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from controller.ports_guess import Guess, Verdict
from controller.wording import counted
from devices.links import LinkUrl

BYTES = 8
"""In a row: with everything escaped it is 70 characters long."""

SEVERAL = 3


def settings(url: LinkUrl) -> str:
    """`9600 8N1`."""
    return f"{url.baud} {url.bytesize}{url.parity}{url.stopbits:g}"


class Rows:
    """Pieces as rows: seconds since the first, hex, and text in which all but printable ASCII is escaped."""

    def __init__(self) -> None:
        self._first: float | None = None

    def of(self, data: bytes, at: float) -> Iterator[str]:
        """The rows of one piece; `at` in ms."""
        self._first = at if self._first is None else self._first
        for start in range(0, len(data), BYTES):
            part = data[start : start + BYTES]
            yield f"{(at - self._first) / 1000:8.3f}  {part.hex(' '):<{BYTES * 3 - 1}}  {text_of(part)}"


def text_of(data: bytes) -> str:
    """Printable ASCII as it is, a backslash doubled, the rest as in `\\x02`."""
    return "".join("\\\\" if byte == 0x5C else chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in data)


def words(verdict: Verdict) -> list[str]:
    """The verdict in rows, those of our own words at most 79 characters long."""
    rows = [row for hint in verdict.hints for row in textwrap.wrap(hint, 79, subsequent_indent="    ")]
    if verdict.sure == "no":
        return [*rows, "no kind of machine that floord knows says this"]
    best, *others = verdict.guesses
    rows += [f"{verdict.sure}:", *(f"    {row}" for row in _section(best)), f"    # {_why(best)}"]
    rivals = [one for one in others if one.score >= 0.5][: SEVERAL - 1]
    for one in rivals:
        rows += ["or:", *(f"    {row}" for row in _section(one)), f"    # {_why(one)}"]
    return rows


def _section(guess: Guess) -> list[str]:
    return [f"kind = {json.dumps(guess.kind)}", *(f"{key} = {_toml(value)}" for key, value in guess.settings.items())]


def _toml(value: Any) -> str:
    """JSON is TOML here: texts, numbers, true and false, lists of them."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def _why(guess: Guess) -> str:
    garbled = f", {guess.garbled} garbled" if guess.garbled else ""
    return f"{counted(guess.items, 'message')} understood{garbled}; notices {guess.proof:.0%} of spoilt bytes"


def as_json(verdict: Verdict) -> dict[str, Any]:
    """The verdict for scripts."""
    return {
        "sure": verdict.sure,
        "guesses": [asdict(guess) for guess in verdict.guesses],
        "hints": list(verdict.hints),
        "line": dict(verdict.line),
    }
