"""What a check found, in words for a terminal and as JSON. Pure.

A file that was changed after it was recorded is told first, for what differs then says nothing about floord. Of two
texts that differ in some members those are shown. All else is cut at the terminal's width, unless it is asked for.
"""

from __future__ import annotations

import json
import re
import textwrap
from typing import Any

from firmware_stubs.checking import Result
from firmware_stubs.near_inputs import NEAR_MS, Settled
from firmware_stubs.stub import Message
from firmware_stubs.talks import Difference, Fact
from firmware_stubs.wire_print import shown
from firmware_stubs.wire_recording import CENTRE, HOST, Entry

SHOWN = 10
CHANGED = 3
"""lines of the file with a wrong sum that are shown"""
ROWS = 3
"""of a piece, and members of one difference"""
BEFORE = 20
"""characters that are shown before the first that differs"""
MEMBER = re.compile(r"(?:^| )([a-z_]+)=(\S*)")


def told(done: Settled, seconds: float, width: int, whole: bool = False) -> list[str]:
    """A result in words, lines of at most `width`. `whole`: no text is cut, and no difference left out."""
    result = done.result
    span_s = result.until / 1000
    speed = f"{span_s:,.0f} s in {seconds:.1f} s, {span_s / max(seconds, 1e-3):,.0f} times real time"
    notes = [f"checked up to {_at(result.until)}: {result.why}"] if result.why else []
    if not result.events:
        notes.append("no events were recorded: messages to machines alone are compared")
    for one, other in done.swapped:
        notes.append(f"taken in the other order, for they came within {NEAR_MS:g} ms: lines {one} and {other}")
    rows = _damage(result, width, whole)
    for text in (f"{_verdict(result)} ({speed})", *notes):
        rows += textwrap.wrap(text, width)
    last = len(result.differences) if whole else SHOWN
    for difference in result.differences[:last]:
        rows += ["", *_difference(difference, width, whole), *_cause(result, difference, width, whole)]
    if len(result.differences) > last:
        rows += ["", f"… and {len(result.differences) - last:,} more; --json has all"]
    return rows


def described(done: Settled, seconds: float) -> dict[str, Any]:
    """A result as JSON."""
    result = done.result
    return {
        "same": not result.differences and not result.changed,
        "damaged": [
            {
                "line": one.number,
                "t": round(one.t, 3),
                "link": one.link,
                "from": one.side,
                **({"topic": one.piece.topic} if isinstance(one.piece, Message) else {}),
                "hex": one.data.hex(),
                "heard": result.heard(one),
            }
            for one in result.changed
        ],
        "compared": result.compared,
        "until_ms": round(result.until, 3),
        "why": result.why,
        "swapped": done.swapped,
        "seconds": round(seconds, 3),
        "differences": [
            {
                "t": round(one.t, 3),
                "where": one.fact.where,
                "about": one.fact.about,
                "recorded": one.recorded and {"line": one.recorded.entry, "text": one.recorded.text},
                "now": one.now and {"text": one.now.text},
                "came": (came := result.nearest(one)) and {"line": came.entry.number, "heard": came.meaning},
            }
            for one in result.differences
        ],
    }


# --- the file ---------------------------------------------------------------------------------------------------------


def _damage(result: Result, width: int, whole: bool) -> list[str]:
    """The lines with a wrong sum, and what was heard of them."""
    rows: list[str] = []
    last = len(result.changed) if whole else CHANGED
    for entry in result.changed[:last]:
        text = f"damaged: {_place(entry)}: its sum is wrong; it was changed after it was recorded"
        rows += textwrap.wrap(text, width, subsequent_indent=" " * 9)
        most = None if whole else ROWS
        piece = textwrap.wrap(_piece(entry), width - 2, break_on_hyphens=False, max_lines=most, placeholder=" …")
        rows += [f"  {row}" for row in piece]
        rows += _heard(result.heard(entry), entry, width, whole)
    if len(result.changed) > last:
        rows.append(f"… and {len(result.changed) - last:,} more damaged lines; --json has all")
    return [*rows, ""] if rows else []


def _heard(meaning: list[str] | None, entry: Entry, width: int, whole: bool) -> list[str]:
    if entry.side == HOST:
        return ["  floord said it then: it is compared with what it says now"]
    texts = meaning or ([] if entry.side == CENTRE else ["nothing"])
    return [_cut(f"  heard     {text}", width, whole) for text in texts]


