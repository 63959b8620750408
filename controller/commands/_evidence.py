"""Messages about customs for a person at a terminal, and for scripts: as they came, and what was done."""

from __future__ import annotations

import base64
import hashlib
import textwrap
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from controller.commands._story import safe
from controller.journal_rows import Evidence

SHOWN = 4000
"""Characters of a message that are shown at a terminal; a message about many parcels has up to 1 MiB."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INDENT = 12


def told(found: Iterable[tuple[Evidence, bool]], asked: tuple[str, ...], width: int) -> list[str]:
    """Rows of at most `width` characters. `asked`: the subjects that were looked for."""
    rows = []
    for one, intact in found:
        rows += ["", *_message(one, intact, width)]
    if rows:
        return textwrap.wrap("customs evidence, the oldest message first", width) + rows
    about = ", ".join(_words(subject) for subject in asked)
    return textwrap.wrap(f"customs evidence: no message is kept about {about}", width, subsequent_indent="  ")


def as_json(one: Evidence, intact: bool) -> dict[str, Any]:
    """The same for scripts. `raw` is the message's text, `raw_base64` its bytes where they are no UTF-8."""
    try:
        raw = {"raw": one.raw.decode()}
    except UnicodeDecodeError:
        raw = {"raw_base64": base64.b64encode(one.raw).decode()}
    return {
        "time": _when(one).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "topic": one.topic,
        "subjects": one.subjects,
        "sha256": hashlib.sha256(one.raw).hexdigest(),
        "intact": intact,
        **raw,
        "refused": one.refused,
        "caused": None if one.first_seq is None else [one.first_seq, one.last_seq],
    }


def _message(one: Evidence, intact: bool, width: int) -> list[str]:
    text = safe(one.raw.decode(errors="backslashreplace"))
    more = f"… and {len(text) - SHOWN} characters more: --json has all of them" if len(text) > SHOWN else ""
    rows = textwrap.wrap(f"{_when(one):%Y-%m-%d %H:%M:%S.%f}"[:-3] + f" UTC on {safe(one.topic)}", width)
    rows += _row("about", ", ".join(_words(subject) for subject in one.subjects), width)
    for why in one.refused:
        rows += _row("refused", safe(why), width)
    rows += _row("caused", _caused(one), width)
    rows += _exact("sha256", hashlib.sha256(one.raw).hexdigest(), width)
    if not intact:
        rows += _row("ALTERED", "this is not the hash that was kept when it came: do not trust this text", width)
    return rows + _exact("message", text[:SHOWN], width) + (_row("", more, width) if more else [])


def _when(one: Evidence) -> datetime:
    return EPOCH + timedelta(milliseconds=one.utc_ms)


def _caused(one: Evidence) -> str:
    if one.first_seq is None:
        return "no event"
    return f"event {one.first_seq}" if one.first_seq == one.last_seq else f"events {one.first_seq} to {one.last_seq}"


def _words(subject: str) -> str:
    kind, _, name = subject.partition("/")
    return f"{kind.replace('_', ' ')} {safe(name)}"


def _row(head: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=f"  {head}".ljust(INDENT), subsequent_indent=" " * INDENT)


def _exact(head: str, text: str, width: int) -> list[str]:
    """Cut and not wrapped: no space of it is lost."""
    room = width - INDENT
    parts = [text[at : at + room] for at in range(0, len(text), room)] or [""]
    return [(f"  {head}" if number == 0 else "").ljust(INDENT) + part for number, part in enumerate(parts)]
