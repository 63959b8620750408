"""What `floord status --device` says of one machine: everything that it and its link count, by name."""

from __future__ import annotations

from typing import Any

NOT_OPEN = "not open yet"
"""Why a link is down that never was up."""


def shown(name: str, link: dict[str, Any]) -> list[str]:
    """Rows of one entry of `links` (controller/status.py)."""
    ago = "never" if link["last_byte_ms"] is None else f"{_s(link['last_byte_ms'])} ago"
    state = f"up for {_s(link['since_ms'])}" if link["up"] else f"DOWN: {link['why'] or NOT_OPEN}"
    reopened = f"reopened {link['reopened']}"
    if link["up"] and link["why"]:
        reopened += f", last lost: {link['why']}"
    return [
        f"{name}: {link['kind']} at {link['link']}",
        f"link      {state}; {reopened}",
        f"bytes     {link['bytes_in']} in, the last {ago}; {link['bytes_out']} out; {link['damaged']} damaged",
        *_line(link),
        *(_session(link["session"]) if "session" in link else ()),
        *(f"not well  {f'{part}: ' if part else ''}{why}" for part, why in link.get("unwell", {}).items()),
        f"frames    {link['frames']}",
        *_counts("garbled", link["garbled"]),
        *_counts("noted", link["noted"]),
        *_replies(link.get("replies", [])),
        *_spoilt(link.get("spoilt", [])),
    ]


def _line(link: dict[str, Any]) -> list[str]:
    """What the port itself counts, and echoes that differed, where there is any."""
    counts = {**link["line_errors"], "collisions of the echo": link["collisions"]}
    found = [f"{count} {what}" for what, count in counts.items() if count]
    return [f"line      {', '.join(found)}"] if found else []


def session_word(session: dict[str, Any]) -> str:
    """How far the session of a line is (also an entry of `lines`)."""
    return "normal" if session["synchronised"] else "begun" if session["session"] else "NONE"


def _session(said: dict[str, Any]) -> list[str]:
    return [
        f"session   {session_word(said)}, line {said['line']}, {said['travels']} travels",
        f"epochs    PLC {_epoch(said['epoch'])}, controller {_epoch(said['our_epoch'])}",
        f"durable   event {said['durable_evt']} of PLC epoch {_epoch(said['durable_epoch'])}",
    ]


def _epoch(number: int) -> str:
    return f"{number} ({number:04X} hex)" if number else "unknown"


def _counts(word: str, counts: dict[str, int]) -> list[str]:
    if not counts:
        return [f"{word:<10}nothing"]
    found = [f"{count:>6}  {why}" for why, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))]
    return [f"{word if not number else '':<8}{row}" for number, row in enumerate(found)]


def _replies(last: list[dict[str, Any]]) -> list[str]:
    """What it answered last to each kind of question, the newest first."""
    rows = [f"{_s(one['age_ms'])} ago  {one['verb']}: {one['text']}" for one in reversed(last)]
    return [f"{'' if number else 'answered':<10}{row}" for number, row in enumerate(rows)]


def _spoilt(last: list[dict[str, Any]]) -> list[str]:
    """The last messages that were none, the newest first; as hex, so that nothing in them reaches the terminal."""
    rows: list[str] = []
    for one in reversed(last):
        raw = bytes.fromhex(one["raw"])
        who = f"{one['reader']}: " if one.get("reader") else ""
        rows.append(f"{'' if rows else 'last bad':<10}{_s(one['age_ms'])} ago  {who}{one['why']}")
        for place in range(0, len(raw), 16):
            piece = raw[place : place + 16]
            text = "".join(chr(byte) if 0x20 <= byte <= 0x7E else "." for byte in piece)
            rows.append(f"{'':<10}{piece.hex(' '):<48} {text}")
    return rows


def _s(ms: float) -> str:
    return f"{ms / 1000:.1f} s"
