"""What holds for every wire: the split of its bytes and the noise between its frames change no item, and nothing that
comes over it takes much memory or time.

Found by walking the families: a new kind is tested by its transcript.
"""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.types import Condition, Garbled, Item, Message
from tests import transcripts
from tests.ears import (
    ALL_KINDS,
    KINDS,
    READERS,
    SILENCE,
    Ear,
    conversation_settings,
    held,
    messages_of,
    settings_groups,
    sound,
)
from tests.transcripts import Recorded

STX = b"\x02"
GROUPS = [(kind, texts) for kind in KINDS for texts in settings_groups(kind)]
IDS = [" ".join((kind, *texts)) for kind, texts in GROUPS]
every_kind = pytest.mark.parametrize("kind", KINDS)
every_group = pytest.mark.parametrize(("kind", "texts"), GROUPS, ids=IDS)


def timeless(items: Iterable[Item]) -> list[Item]:
    return [dataclasses.replace(item, at=0.0) if hasattr(item, "at") else item for item in items]


class Wire:
    """One ear, what it heard and what it wanted to say."""

    def __init__(self, kind: str, texts: tuple[str, ...], confirms: bool) -> None:
        self.ear = Ear(kind, texts)
        self.ear.take()  # what it says when the channel opens: an answer is one only behind its command
        self.heard: list[Item] = []
        self.now = 1.0
        self._confirms = confirms

    def feed(self, data: bytes) -> None:
        items = self.ear.feed(data, self.now)
        self.heard += items
        for item in items:
            token = getattr(item, "token", None)
            if self._confirms and token is not None and self.ear.driver is not None:
                self.ear.driver.confirm(token, self.now)
        self.ear.take()

    def silence(self) -> None:
        self.heard += self.ear.quiet(self.now)
        self.now += SILENCE

    def end(self) -> list[Item]:
        self.silence()
        return timeless([*self.heard, *self.ear.close(self.now)])


@st.composite
def talks(draw: st.DrawFn, kind: str) -> tuple[tuple[str, ...], list[bytes]]:
    """Settings of a transcript, and messages that were recorded under them, in any order."""
    texts = draw(st.sampled_from(settings_groups(kind)))
    recorded = st.sampled_from([message.raw for message in messages_of(kind, texts)])
    return texts, draw(st.lists(recorded, min_size=1, max_size=8))


def split(draw: Any, wire: bytes) -> Iterator[bytes]:
    cuts = draw(st.sets(st.integers(1, max(1, len(wire) - 1)), max_size=12))
    return (wire[a:b] for a, b in pairwise([0, *sorted(cuts), len(wire)]))


@every_kind
@given(data=st.data())
@settings(max_examples=25)
def test_no_split_of_the_bytes_changes_an_item(kind: str, data: st.DataObject) -> None:
    """Whether or not the disk is quick, too: what is durable changes what a machine is told, not what it said."""
    texts, messages = data.draw(talks(kind))
    one_by_one = Wire(kind, texts, confirms=data.draw(st.booleans()))
    for message in messages:
        one_by_one.feed(message)
    joined = Wire(kind, texts, confirms=data.draw(st.booleans()))
    for chunk in split(data.draw, b"".join(messages)):
        joined.feed(chunk)
    assert joined.end() == one_by_one.end()


def marks(messages: Iterable[Recorded]) -> set[int]:
    """Bytes that may begin or end a message, or undo one."""
    ends = {byte for message in messages for byte in (message.raw[:1] + message.raw[-2:])}
    return ends | set(b"\x02\x03\x1b\x16\r\n")


def noise(messages: list[Recorded]) -> tuple[st.SearchStrategy[bytes], bool]:
    """What may stand between the messages, and whether silence must follow it.

    Where every message begins with STX, anything without STX may. Elsewhere nothing says where a message begins but
    the pause before it, and nothing where one ends but its mark.
    """
    framed = all(message.raw.startswith(STX) for message in messages)
    harmless = sorted(set(range(256)) - (set(STX) if framed else marks(messages)))
    return st.lists(st.sampled_from(harmless), max_size=9).map(bytes), not framed


NOISY = [
    kind
    for kind, family in KINDS.items()
    if family != "plcs"
    or all(one.raw.startswith(STX) for texts in settings_groups(kind) for one in messages_of(kind, texts))
]


@pytest.mark.parametrize("kind", NOISY)
@given(data=st.data())
@settings(max_examples=25)
def test_noise_between_the_frames_changes_no_item(kind: str, data: st.DataObject) -> None:
    texts, messages = data.draw(talks(kind))
    junk, pause = noise(messages_of(kind, texts))
    quiet, noisy = Wire(kind, texts, confirms=True), Wire(kind, texts, confirms=True)
    for message in messages:
        between = data.draw(junk)
        if between and pause:
            quiet.silence()
        for chunk in split(data.draw, between + (b"" if pause else message)):
            noisy.feed(chunk)
        if between and pause:
            noisy.silence()
        for chunk in split(data.draw, message if pause else b""):
            noisy.feed(chunk)
        quiet.feed(message)
    assert without_beats(noisy.end()) == without_beats(quiet.end())


def without_beats(items: list[Item]) -> list[Item]:
    """What a reader said: noise is no sign that it is well, and no message."""
    return [item for item in sound(items) if not isinstance(item, Condition) or "heartbeat" not in item.what]


# --- a wire without an end --------------------------------------------------------------------------------------------

