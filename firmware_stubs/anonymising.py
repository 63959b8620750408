"""A recording without the parcels' and people's names: codes, parcels, post codes and actors are replaced. Pure.

The same is always replaced by the same, of the same length and shape: a digit by a digit, a letter by a letter, and
where a check digit was right it is right again, where it was wrong it stays wrong. So lengths in frames stay true, and
the floor decides as it did. Of a post code the first two characters stay, since sort plans ask for them; ids of lines,
devices and travels stay, too. The replacements follow from a key that nobody keeps: they cannot be turned back.

What is replaced is found where the contract says it (members of the centre's messages and of events), in what readers
say, and in the codes of PLCs; then it is replaced wherever it stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from firmware_stubs.floor_file import load_kind
from firmware_stubs.mixes import checks
from firmware_stubs.stub import Message
from firmware_stubs.wire_recording import DEVICE, Entry, Recording

SECRET = ("parcel", "aliases", "code", "codes", "container", "subject_id", "epc", "belongs", "actor", "items")
"""members of the centre's messages, of events and of machines that speak JSON, whose texts name a parcel or a person"""
POSTCODE, POSTCODE_STAYS = "postcode", 2
RUN = re.compile("[0-9A-Za-z]+")
READ = re.compile(rb"[0-9A-Za-z]{6,}")
"""what may be a code in what a reader says: with `DIGITS` digits at least"""
DIGITS = 4
SHORT, PLAIN = 8, 4
"""A shorter secret, or one of fewer different characters, is replaced only where it stands alone."""
PART = 5
"""A shorter part of a secret, such as the airline of an air waybill, names nothing."""
BEFORE, BEHIND = r'(?:(?<=["/\x00-\x1f])|\A)', r'(?=["/\x00-\x1f]|\Z)'
"""what stands around a text: quotes, control characters, nothing"""
TRIES = 1000

CHECKS: tuple[tuple[re.Pattern[str], int, Callable[[str], str]], ...] = (
    (re.compile("[A-Z]{2}[0-9]{9}[A-Z]{2}"), 10, lambda text: checks.s10(text[2:10])),
    (re.compile("1Z[0-9A-Z]{16}"), 17, lambda text: checks.ups(text[2:17])),
    (re.compile("[0-9]{20}"), 19, lambda text: checks.gs1(text[2:19])),
    (re.compile("[0-9]{8,18}"), -1, lambda text: checks.gs1(text[:-1])),
    (re.compile("[0-9]{12}|[0-9]{34}"), -1, lambda text: checks.fedex(text[:-1])),
    (re.compile("[0-9]{8,12}"), -1, lambda text: checks.mod7(text[:-1])),
    (re.compile("[0-9]{12,14}"), -1, lambda text: checks.post(text[:-1])),
)
"""shape of a code, where its check digit stands, and what it must be"""


def anonymised(recording: Recording, key: str) -> tuple[Recording, list[str]]:
    """Without names; and a note on each link whose checksums are wrong now. `key`: any text, to be forgotten."""
    names = _Names(key)
    kinds = {name: one.kind for name, one in recording.header.links.items()}
    for entry in recording.entries:
        for secret in _told(entry):
            names.note(secret)
    for entry in recording.entries:
        for secret in _read(entry, kinds.get(entry.link, "")):
            names.note_read(secret)
    entries, broken = [], dict[str, None]()
    for entry in recording.entries:
        data = names.replaced(_without_postcodes(entry, names))
        if data != entry.data and entry.link:
            seal = getattr(_module(kinds[entry.link]), "resealed", None)
            data = seal(data) if seal is not None else data
            if seal is None and getattr(_module(kinds[entry.link]), "CHECKSUMS", False):
                broken[entry.link] = None
        piece = replace(entry.piece, payload=data) if isinstance(entry.piece, Message) else data
        entries.append(replace(entry, piece=piece))
    notes = [f"{link} ({kinds[link]}): its checksums are wrong where something was replaced" for link in broken]
    return replace(recording, entries=entries), notes


