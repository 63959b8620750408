"""A cable with a baud rate, and the way over a broker: what comes, when, and in which order."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_stubs.bad_line import FIFO, HELD_MOST, BadLine, Faults
from firmware_stubs.bad_messages import BadMessages
from firmware_stubs.stub import Message

GOOD = Faults()
MS = 10_000 / 9600  # a character at 9600 baud


def faulty(fault: str, chance: float, **settings: Any) -> Faults:
    chances: dict[str, Any] = {fault: chance}
    return Faults(**chances, **settings)


def drain(line: BadLine) -> list[tuple[float, bytes]]:
    """Everything that is still to come, fetched exactly when `next_at` says."""
    out: list[tuple[float, bytes]] = []
    for _ in range(100_000):
        at = line.next_at()
        if at is None:
            return out
        data = line.take(at)
        assert data, "next_at() must make progress"
        out.append((at, data))
    raise AssertionError("busy loop")


# A cable with a baud rate


def test_a_character_comes_with_its_last_bit_and_not_before() -> None:
    line = BadLine(GOOD, 1, baud=9600)
    line.feed(b"ABC", 1000.0)
    assert line.take(1000.0) == b""
    assert line.take(1000.0 + MS - 0.001) == b""
    assert line.take(1000.0 + MS) == b"A"
    assert line.take(1000.0 + 3 * MS - 0.001) == b"B"
    assert line.next_at() == pytest.approx(1000.0 + 3 * MS)
    assert line.take(5000.0) == b"C"
    assert line.next_at() is None


def test_what_is_said_later_waits_until_the_line_is_free() -> None:
    line = BadLine(GOOD, 1, baud=9600)
    line.feed(b"x" * 96, 0.0)  # 100 ms
    line.feed(b"y", 50.0)
    assert line.take(100.0 + MS - 0.001) == b"x" * 96
    line.feed(b"z", 200.0)
    assert line.take(200.0 + MS - 0.001) == b"y"
    assert line.take(200.0 + MS) == b"z"


def test_it_comes_in_the_pieces_of_a_uart() -> None:
    line = BadLine(GOOD, 1, baud=115_200)
    line.feed(bytes(range(40)), 0.0)
    pieces = drain(line)
    assert [len(data) for _, data in pieces] == [FIFO, FIFO, 40 - 2 * FIFO]
    assert pieces[-1][0] == pytest.approx(40 * 10_000 / 115_200)


def test_a_stall_moves_what_has_not_come_yet() -> None:
    for seed in range(99):  # one that stalls the second piece and not the first
        line = BadLine(Faults(stalled=0.5, stall_ms=500.0), seed, baud=9600)
        line.feed(b"ab", 0.0)
        first = line.counts["stalled"]
        line.feed(b"cd", 1.5 * MS)
        if (first, line.counts["stalled"]) == (0, 1):
            break
    assert line.next_at() == pytest.approx(MS)
    assert line.take(400.0) == b"a"
    assert line.take(1.5 * MS + 500.0 + MS) == b"b"
    assert line.take(1.5 * MS + 500.0 + 3 * MS) == b"cd"


@given(
    st.sampled_from([1200, 9600, 115_200, 3_000_000]),
    st.lists(st.tuples(st.floats(0, 300), st.binary(max_size=40), st.floats(0, 300)), max_size=15),
)
def test_nothing_is_lost_early_or_out_of_order_at_any_baud(baud: int, steps: list[tuple[float, bytes, float]]) -> None:
    line, now, said, heard = BadLine(GOOD, 1, baud), 4e8, b"", b""
    latest: list[float] = []  # when each character's last bit comes
    for pause, data, look in steps:
        now += pause
        line.feed(data, now)
        for _ in data:
            latest.append(max(now, latest[-1] if latest else 0.0) + 10_000 / baud)
        said += data
        now += look
        heard += line.take(now)
        assert len(heard) <= sum(at <= now + 1e-3 for at in latest)
        assert len(heard) >= sum(at <= now - 1e-3 for at in latest)
    heard += b"".join(data for _, data in drain(line))
    assert heard == said


def test_faults_are_the_same_with_a_baud_rate() -> None:
    faults = Faults(lost=0.1, doubled=0.1, half=0.1, flipped=0.1)
    fast, slow = BadLine(faults, 5), BadLine(faults, 5, baud=9600)
    for number in range(300):
        for line in (fast, slow):
            line.feed(b"<%03d>" % number, 0.0)
    assert fast.take(0.0) == b"".join(data for _, data in drain(slow))
    assert fast.counts == slow.counts


def test_a_slow_line_keeps_so_much_and_no_more() -> None:
    line = BadLine(GOOD, 1, baud=300)
    for _ in range(100):
        line.feed(b"x" * 1000, 0.0)
    assert line.counts["overflowed"] == 35
    assert sum(len(data) for _, data in drain(line)) == 65_000 <= HELD_MOST


@pytest.mark.parametrize(
    ("faults", "baud", "message"),
    [(Faults(reordered=0.1), 9600, "messages"), (GOOD, -1, "baud")],
)
def test_a_cable_that_cannot_be_is_refused(faults: Faults, baud: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BadLine(faults, 1, baud)


# The way over a broker


def numbered(count: int) -> list[Message]:
    return [Message("hub/s1/up", b"%04d" % number) for number in range(count)]


def over(faults: Faults, messages: Iterable[Message], seed: int = 5) -> tuple[list[bytes], BadMessages]:
    """One message every 10 ms, and what came, in order."""
    way, now = BadMessages(faults, seed), 0.0
    out: list[Message] = []
    for message in messages:
        now += 10
        while (at := way.next_at()) is not None and at < now:
            got = way.take(at)
            assert got or at == now
            out += got
        way.feed(message, now)
        out += way.take(now)
    while (at := way.next_at()) is not None:
        got = way.take(at)
        assert got, "next_at() must make progress"
        out += got
    return [one.payload for one in out], way


def test_a_good_way_changes_nothing() -> None:
    out, _ = over(GOOD, numbered(50))
    assert out == [one.payload for one in numbered(50)]
    kept = Message("a", b"b", qos=0, retain=True)
    way = BadMessages(GOOD, 1)
    way.feed(kept, 5.0)
    assert way.next_at() == 5.0
    assert way.take(5.0) == [kept]


@pytest.mark.parametrize("fault", ["delayed", "reordered", "stalled"])
def test_what_comes_late_comes_all_the_same_and_only_messages_change_their_order(fault: str) -> None:
    out, way = over(faulty(fault, 0.2, delay_ms=35.0, stall_ms=35.0), numbered(400))
    sent = [one.payload for one in numbered(400)]
    assert 40 < way.counts[fault] < 120
    assert sorted(out) == sent
    moved = sum(after < before for before, after in itertools.pairwise(out))
    assert moved == 0 if fault == "stalled" else moved > 20
    assert out == over(faulty(fault, 0.2, delay_ms=35.0, stall_ms=35.0), numbered(400))[0]


def test_who_is_to_come_behind_the_next_one_does_not_wait_for_ever() -> None:
    way = BadMessages(Faults(reordered=1.0, delay_ms=100.0), 1)
    first, second, third = numbered(3)
    way.feed(first, 0.0)
    assert (way.take(99.0), way.next_at()) == ([], 100.0)
    assert way.take(100.0) == [first]
    way.feed(second, 200.0)
    way.feed(third, 210.0)
    assert way.take(210.0) == [third, second]


@pytest.mark.parametrize(("fault", "length"), [("lost", None), ("doubled", 4), ("half", 3), ("flipped", 4)])
def test_the_other_faults_happen_to_whole_messages(fault: str, length: int | None) -> None:
    out, way = over(faulty(fault, 0.25), numbered(400))
    count = way.counts[fault]
    assert 60 < count < 140
    assert len(out) == 400 + {"lost": -count, "doubled": count}.get(fault, 0)
    if fault in ("half", "flipped"):
        assert sum(one not in {sent.payload for sent in numbered(400)} for one in out) > count / 2
        assert length is not None
        assert max(map(len, out)) == 4


def test_an_empty_payload_takes_every_fault() -> None:
    for fault in ("lost", "doubled", "half", "flipped", "stalled", "delayed", "reordered"):
        way = BadMessages(faulty(fault, 1.0), 1)
        way.feed(Message("a", b""), 0.0)
        assert len(way.take(1000.0)) == {"lost": 0, "doubled": 2}.get(fault, 1)


def test_a_way_that_stands_still_keeps_so_much_and_no_more() -> None:
    way = BadMessages(Faults(stalled=1.0, stall_ms=1000.0), 1)
    for _ in range(100):
        way.feed(Message("a" * 500, b"x" * 500), 0.0)
    assert way.take(999.0) == []
    assert way.next_at() == 1000.0
    assert len(way.take(1000.0)) == 65
    assert way.counts["overflowed"] == 35
    way.feed(Message("a" * 500, b"x" * 500), 3000.0)
    assert len(way.take(5000.0)) == 1