MEGABYTE = 1_000_000
PIECE = 4096
SLOWER = 50
"""PLCs get so much less: Modbus without a frame in it costs 10 µs a byte."""
ROOM = 300_000
"""Bytes that a driver may hold; the longest frame that any kind takes is 64 kB."""


def floods(kind: str, texts: tuple[str, ...]) -> dict[str, bytes]:
    """Patterns that are repeated for ever, each of about PIECE bytes."""
    messages = messages_of(kind, texts)
    starts = {message.raw[:at] for message in messages for at in (1, 4)}
    found = {
        **{f"{byte:02X}": bytes([byte]) for byte in (0x00, 0x02, 0x1B, 0x41, 0xFF)},
        "cut messages": b"".join(message.raw[:-1] for message in messages),
        "torn messages": b"".join(message.raw[1:] for message in messages),
        "starts": b"".join(sorted(starts)),
        "messages": b"".join(message.raw for message in messages),
    }
    return {name: pattern * (PIECE // len(pattern) + 1) for name, pattern in found.items() if pattern}


def openings(kind: str, texts: tuple[str, ...]) -> list[bytes]:
    """How a message begins before it never ends."""
    found = sorted({message.raw[:at] for message in messages_of(kind, texts) for at in (1, 5, 9)})
    return found[:3] if ALL_KINDS[kind] == "plcs" else found


def pour(ear: Ear, pattern: bytes, size: int) -> int:
    """Feed it, take what it writes and confirm nothing; how many items came."""
    count = 0
    for _ in range(0, size, len(pattern)):
        for item in ear.feed(pattern, 1.0):
            count += 1
            assert not isinstance(item, Garbled) or len(item.raw) <= 64
        assert len(ear.take()) <= 4 * len(pattern)
    return count


@every_group
def test_a_wire_without_an_end_is_seen_and_takes_no_room(kind: str, texts: tuple[str, ...], full: bool) -> None:
    size = MEGABYTE // ((1 if full else 25) * (SLOWER if ALL_KINDS[kind] == "plcs" else 1))
    for name, pattern in floods(kind, texts).items():
        ear = Ear(kind, texts)
        began = time.process_time()
        items = pour(ear, pattern, size)
        assert time.process_time() - began < 20.0, name
        assert items or ALL_KINDS[kind] == "plcs", name
        assert held(ear.ear) < ROOM, name


@every_group
def test_a_message_that_never_ends_is_given_up(kind: str, texts: tuple[str, ...], full: bool) -> None:
    """In one piece and in small ones; with --full of a megabyte each time."""
    plc = ALL_KINDS[kind] == "plcs"
    size = MEGABYTE // (SLOWER if plc else 1 if full else 3)
    first, *others = openings(kind, texts)
    _give_up(kind, texts, [first + b"A" * size])
    for opening in [first, *others]:
        some = size if full or plc else size // 30
        _give_up(kind, texts, [opening + b"A" * some])
        _give_up(kind, texts, [opening, *[b"A" * PIECE] * (some // PIECE + 1)])


def _give_up(kind: str, texts: tuple[str, ...], pieces: list[bytes]) -> None:
    ear = Ear(kind, texts)
    began = time.process_time()
    items = [item for piece in pieces for item in ear.feed(piece, 1.0)]
    assert time.process_time() - began < 20.0, pieces[0][:9]  # 0.01 to 3 s; a quadratic one takes minutes
    assert items, pieces[0][:9]
    assert held(ear.ear) < ROOM, pieces[0][:9]


@every_group
def test_byte_by_byte_takes_time_like_its_length(kind: str, texts: tuple[str, ...]) -> None:
    opening = openings(kind, texts)[-1]

    def seconds(count: int) -> float:
        ear = Ear(kind, texts)
        began = time.process_time()
        ear.feed(opening, 1.0)
        for _ in range(count):
            ear.feed(b"A", 1.0)
        return time.process_time() - began

    assert seconds(16_000) < 20 * seconds(2_000) + 0.5


# --- a broker without an end ------------------------------------------------------------------------------------------

ON_BROKERS = [kind for kind in READERS if kind not in KINDS]


@pytest.mark.parametrize("kind", ON_BROKERS)
def test_ever_new_messages_take_bounded_room(kind: str, full: bool) -> None:
    """Every number in them is another one each time: devices, scans, codes, tags."""
    texts = conversation_settings(kind)[0]

    def good(topic: str, payload: bytes) -> bool:
        return not any(isinstance(item, Garbled) for item in Ear(kind, texts).feed(Message(topic, payload), 1.0))

    said = [one for one in transcripts.conversation(kind) if one.direction != "C"]
    said = [one for one in said if good(one.topic, one.payload) and _numbered(one.payload, 77) != one.payload]
    ear, items = Ear(kind, texts), 0
    for number in range(50_000 if full else 2_000):
        one = said[number % len(said)]
        message = Message(re.sub("[0-9]{2,}", str(number), one.topic), _numbered(one.payload, number))
        items += len(sound(ear.feed(message, number / 1000)))
        assert len(ear.take()) <= 2
    assert items or ear.driver.next_at() is not None
    assert held(ear.ear) < 10_000_000


def _numbered(payload: bytes, number: int) -> bytes:
    """With other hex identifiers, of the same length, and other ids that end in two digits."""

    def other(run: re.Match[bytes]) -> bytes:
        return b"%0*d" % (len(run[0]), number)

    return re.sub(b'[0-9]{2}"', b'%d"' % number, re.sub(b"[0-9a-f]{8,}", other, payload))