class _Names:
    """Each secret's replacement."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._new: dict[str, str] = {}
        self._taken: set[str] = set()
        self._pattern: re.Pattern[bytes] | None = None

    def note(self, secret: str) -> None:
        """A text that is to be replaced, run by run of its letters and digits."""
        for run in RUN.findall(secret):
            names = len(run) >= PART or run == secret
            if names and run not in self._new and any(one.isdigit() for one in run):
                self._new[run] = self._made(run)
                self._pattern = None

    def note_read(self, text: str) -> None:
        """What a reader says: an identifier may stand before a code that is known."""
        if text not in self._new and not any(one in text for one in self._new if not _plain(one)):
            self.note(text)

    def of_postcode(self, text: str) -> str:
        """A post code, its beginning kept."""
        return text[:POSTCODE_STAYS] + _drawn(Random(f"{self._key}/{text}"), text[POSTCODE_STAYS:])

    def replaced(self, data: bytes) -> bytes:
        """Data with every secret in it replaced; the longest first."""
        if not self._new:
            return data
        if self._pattern is None:
            words = sorted(self._new, key=lambda one: (-len(one), one))
            self._pattern = re.compile("|".join(map(_where, words)).encode())
        return self._pattern.sub(lambda found: self._new[found[0].decode()].encode(), data)

    def _made(self, run: str) -> str:
        rng = Random(f"{self._key}/{run}")
        right = next((one for one in CHECKS if one[0].fullmatch(run) and run[one[1]] == one[2](run)), None)
        new = run
        for _ in range(TRIES):
            new = _drawn(rng, run)
            if right is not None:
                place = right[1] % len(new)
                new = new[:place] + right[2](new) + new[place + 1 :]
            valid = any(one[0].fullmatch(new) and new[one[1]] == one[2](new) for one in CHECKS[:4])
            if new != run and new not in self._taken and (right is not None or not valid):
                break
        self._taken.add(new)
        return new


def _drawn(rng: Random, text: str) -> str:
    """Digits for digits; letters stay: they say the service, the country or the kind of a code."""
    return "".join(rng.choice("0123456789") if one.isdigit() else one for one in text)


def _where(secret: str) -> str:
    """Where a secret is looked for: one that might be part of something else, only where it stands alone; if it might
    be a number, only where it is a text."""
    if not _plain(secret):
        return secret
    return f"{BEFORE}{secret}{BEHIND}" if secret.isdigit() else f"(?<![0-9A-Za-z]){secret}(?![0-9A-Za-z])"


def _plain(secret: str) -> bool:
    return len(secret) < SHORT or len(set(secret)) < PLAIN


def _read(entry: Entry, kind: str) -> Iterator[str]:
    """What a reader, or a PLC, says that may be a code."""
    if not entry.link or entry.side != DEVICE:
        return
    module = _module(kind)
    if hasattr(module, "codes_in"):
        yield from module.codes_in(entry.data)
    elif not hasattr(module, "Plc"):
        texts = (found.decode() for found in READ.findall(entry.data))
        yield from (text for text in texts if sum(one.isdigit() for one in text) >= DIGITS)


def _told(entry: Entry) -> Iterator[str]:
    """What the centre, an event or a machine that speaks JSON says in a secret member."""
    if isinstance(entry.piece, Message):
        try:
            yield from _members(json.loads(entry.data))
        except (ValueError, RecursionError):
            return


def _members(body: Any) -> Iterator[str]:
    """The texts under secret members, wherever they stand."""
    if isinstance(body, list):
        for one in body:
            yield from _members(one)
    elif isinstance(body, Mapping):
        for name, value in body.items():
            yield from _texts(value) if name in SECRET else _members(value)


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [text for one in value.values() for text in _texts(one)] if isinstance(value, Mapping) else []


def _without_postcodes(entry: Entry, names: _Names) -> bytes:
    """The data with every post code in it replaced, as text, so that nothing else of the message changes."""
    pattern = rb'("' + POSTCODE.encode() + rb'"\s*:\s*")([^"\\]*)(")'

    def other(found: re.Match[bytes]) -> bytes:
        return found[1] + names.of_postcode(found[2].decode()).encode() + found[3]

    return re.sub(pattern, other, entry.data) if isinstance(entry.piece, Message) else entry.data


def _module(kind: str) -> Any:
    return load_kind(kind, f"kind {kind}")[1] if kind else None
