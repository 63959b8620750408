"""ASCII telegrams: every message by its fields, the worked telegrams, and any bytes at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.driver import Driver as DriverProtocol
from devices.driver import kinds, load
from devices.plcs import _telegram_codec as codec
from devices.plcs import _telegram_tables as tables
from devices.plcs._taken import Rings, Taken
from devices.plcs.telegram import Driver, Settings, Sniffer
from devices.types import (
    Answered,
    Arrived,
    Button,
    Code,
    Codes,
    CommandSeen,
    ContainerSeen,
    Destination,
    Discharged,
    Garbled,
    Ghost,
    HandedOver,
    Heartbeat,
    Inducted,
    Item,
    Kept,
    Measured,
    Overflow,
    Passed,
    Recirculated,
    Reply,
    SessionBegun,
    Speed,
    Status,
    Synchronised,
    TrackLost,
    TrackOnBelt,
    Tracks,
)
from tests.telegram_line import DEST, EPOCH, KEPT, WORKED, Line, arrv, crc16, frame, has, only, plc
from tests.transcripts import Recorded

every_worked = pytest.mark.parametrize("message", WORKED, ids=str)


def test_driver_shape_and_kind() -> None:
    driver: DriverProtocol = Driver(Settings())
    assert driver.take() == b""
    assert kinds()["telegram"] == "plcs"
    assert load("telegram").Settings is Settings
    assert not [kind for kind in kinds() if kind.startswith("_")]


def test_crc_check_value() -> None:
    assert codec.crc_of("123456789") == crc16("123456789") == "29B1"


def test_all_worked_telegrams_are_there() -> None:
    assert len(WORKED) == 20
    assert {message.meaning for message in WORKED} >= set("SYES SYBE SPED TRAK STAT SYEN ARRV DEST DIVC LIFE".split())


@every_worked
def test_worked_telegram_decodes_and_encodes_byte_for_byte(message: Recorded) -> None:
    raw, side, kind = message.raw, message.direction, message.meaning
    telegram = codec.parse(raw[1:-1])
    assert kind in (telegram.type, telegram.flag)
    assert telegram.sender == {"C": "HUB", "P": "PLC1"}[side]
    assert codec.build(telegram) == raw
    if telegram.flag == "R":
        table = (tables.DOWN if side == "C" else tables.UP)[telegram.type]
        assert codec.write_body(table, codec.read_body(table, telegram.body)) == telegram.body


@every_worked
def test_any_split_gives_the_same_items(message: Recorded) -> None:
    raw = message.raw
    whole = Sniffer().feed(raw * 5, 0.0)
    assert len(whole) == 5
    assert not has(whole, Garbled)
    sniffer = Sniffer()
    assert [item for n in range(len(raw) * 5) for item in sniffer.feed((raw * 5)[n : n + 1], 0.0)] == list(whole)
    for cut in range(1, len(raw)):
        sniffer = Sniffer()
        items = [*sniffer.feed(raw[:cut], 0.0), *sniffer.feed(raw, 1.0)]
        assert has(items, Garbled)
        assert len([item for item in items if not isinstance(item, Garbled)]) == 1


TOKEN = (EPOCH, 413)
UP_BODIES: list[tuple[str, str, Item]] = [
    ("INDU", "000413IND-1.......00041700001220038000012", Inducted("IND-1", 417, "12", 2, 380, 88.0, 100.0, TOKEN)),
    (
        "ARRV",
        "000413IND-1.......0004179999901300003800121000000701D2001A009B%25%1DZ!",
        Arrived("IND-1", 417, None, 1300, 380, 1210, "7", 1, "D", (Code(b"A"), Code(b"B%\x1dZ!")), 100.0, TOKEN),
    ),
    ("CODE", "000413IND-1.......000417N0", Codes("IND-1", 417, "N", (), 100.0, TOKEN)),
    (
        "MEAS",
        "000413DWS.........00041700001250A............005000040000300U",
        Measured("DWS", 417, 1250, "A", None, 500, 400, 300, "U", 100.0, TOKEN),
    ),
    ("PASS", "000413P2..........00041700010", Passed("P2", 417, 90.0, 100.0, TOKEN)),
    (
        "DIVC",
        "0004130004170000........................MRX0000010",
        Discharged(417, 0, None, None, "MR", "X", 0, 90.0, 100.0, TOKEN),
    ),
    ("RCIR", "0004130004170003L07.........FU0200010", Recirculated(417, 3, "L07", "FU", 2, 90.0, 100.0, TOKEN)),
    ("LOST", "000413000417P2..........00041600041800010", TrackLost(417, "P2", 416, 418, 90.0, 100.0, TOKEN)),
    ("GHST", "000413P2..........00041700000000041800000000010", Ghost("P2", 417, 0, 418, None, 90.0, 100.0, TOKEN)),
    ("HAND", "000413S1..00FF000009P2..........00041700010", HandedOver("S1", 255, 9, "P2", 417, 90.0, 100.0, TOKEN)),
    ("STAT", "000413LINE........RUN.0.....00010", Status("LINE", "RUN", "0", 90.0, 100.0, TOKEN)),
    ("STAT", "000413S1-L01......JAM.0.....00010", Status("S1-L01", "JAM", "0", 90.0, 100.0, TOKEN)),
    ("STAT", "000413LINE........ESTPE7....00010", Status("LINE", "ESTP", "E7", 90.0, 100.0, TOKEN)),
    ("BUTN", "000413L07.........CLOS00010", Button("L07", "CLOS", 90.0, 100.0, TOKEN)),
    (
        "CONT",
        "000413L07.........P005BAG-100010",
        ContainerSeen("L07", "P", Code(b"BAG-1"), 90.0, 100.0, TOKEN),
    ),
    ("CONT", "000413L07.........G00000010", ContainerSeen("L07", "G", None, 90.0, 100.0, TOKEN)),
    ("OVFL", "0004130001799999", Overflow(17, None, 100.0, TOKEN)),
    ("SPED", "LINE........02500000000001200010", Speed("LINE", 2500, 12, 90.0, 100.0)),
    (
        "TRAK",
        "01000415IND-1.......L03.........0002S0000010",
        Tracks((TrackOnBelt(415, "IND-1", "L03", 2, "S", 0, 90.0),), 100.0),
    ),
    ("SYBE", "", SessionBegun(EPOCH, False, 100.0)),
    ("SYEN", "", Synchronised(100.0)),
]


def decoded(kind: str, body: str) -> Item:
    """The one item of an up message that arrives at 100 ms."""
    items = Sniffer().feed(plc(kind, 1, body), 100.0)
    assert len(items) == 1
    return items[0]


@pytest.mark.parametrize(("kind", "body", "item"), UP_BODIES, ids=[kind for kind, _, _ in UP_BODIES])
def test_every_up_message(kind: str, body: str, item: Item) -> None:
    assert decoded(kind, body) == item
    assert decoded(kind, body + "0007later") == item, "appended fields are ignored"
    assert not body or isinstance(decoded(kind, body[:-1]), Garbled)


def test_all_up_messages_are_tried() -> None:
    assert {kind for kind, _, _ in UP_BODIES} == set(tables.UP) - {"LIFE"}


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("PASS", "000000P2..........00041700010", "evt"),
        ("PASS", "000413............00041700010", "point"),
        ("PASS", "000413p2..........00041700010", "point"),
        ("PASS", "000413.P2.........00041700010", "point"),
        ("PASS", "000413P2..........00000000010", "track"),
        ("PASS", "000413P2..........00041700 10", "age"),
        ("STAT", "000413LINE........GONE00000000010", "state"),
        ("ARRV", arrv(413)[:-1] + "1004%0a!", "hex"),
        ("ARRV", arrv(413)[:-1] + "1000", "length 0"),
        ("ARRV", arrv(413)[:-1] + "1009ABC", "length 9"),
        ("TRAK", "00", "0 items"),
        ("TRAK", "13", "13 items"),
    ],
)
def test_bad_fields_are_named(kind: str, body: str, why: str) -> None:
    item = decoded(kind, body)
    assert isinstance(item, Garbled)
    assert why in item.why


def test_sniffer_reads_both_sides() -> None:
    items = Sniffer().feed(b"".join(message.raw for message in WORKED), 10.0)
    assert not has(items, Garbled)
    commands = [item for item in items if isinstance(item, CommandSeen)]
    assert [item.verb for item in commands] == ["SYES", "DEST", "DEST", "LIFE"]
    assert commands[1].text == "point=IND-1 track=417 decision=1 reason=PLAN flags=- if_none=D lanes=L07,L08"
    replies = [item for item in items if isinstance(item, Reply)]
    assert (replies[1].verb, replies[1].text) == ("SYBE A", "epoch=001A sequence=6240 durable_evt=411")
    assert (replies[-2].verb, replies[-2].text) == ("LIFE A", "epoch=0003 sequence=121")
    assert [reply.text for reply in replies if reply.verb == "DEST N"] == ["epoch=0003 sequence=120 code=LATE"]
    assert only(items, Heartbeat).at == 10.0


@pytest.mark.parametrize(
    "settings",
    [
        {"plc": ""},
        {"plc": "PLC-01"},
        {"plc": "plc1"},
        {"plc": "HUB"},
        {"baud": 0},
        {"transport": "udp"},
        {"ack": "never"},
    ],
)
def test_settings_are_checked(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="write"):
        replace(Settings(), **settings)  # type: ignore[arg-type]


def test_worked_session_byte_for_byte() -> None:
    """The P lines in, the C lines out; at each event the durable number stands where the worked telegrams have it."""
    lines = iter(WORKED)
    line = Line()
    line.driver.closed(line.now)
    line.driver.next_sequence = 118
    line.driver.opened(line.now, KEPT)

    def next_line(meaning: str) -> bytes:
        message = next(lines)
        assert f"{message.direction} {message.meaning}" == meaning
        return message.raw

    assert line.driver.take() == next_line("C SYES")
    assert line.feed(next_line("P A")) == []
    assert line.feed(next_line("P SYBE")) == [SessionBegun(EPOCH, False, line.now)]
    assert line.driver.take() == next_line("C A")
    assert only(line.feed(next_line("P SPED")), Speed).mm_s == 2500
    tracks = only(line.feed(next_line("P TRAK")), Tracks).items
    assert [(item.track, item.lane, item.decision) for item in tracks] == [(415, "L03", 2), (416, None, 0)]
    assert only(line.feed(next_line("P STAT")), Status).token == (EPOCH, 412)
    line.driver.confirm((EPOCH, 412), line.now)
    assert has(line.feed(next_line("P SYEN")), Synchronised)
    line.driver.take()
    arrived = only(line.feed(next_line("P ARRV")), Arrived)
    assert (arrived.track, arrived.left, arrived.edge) == (417, 1300, line.now - 12)
    first = line.driver.send(DEST, line.now, None)
    dest, taken = next_line("C DEST"), next_line("C A")
    assert line.driver.take() == taken + dest
    assert only(line.feed(next_line("P A")), Answered) == Answered(first, None, line.now)
    hold = Destination("IND-1", 417, 2, "HOLD", ("BOND-1",), "K", True)
    second = line.driver.send(hold, line.now, None)
    assert line.driver.take() == next_line("C DEST")
    assert only(line.feed(next_line("P N")), Answered) == Answered(second, "LATE", line.now)
    assert only(line.feed(next_line("P DIVC")), Discharged).result == "FU"
    assert only(line.feed(next_line("P ARRV")), Arrived).codes == (Code(b"RB123456785GB"),)
    line.driver.take()
    line.driver.confirm((EPOCH, 414), line.now)
    line.run(1100)
    assert line.driver.take() == next_line("C LIFE")
    assert line.feed(next_line("P A")) == []
    line.driver.confirm((EPOCH, 415), line.now)
    assert line.feed(next_line("P LIFE")) == []
    assert line.driver.take() == next_line("C A")
    assert list(lines) == []


@given(st.integers(1, 999_999), st.integers(0, 5000))
def test_everything_up_to_5000_behind_is_known(last: int, behind: int) -> None:
    taken = Taken(Rings())
    taken.remember(Kept(epoch=1, evt=last))
    assert taken.judge_event((last - behind - 1) % 999_999 + 1) == "known"
    assert taken.judge_event(last % 999_999 + 1) == "next"


def memory(driver: Driver) -> int:
    channel = driver._channel
    return len(driver._framer._buffer) + len(channel.items) + len(driver.counters.noted) + len(driver.counters.garbled)


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_random_bytes_never_raise(chunks: list[bytes]) -> None:
    line = Line().normal()
    for chunk in chunks:
        line.feed(chunk)
        line.tick(7.0)
        line.driver.take()
    assert memory(line.driver) < 700


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A worked telegram with bytes changed, and mostly a right crc again."""
    raw = bytearray(draw(st.sampled_from(WORKED)).raw[1:-5])
    for _ in range(draw(st.integers(0, 4))):
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0x20, 0x7E))
    body = raw[:22] + f"{max(0, len(raw) - 25):03}".encode() + raw[25:]
    return frame(body.decode()) if draw(st.booleans()) else b"\x02" + bytes(body) + b"0000\x03"


@given(st.lists(mutated(), max_size=30), st.sampled_from(["taken", "durable"]))
def test_mutated_telegrams_never_raise_and_time_always_moves(telegrams: list[bytes], ack: str) -> None:
    line = Line(Settings(ack=ack)).normal()
    for number, telegram in enumerate(telegrams):
        line.feed(telegram)
        line.driver.send(replace(DEST, track=number + 1), line.now, line.now + 500)
        line.run(150)
        assert line.driver.take().count(b"\x02") <= 6
    assert memory(line.driver) < 100
    line.run(20_000)
