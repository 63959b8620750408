"""Bytes -> frames: delimiters, resynchronisation, bounds, and no difference between any two splits."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devices.framing import BETWEEN, RAW, RESTART, RUN, SILENT, UNFINISHED, Bad, Delimited, Frame, Framer, Piece
from devices.scanners._cola import ColaFrames

SHAPES: dict[str, Callable[[], Framer]] = {
    "stx etx": lambda: Delimited(b"\x02", b"\x03", 8, 200.0),
    "line": lambda: Delimited(None, None, 8, 200.0),
    "stx line": lambda: Delimited(b"\x02", None, 8, 200.0),
    "crlf exactly": lambda: Delimited(None, b"\r\n", 8, 200.0),
    "long marks": lambda: Delimited(b"AB", b"\x03\x03", 8, None),
    "long control mark": lambda: Delimited(b"\x02A", b"\x03", 8, 200.0),
    "stx etx check": lambda: Delimited(b"\x02", b"\x03", 8, 200.0, trailer=1),
    "end and trailer": lambda: Delimited(None, b"\r\n", 8, 200.0, trailer=2),
    "long marks, trailer": lambda: Delimited(b"AB", b"\x03\x03", 8, None, trailer=3),
    "cola": lambda: ColaFrames(20, 200.0),
}
every_shape = pytest.mark.parametrize("shape", SHAPES)
WIRE = st.lists(
    st.sampled_from(
        [
            b"\x02",
            b"\x03",
            b"\r",
            b"\n",
            b"A",
            b"B",
            b"\x02\x02\x02\x02",
            b"\0\0\0\x03",
            b"abc",
            b"12345678",
            b"123456789",
        ]
    ),
    max_size=40,
).map(b"".join)


def stx_etx(max_length: int = 10, gap_ms: float | None = 200.0) -> Delimited:
    return Delimited(b"\x02", b"\x03", max_length, gap_ms)


def texts(pieces: Iterable[Piece]) -> list[bytes | str]:
    """Frames as bytes, Bads as their reason."""
    return [piece.data if isinstance(piece, Frame) else piece.why for piece in pieces]


def test_a_frame_comes_without_its_delimiters_at_the_time_of_its_last_byte() -> None:
    framer = stx_etx()
    assert framer.feed(b"\x02ab", 1.0) == []
    assert framer.feed(b"c\x03", 2.0) == [Frame(b"abc", 2.0)]


def test_junk_between_frames_is_one_bad() -> None:
    assert stx_etx().feed(b"\x00\xff\x7e\x02a\x03zz\x02b\x03", 1.0) == [
        *(Bad(b"\x00\xff\x7e", BETWEEN, 1.0), Frame(b"a", 1.0)),
        *(Bad(b"zz", BETWEEN, 1.0), Frame(b"b", 1.0)),
    ]


def test_a_new_start_restarts_the_frame() -> None:
    assert stx_etx().feed(b"\x02R\x02HB\x03B\x03", 1.0) == [Bad(b"\x02R", RESTART, 1.0), Frame(b"HB", 1.0)]


def test_a_start_of_printable_characters_may_stand_inside() -> None:
    assert texts(Delimited(b"AB", b"\r", 9, None).feed(b"ABxABy\r", 1.0)) == [b"xABy"]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_a_line_end_has_three_spellings(end: bytes) -> None:
    framer = Delimited(None, None, 9, None)
    wire = end.join([b"abc", b"", b"def", b""])
    assert texts(framer.feed(wire, 1.0)) == [b"abc", b"", b"def"]
    assert framer.close(2.0) == []


def test_cr_and_lf_in_two_chunks_are_one_line_end() -> None:
    framer = Delimited(b"\x02", None, 9, None)
    assert texts([*framer.feed(b"\x02a\r", 1.0), *framer.feed(b"\n\x02b\r", 2.0)]) == [b"a", b"b"]


def test_too_long_skips_to_the_next_start() -> None:
    assert texts(stx_etx(3).feed(b"\x02abc\x03\x02abcd\x03ef\x03\x02g\x03", 1.0)) == [
        *(b"abc", "longer than 3 bytes", b"g"),
    ]


def test_too_long_a_line_skips_to_its_end() -> None:
    assert texts(Delimited(None, None, 3, None).feed(b"abcdefg\nhij\n", 1.0)) == ["longer than 3 bytes", b"hij"]


@pytest.mark.parametrize("check", [b"\x28", b"\x02", b"\x03", b"\r"])
def test_a_check_byte_after_the_end_belongs_to_the_frame_whatever_it_is(check: bytes) -> None:
    framer = Delimited(b"\x02", b"\x03", 8, 200.0, trailer=1)
    assert framer.feed(b"\x02abc\x03", 1.0) == []
    assert framer.feed(check + b"\x02d\x03e", 2.0) == [Frame(b"abc" + check, 2.0), Frame(b"de", 2.0)]


def test_max_length_counts_neither_end_nor_trailer() -> None:
    framer = Delimited(b"\x02", b"\x03", 3, None, trailer=2)
    assert texts(framer.feed(b"\x02abc\x03xy\x02abcd\x03xy\x02g\x03xy", 1.0)) == [
        *(b"abcxy", "longer than 3 bytes", b"gxy"),
    ]


def test_too_long_without_a_start_skips_the_trailer_too() -> None:
    framer = Delimited(None, b"\n", 3, None, trailer=2)
    assert texts([*framer.feed(b"abcdefg\nx", 1.0), *framer.feed(b"yhij\nxy", 2.0)]) == [
        "longer than 3 bytes",
        b"hijxy",
    ]


def test_a_trailer_that_does_not_come_makes_no_frame() -> None:
    framer = Delimited(b"\x02", b"\x03", 8, 200.0, trailer=2)
    assert framer.feed(b"\x02abc\x03x", 1000.0) == []
    assert framer.silence(1200.0) == [Bad(b"\x02abc\x03x", SILENT, 1200.0)]
    framer.feed(b"\x02abc\x03x", 2000.0)
    assert framer.close(2001.0) == [Bad(b"\x02abc\x03x", UNFINISHED, 2001.0)]


def test_silence_discards_a_partial_frame_and_not_a_moment_earlier() -> None:
    framer = stx_etx()
    assert framer.deadline() is None
    framer.feed(b"\x02ab", 1000.0)
    assert framer.deadline() == 1200.0
    assert framer.silence(1199.9) == []
    assert framer.silence(1200.0) == [Bad(b"\x02ab", SILENT, 1200.0)]
    assert framer.deadline() is None
    assert texts(framer.feed(b"c\x03\x02d\x03", 1201.0)) == [BETWEEN, b"d"]


def test_a_late_byte_is_not_the_rest_of_a_frame() -> None:
    framer = stx_etx()
    framer.feed(b"\x02ab", 0.0)
    assert texts(framer.feed(b"c\x03", 200.0)) == [SILENT]
    assert texts(framer.close(201.0)) == [BETWEEN]


def test_bytes_that_keep_coming_hold_a_frame_open() -> None:
    framer = stx_etx()
    for at, byte in enumerate(b"\x02abcde"):
        assert framer.feed(bytes([byte]), at * 199.0) == []
    assert texts(framer.feed(b"\x03", 6 * 199.0)) == [b"abcde"]


@every_shape
def test_the_end_of_the_channel_makes_a_partial_frame_bad(shape: str) -> None:
    framer = SHAPES[shape]()
    assert framer.feed(b"\x02AB\x02A12", 1.0) is not None
    bad = framer.close(2.0)
    assert [piece.why for piece in bad][-1:] == [UNFINISHED]
    assert framer.close(3.0) == []


@pytest.mark.parametrize(
    ("start", "end", "length", "gap"),
    [
        (None, b"", 9, None),
        (b"\x02", b"\x02", 9, None),
        (b"A", b"AB", 9, None),
        (None, b"\r", 0, None),
        (None, None, 9, 0.0),
    ],
)
def test_marks_that_cannot_work_are_refused(
    start: bytes | None, end: bytes | None, length: int, gap: float | None
) -> None:
    with pytest.raises(ValueError):
        Delimited(start, end, length, gap)


@pytest.mark.parametrize(("end", "trailer"), [(b"\x03", -1), (None, 1)])
def test_a_trailer_that_cannot_work_is_refused(end: bytes | None, trailer: int) -> None:
    with pytest.raises(ValueError, match="trailer"):
        Delimited(None, end, 9, None, trailer)


def run(shape: str, chunks: Iterable[bytes]) -> list[Piece]:
    framer = SHAPES[shape]()
    return [*(piece for chunk in chunks for piece in framer.feed(chunk, 1.0)), *framer.close(1.0)]


@every_shape
@given(wire=WIRE, cuts=st.sets(st.integers(0, 200)))
@example(wire=b"\x02\x02\x02\x02\0\0\0\x03\x02\x03A" + b"\x40", cuts=set())
@example(wire=b"12345678" * 3 + b"\r\nABabc\r\nAB", cuts={26, 27, 33})  # too long, its trailer in two parts
@example(wire=b"\x02" + b"12345678" * 3 + b"\x02\x03", cuts=set())  # too long, found out late, then an empty one
def test_every_split_gives_the_same(shape: str, wire: bytes, cuts: set[int]) -> None:
    places = [0, *sorted(cut for cut in cuts if cut < len(wire)), len(wire)]
    whole = run(shape, [wire])
    assert run(shape, (wire[a:b] for a, b in pairwise(places))) == whole
    assert run(shape, (wire[at : at + 1] for at in range(len(wire)))) == whole


@given(bodies=st.lists(st.binary(max_size=10).filter(lambda body: not set(body) & {2, 3}), max_size=20), data=st.data())
def test_junk_between_frames_changes_no_frame(bodies: list[bytes], data: st.DataObject) -> None:
    junk = st.binary(max_size=9).filter(lambda raw: 2 not in raw)
    wire = b"".join(data.draw(junk) + b"\x02" + body + b"\x03" for body in bodies)
    assert [piece.data for piece in stx_etx().feed(wire, 1.0) if isinstance(piece, Frame)] == bodies


FLOODS = {
    "no end": b"\x02" + b"A" * 10**6,
    "junk": b"A" * 10**6,
    "starts": b"\x02" * 10**6,
    "cola": b"\x02\x02\x02\x02\0" * 200_000,
}


@every_shape
@pytest.mark.parametrize("flood", FLOODS)
def test_a_megabyte_without_end_is_quick_bounded_and_seen(shape: str, flood: str) -> None:
    framer, data = SHAPES[shape](), FLOODS[flood]
    began = time.process_time()
    bad = [piece for at in range(0, len(data), 4096) for piece in framer.feed(data[at : at + 4096], 1.0)]
    assert time.process_time() - began < 10.0  # of this process, 0.01 to 2 s; a quadratic one takes minutes
    assert len(bad) >= len(data) // RUN - 1
    assert all(isinstance(piece, Bad) and len(piece.raw) <= RAW for piece in bad)


@every_shape
def test_memory_does_not_grow(shape: str) -> None:
    framer = SHAPES[shape]()
    tracemalloc.start()
    try:
        for _ in range(2000):
            framer.feed(b"\x02" + b"A" * 500, 1.0)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 50_000


@every_shape
def test_byte_by_byte_is_linear(shape: str) -> None:
    def seconds(count: int) -> float:
        framer, data = SHAPES[shape](), [b"\x02", *[b"A"] * count]
        began = time.process_time()
        for byte in data:
            framer.feed(byte, 1.0)
        return time.process_time() - began

    assert seconds(80_000) < 40 * seconds(8_000) + 0.5