def _verdict(result: Result) -> str:
    count, compared = len(result.differences), f"{result.compared:,} messages and events"
    if not result.changed:
        return f"different: {count:,} of {compared}" if count else f"the same: {compared}"
    if not count:
        return f"nothing differs after that: {compared}"
    after = " after that" if all(one.t >= result.changed[0].t - NEAR_MS for one in result.differences) else ""
    return f"{count:,} {'answer differs' if count == 1 else 'answers differ'}{after}: of {compared}"


def _place(entry: Entry) -> str:
    return f"line {entry.number}, {_at(entry.t)}, {entry.link} {entry.side}".rstrip().replace(",  ", ", ")


def _piece(entry: Entry) -> str:
    if entry.up is None:
        return shown(entry.piece)
    return "the wire was opened" if entry.up else f"the wire is gone: {entry.why}"


# --- a difference -----------------------------------------------------------------------------------------------------


def _difference(difference: Difference, width: int, whole: bool) -> list[str]:
    was, is_ = difference.recorded, difference.now
    rows = [f"{_at(difference.t)}  {difference.fact.where}  {difference.fact.about}"]
    if was is not None and is_ is not None and was.text == is_.text:
        rows.append(f"  time      recorded {_at(was.t)}, now {_at(is_.t)} (line {was.entry})")
    elif was is not None and is_ is not None and not whole and (found := members(was.text, is_.text)):
        rows[0] += f"  (line {was.entry})"
        rows += [f"  {row}" for row in found[:ROWS]]
        rows += [f"  … and {len(found) - ROWS} more members; --whole shows them"] if len(found) > ROWS else []
    else:
        rows += _sides(was, is_, width, whole)
    return [_cut(row, width, whole) for row in rows]


def _cause(result: Result, difference: Difference, width: int, whole: bool) -> list[str]:
    """What came in, where it is known; a damaged line was shown already."""
    came = result.nearest(difference)
    if came is None:
        return []
    if came.entry.changed:
        return [f"  came in   line {came.entry.number}, which is damaged"]
    rows = [f"  came in   {_place(came.entry)}: {_piece(came.entry)}"]
    rows += [f"  heard     {one}" for one in came.meaning]
    return [_cut(row, width, whole) for row in rows]


def _sides(was: Fact | None, is_: Fact | None, width: int, whole: bool) -> list[str]:
    """Both texts, from where they begin to differ if that would be cut off."""
    line = f"line {was.entry}: " if was is not None and was.entry else ""
    texts = [fact.text if fact is not None else "nothing" for fact in (was, is_)]
    same = next((at for at, (one, other) in enumerate(zip(*texts, strict=False)) if one != other), 0)
    if not whole and same + BEFORE + len(line) > width:
        texts = ["…" + text[same - BEFORE :] for text in texts]
    return [f"  recorded  {line}{texts[0]}", f"  now       {texts[1]}"]


def members(was: str, is_: str) -> list[str]:
    """Which members of two texts differ, and how; empty where more than members does."""
    (head, one, tail), (other_head, other, other_tail) = _parts(was), _parts(is_)
    if head != other_head:
        return []
    rows = [
        f"{name}: recorded {one.get(name, 'missing')}, now {other.get(name, 'missing')}"
        for name in dict.fromkeys((*one, *other))
        if one.get(name) != other.get(name)
    ]
    ends = (("recorded", tail), ("now", other_tail))
    return rows + [f"{when}{end}" for when, end in ends if end and tail != other_tail]


def _parts(text: str) -> tuple[str, dict[str, str], str]:
    """What stands before the members of a text, the members, and what stands behind: JSON objects, or name=value."""
    head, brace, _ = text.partition("{")
    if not brace:
        found = list(MEMBER.finditer(text))
        return (text[: found[0].start()] if found else text), {one[1]: one[2] for one in found}, ""
    found_members: dict[str, str] = {}
    at = len(head)
    while text.startswith("{", at):
        try:
            body, at = json.JSONDecoder().raw_decode(text, at)
        except ValueError:
            return text, {}, ""
        found_members |= {name: json.dumps(value) for name, value in body.items()}
        at += text.startswith(" ", at)
    return head, found_members, text[at:]


def _cut(text: str, width: int, whole: bool) -> str:
    return text if whole or len(text) <= width else text[: width - 1] + "…"


def _at(t: float) -> str:
    return f"{t / 1000:.3f} s"
