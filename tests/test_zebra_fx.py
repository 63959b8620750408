"""`zebra_fx`: reads of tags merged to passages, and whatever else is published below the reader's topic."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.barcodes import gs1
from devices.barcodes.epc import code_of
from devices.driver import SpeaksMqtt
from devices.scanners import _json, _passages, zebra_fx
from devices.types import Condition, Garbled, Heartbeat, Item, Kept, Message, Passage, Trigger

SSCC = "3174257BF4499602D2000000"
OTHER = "E2003411B802011383257C3D"


def driver(**changed: Any) -> zebra_fx.Driver:
    made = zebra_fx.Driver(
        zebra_fx.Settings(**{"base": "FX9600F0F4B5", "inside": (3, 4), "outside": (1, 2), **changed})
    )
    made.opened(0.0, Kept())
    return made


def shown(value: object) -> str:
    return str(value)[:30]


class Portal:
    """A driver, and a reader that numbers what it publishes."""

    def __init__(self, **changed: Any) -> None:
        self.driver = driver(**changed)
        self.number = 0

    def tag(self, at: float, epc: str = SSCC, antenna: int | None = 1, **data: Any) -> list[Item]:
        self.number += 1
        tag = {"eventNum": self.number, "format": "epc", "idHex": epc, "antenna": antenna, **data}
        return self.say({"type": "SIMPLE", "timestamp": "2026-11-26T21:04:05.120+0000", "data": tag}, at)

    def say(self, body: Any, at: float, topic: str = "data", retain: bool = False) -> list[Item]:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        return list(self.driver.feed(Message(f"FX9600F0F4B5/{topic}", payload, 1, retain), at))

    def later(self, now: float) -> list[Passage]:
        items = self.driver.tick(now)
        assert all(isinstance(item, Passage) for item in items)
        return [item for item in items if isinstance(item, Passage)]


# --- the EPC ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("epc", "code"),
    [
        ("3074257BF7194E4000001A85", "80614141123458"),  # sgtin-96:3.0614141.812345.6789
        ("3066C4409047E140075BCD15", "09506000134352"),  # sgtin-96:3.95060001343.05.123456789
        ("3174257BF4499602D2000000", "00106141412345678908"),  # sscc-96:3.0614141.1234567890
        ("311BA1B300CE0A6A83000000", "00095201234567891235"),  # sscc-96:0.952012.03456789123
        ("3376451FD40C0E400000162E", "8003095211411234545678"),  # grai-96:3.9521141.12345.5678
        ("3474257BF40000000000162E", "800406141415678"),  # giai-96:3.0614141.5678
        ("3476451FD40000000000162E", "800495211415678"),  # giai-96:3.9521141.5678
    ],
)
def test_vectors_of_the_tag_data_standard(epc: str, code: str) -> None:
    assert code_of(epc) == code
    assert code_of(epc.lower()) == code


def packed(header: int, partition: int, *fields: tuple[int, int]) -> str:
    """An EPC from (value, bits), written apart from the decoder."""
    text = f"{header:08b}011{partition:03b}" + "".join(f"{value:0{bits}b}" for value, bits in fields)
    return f"{int(text.ljust(96, '0'), 2):024X}"


PREFIXES = {0: (40, 12), 1: (37, 11), 2: (34, 10), 3: (30, 9), 4: (27, 8), 5: (24, 7), 6: (20, 6)}


@pytest.mark.parametrize("partition", PREFIXES)
@given(data=st.data())
def test_each_partition_shares_the_bits_of_an_sscc(partition: int, data: st.DataObject) -> None:
    bits, digits = PREFIXES[partition]
    prefix = data.draw(st.integers(0, 10**digits - 1))
    serial = data.draw(st.integers(0, 10 ** (17 - digits) - 1))
    code = code_of(packed(0x31, partition, (prefix, bits), (serial, 58 - bits)))
    assert code is not None
    reference = f"{serial:0{17 - digits}}"
    assert code[:-1] == "00" + reference[0] + f"{prefix:0{digits}}" + reference[1:]
    assert gs1.is_checked(code[2:])


@pytest.mark.parametrize(
    "epc",
    [
        *("", "31", "3174257BF4499602D200000", SSCC + "0000", "3174257BF4499602D200000G", OTHER, "0" * 24, "F" * 24),
        packed(0x31, 7, (1, 20), (1, 38)),
        packed(0x31, 5, (10_000_000, 24), (1, 34)),
        packed(0x31, 5, (1, 24), (10_000_000_000, 34)),
        packed(0x31, 5, (1, 24), (1, 34), (1, 24)),
        packed(0x33, 0, (1, 40), (1, 4), (1, 38)),
        "٣" * 24,
    ],
)
def test_what_is_no_epc_of_these_schemes(epc: str) -> None:
    assert code_of(epc) is None


@given(number=st.integers(0, 2**96 - 1), header=st.sampled_from([0x30, 0x31, 0x33, 0x34]))
def test_any_bits_have_a_code_with_its_check_digit_or_none(number: int, header: int) -> None:
    code = code_of(f"{header:02X}{number % 2**88:022X}")
    if code is None:
        return
    assert code.isascii()
    assert code.isdigit()
    if header in (0x30, 0x31):
        assert gs1.is_checked(code[-18:])
    if header == 0x33:
        assert gs1.is_checked(code[5:18])


# --- a passage --------------------------------------------------------------------------------------------------------


def test_reads_are_merged_to_one_passage() -> None:
    portal = Portal(portal="DOCK-2")
    assert portal.tag(1000.0, peakRssi=-61, reads=3) == []
    assert portal.tag(1500.0, antenna=3, peakRssi=-48.5) == []
    assert portal.tag(1900.0, antenna=3, peakRssi=-70) == []
    assert portal.driver.next_at() == 3900.0
    assert portal.later(3899.0) == []
    [passage] = portal.later(3900.0)
    raw, passage_raw = passage.raw, passage
    assert json.loads(raw)["data"]["eventNum"] == 1
    assert passage_raw == Passage(
        text="00106141412345678908",
        epc=SSCC,
        portal="DOCK-2",
        direction="in",
        first=1000.0,
        last=1900.0,
        count=5,
        raw=raw,
        at=3900.0,
        rssi=-48.5,
        antennas=(1, 3),
    )
    assert portal.driver.next_at() is None
    assert portal.later(9000.0) == []


@pytest.mark.parametrize(
    ("antennas", "direction"),
    [
        ([1, 3], "in"),
        ([1, 2, 4, 3], "in"),
        ([3, 1], "out"),
        ([1, 3, 1, 3], "in"),
        ([1, 3, 1], ""),
        ([3, 1, 3], ""),
        ([1, 1, 2], ""),
        ([3], ""),
        ([7, 8], ""),
        ([1, 7, 3, 7], "in"),
        ([None, None], ""),
    ],
    ids=str,
)
def test_direction_by_sides_is_said_only_where_both_ends_prove_it(antennas: list[int | None], direction: str) -> None:
    portal = Portal()
    for place, antenna in enumerate(antennas):
        portal.tag(100.0 * place, antenna=antenna)
    assert [passage.direction for passage in portal.later(9000.0)] == [direction]


def test_order_within_one_message_counts_too() -> None:
    portal = Portal()
    tags = [{"idHex": SSCC, "antenna": antenna} for antenna in (3, 1)]
    portal.say({"timestamp": "x", "data": tags}, 5.0)
    portal.say([{"timestamp": "x", "data": {"idHex": OTHER, "antenna": antenna}} for antenna in (1, 3)], 6.0)
    assert [(passage.epc, passage.direction) for passage in portal.later(9000.0)] == [(SSCC, "out"), (OTHER, "in")]


def test_wrong_clocks_do_not_count() -> None:
    portal = Portal()
    for at, time in ((1.0, "2031-01-01T00:00:00Z"), (2.0, "1970-01-01T00:00:00Z"), (3.0, "yesterday")):
        portal.say({"timestamp": time, "data": {"idHex": SSCC, "antenna": int(at)}}, at)
    [passage] = portal.later(9000.0)
    assert (passage.first, passage.last, passage.direction) == (1.0, 3.0, "in")


def test_two_tags_are_two_passages_in_the_order_of_their_end() -> None:
    portal = Portal()
    portal.tag(0.0)
    portal.tag(10.0, OTHER)
    portal.tag(20.0)
    assert [(passage.text, passage.count) for passage in portal.later(9000.0)] == [
        (OTHER, 1),
        ("00106141412345678908", 2),
    ]


def test_an_unknown_epc_is_upper_case_hex() -> None:
    portal = Portal()
    portal.tag(0.0, OTHER.lower())
    assert [(passage.text, passage.epc) for passage in portal.later(9000.0)] == [(OTHER, OTHER)]


def test_a_tag_that_comes_again_after_silence_is_another_passage() -> None:
    portal = Portal()
    portal.tag(0.0)
    assert [type(item) for item in portal.tag(2000.0)] == [Passage], "told with the message, no tick came between"
    assert len(portal.later(4000.0)) == 1


def test_filter_by_epc_prefix() -> None:
    portal = Portal(epc_prefix=("31", "e2003"))
    for epc in (SSCC, OTHER, "3074257BF7194E4000001A85"):
        portal.tag(0.0, epc)
    assert [passage.epc for passage in portal.later(9000.0)] == [SSCC, OTHER]
    assert portal.driver.counters.noted == {zebra_fx.FILTERED: 1}


def test_stray_tag_that_stands_in_the_field_is_told_once() -> None:
    portal = Portal(longest_ms=10_000.0)
    told = []
    for second in range(60):
        told += [item for item in portal.tag(second * 1000.0) if isinstance(item, Passage)]
    assert [(passage.first, passage.last, passage.count) for passage in told] == [(0.0, 9000.0, 10)]
    assert portal.driver.counters.noted == {_passages.STAYS: 50}
    assert portal.later(61_000.0) == []
    assert portal.driver.next_at() is None, "forgotten after its silence"
    portal.tag(70_000.0)
    assert len(portal.later(72_000.0)) == 1


def test_a_passage_is_cut_by_the_clock_when_nothing_is_read() -> None:
    portal = Portal(longest_ms=2500.0)
    portal.tag(0.0)
    portal.tag(1500.0)
    assert portal.driver.next_at() == 2500.0
    assert [passage.count for passage in portal.later(2500.0)] == [2]
    assert portal.driver.next_at() == 3500.0
    assert portal.later(3500.0) == []
    assert portal.driver.next_at() is None


def test_open_passages_are_bounded_and_the_one_read_longest_ago_ends_first() -> None:
    portal = Portal(most_open=3)
    for place in range(3):
        portal.tag(float(place), f"{place:024X}")
    portal.tag(3.0, f"{0:024X}")
    told = [item for place in range(3, 6) for item in portal.tag(float(place + 1), f"{place:024X}")]
    assert [passage.epc for passage in told if isinstance(passage, Passage)] == [f"{place:024X}" for place in (1, 2, 0)]
    assert portal.driver.counters.noted == {_passages.EARLY: 3}
    assert len(portal.later(9000.0)) == 3


def test_a_flood_of_tags_does_not_grow() -> None:
    portal = Portal(most_open=50)
    told = sum(len(portal.tag(1.0, f"{place:024X}")) for place in range(6000))
    assert told == 5950
    assert len(portal.driver._passages._tags) == 50
    assert len(portal.driver._heard) <= zebra_fx.MOST_MESSAGES


def test_the_end_of_the_channel_tells_what_is_in_the_field() -> None:
    portal = Portal()
    portal.tag(0.0)
    assert [type(item) for item in portal.driver.closed(5.0)] == [Passage]
    assert (portal.driver.closed(6.0), portal.driver.next_at()) == ([], None)


# --- what a broker does -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        {"timestamp": "2026-11-26T21:04:05.120Z", "data": {"idHex": SSCC, "antenna": 1}},
        {"data": {"idHex": SSCC, "eventNum": 7}},
        [{"data": [{"idHex": SSCC, "eventNum": 7}]}],
    ],
    ids=str,
)
def test_duplicates_by_qos_1_are_the_same_message_also_after_a_reconnect(event: Any) -> None:
    portal = Portal()
    portal.say(event, 0.0)
    portal.say(event, 1.0)
    assert [passage.count for passage in portal.later(5000.0)] == [1]
    portal.driver.closed(6000.0)
    portal.driver.opened(7000.0, Kept())
    assert portal.say(event, 7001.0) == []
    assert portal.later(20_000.0) == [], "it is no second passage"
    assert portal.driver.counters.noted == {zebra_fx.AGAIN: 2}


def test_without_time_and_number_equal_messages_are_reads_of_their_own() -> None:
    portal = Portal()
    for at in (0.0, 1.0, 2.0):
        portal.say({"data": {"idHex": SSCC}}, at)
    assert [passage.count for passage in portal.later(5000.0)] == [3]


def test_retained_stale_messages_are_ignored_and_counted() -> None:
    portal = Portal()
    assert portal.say({"data": {"idHex": SSCC}}, 0.0, retain=True) == []
    assert portal.say(b"nonsense", 0.0, retain=True) == []
    assert portal.later(9000.0) == []
    assert portal.driver.counters.noted == {zebra_fx.RETAINED: 2}


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        *(
            (payload, _json.NO_JSON)
            for payload in (b"", b"hello", b'{"data":', b"\xff\xfe", b'{"data": NaN}', b"[Infinity]")
        ),
        (b'{"data": {"idHex": "E200"}}{"data": {"idHex": "E201"}}', _json.NO_JSON),
        (b"[" * 60_000, _json.NO_JSON),
        (b'{"a":' * 9000, _json.NO_JSON),
        (b'{"data": {"idHex": "E200", "idHex": "E201"}}', _json.TWICE),
        (b'{"data": {"idHex": "E200"}}' + b" " * 66_000, "longer than 65536 bytes"),
        (b"1" * 5000, _json.NO_JSON),
    ],
    ids=shown,
)
def test_non_json_is_garbled_and_counted(payload: bytes, why: str) -> None:
    portal = Portal()
    assert portal.say(payload, 5.0) == [Garbled(payload[:64], why, 5.0)]
    assert portal.driver.counters.garbled == {why: 1}
    assert portal.later(9000.0) == []


WRONG: list[tuple[str, list[Any]]] = [
    ("idHex", [None, 17, "", "E2", "E20G", "E" * 128, "\ud800" * 4, ["E200"], {}, True]),
    ("antenna", [0, -1, 256, 1.5, "1", True, [1], 10**4000]),
    ("peakRssi", ["-40", True, -1000, 10**4000, 1e308, []]),
    ("reads", [0, -1, None, "3", 1.5, True, 10**4000]),
]


@pytest.mark.parametrize(
    "data", [{"idHex": "E200", name: value} for name, values in WRONG for value in values], ids=shown
)
def test_a_tag_with_values_of_other_kinds_is_garbled(data: dict[str, Any]) -> None:
    portal = Portal()
    [item] = portal.say({"data": data}, 5.0)
    assert isinstance(item, Garbled)
    assert len(item.raw) <= 64
    assert portal.later(9000.0) == []


def test_one_bad_tag_of_a_list_does_not_spoil_the_others() -> None:
    portal = Portal()
    items = portal.say({"data": [{"idHex": "x"}, {"idHex": SSCC}, {"idHex": 1}, 5]}, 5.0)
    assert [type(item) for item in items] == [Garbled], "one for the message"
    assert [passage.epc for passage in portal.later(9000.0)] == [SSCC]


@pytest.mark.parametrize(
    "body",
    [
        *(
            {},
            [],
            {"data": 5},
            {"data": []},
            {"data": {"x": 1}},
            {"data": [[{"idHex": SSCC}]]},
        ),
        {"command": "start", "command_id": "1", "payload": {}},
        {"command": "start", "command_id": "1", "response": "success"},
    ],
    ids=str,
)
def test_what_is_neither_tag_nor_event_is_counted(body: Any) -> None:
    portal = Portal()
    assert portal.say(body, 5.0, "ctrl/resp") == []
    assert set(portal.driver.counters.noted) <= {zebra_fx.OTHER}
    assert portal.later(9000.0) == []


def test_a_tag_without_an_epc_is_counted() -> None:
    portal = Portal()
    portal.tag(0.0, format="tid")
    assert portal.later(9000.0) == []
    assert portal.driver.counters.noted == {zebra_fx.NOT_EPC: 1}


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([True, SSCC, "heartbeat"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["data", "idHex", "eventType", "antenna", "reads", "radio_control", "antennas", "timestamp"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=8,
)


@given(payload=st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=60)
def test_no_message_raises(payload: bytes) -> None:
    portal = Portal(heartbeat_s=1)
    for item in [*portal.say(payload, 1.0), *portal.driver.tick(9000.0), *portal.driver.closed(9001.0)]:
        assert not isinstance(item, Garbled) or len(item.raw) <= 64


# --- the reader itself ------------------------------------------------------------------------------------------------


def beat(number: int = 1, radio: str = "connected", **antennas: str) -> dict[str, Any]:
    ports = {name.removeprefix("port"): state for name, state in antennas.items()}
    data = {"radio_control": {"radioConnection": radio, "antennas": ports, "cpu": 3}, "system": {}}
    return {"eventType": "heartbeat", "eventNum": number, "component": "RC", "data": data}


def conditions(items: list[Item]) -> list[tuple[bool, str]]:
    return [(item.ok, item.what) for item in items if isinstance(item, Condition)]


def test_heartbeats_are_no_parcels() -> None:
    portal = Portal()
    [item] = portal.say(beat(), 5.0, "mgmt/events")
    assert isinstance(item, Heartbeat)


def test_a_heartbeat_says_what_is_not_connected_once() -> None:
    portal = Portal()
    assert conditions(portal.say(beat(1, port1="connected", port8="disconnected"), 1.0)) == [], "8 is not ours"
    bad = beat(2, "disconnected", port1="connected", port3="disconnected")
    assert conditions(portal.say(bad, 2.0)) == [(False, "the radio is not connected; antenna 3 is not connected")]
    assert conditions(portal.say(bad | {"eventNum": 3}, 3.0)) == []
    assert conditions(portal.say(beat(4, port3="connected"), 4.0)) == [
        (True, "it is well again, after: the radio is not connected; antenna 3 is not connected")
    ]


def test_a_heartbeat_that_is_back_does_not_hide_what_is_not_connected() -> None:
    portal = Portal(heartbeat_s=10)
    gone = "antenna 3 is not connected"
    assert conditions(portal.say(beat(1, port3="disconnected"), 1000.0)) == [(False, gone)]
    [silent] = conditions(list(portal.driver.tick(11_000.0)))
    assert silent[0] is False
    assert conditions(portal.say(beat(2, port3="disconnected"), 12_000.0)) == [(False, gone)]
    [well] = conditions(portal.say(beat(3, port3="connected"), 13_000.0))
    assert well[0] is True


def test_an_error_event_holds_until_the_next_heartbeat() -> None:
    portal = Portal()
    error = {"eventType": "error", "data": {"code": 7, "text": "radio\x1b[31m reset", "more": {"x": 1}}}
    assert conditions(portal.say(error, 1.0)) == [(False, "the reader reports an error: code=7 text=radio[31m reset")]
    [well] = conditions(portal.say(beat(), 2.0))
    assert well == (True, "it is well again, after: the reader reports an error: code=7 text=radio[31m reset")


@pytest.mark.parametrize("kind", ["gpi", "warning", "userapp", "firmwareUpdateProgress", "x" * 1000, "unheard of"])
def test_other_events_are_counted_under_few_names(kind: str) -> None:
    portal = Portal()
    assert portal.say({"eventType": kind, "data": {}}, 1.0) == []
    assert all(len(name) < 40 for name in portal.driver.counters.noted)


def test_a_missing_heartbeat_is_said_once_and_anything_heard_ends_it() -> None:
    portal = Portal(heartbeat_s=10)
    assert portal.driver.next_at() == 10_000.0
    assert conditions(list(portal.driver.tick(10_000.0)))[0][0] is False
    assert portal.driver.tick(20_000.0) == []
    assert conditions(portal.tag(21_000.0))[0][0] is True
    portal.say(b"nonsense", 30_000.0)
    assert conditions(list(portal.driver.tick(31_000.0)))[0][0] is False, "nonsense is no life sign"


def test_shape() -> None:
    made = driver()
    spoken: SpeaksMqtt = made
    assert isinstance(spoken, SpeaksMqtt)
    assert (list(made.subscriptions()), spoken.will(), made.take()) == ([("FX9600F0F4B5/#", 1)], None, [])
    with pytest.raises(TypeError, match="messages are wanted"):
        made.feed(b"{}", 0.0)
    with pytest.raises(TypeError, match="takes no Trigger"):
        made.send(Trigger(True), 0.0, None)


def test_the_portal_is_called_as_its_topic_where_it_has_no_name() -> None:
    made = driver(base="/FX7500EECCA8")
    made.feed(Message("/FX7500EECCA8/tags", json.dumps({"data": {"idHex": SSCC}}).encode()), 0.0)
    assert [passage.portal for passage in made.tick(9000.0) if isinstance(passage, Passage)] == ["FX7500EECCA8"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        *(({"base": base}, "base = .*write a topic") for base in ("", "a/", "a/+", "#", "$SYS/x", "a b", "x" * 300)),
        ({"inside": (1,), "outside": (1,)}, "antenna 1 is on both sides"),
        ({"inside": (0,)}, "0 is no antenna"),
        ({"epc_prefix": ("xyz",)}, "write hex digits"),
        ({"silence_ms": 0}, "silence_ms = 0: write a time over 0"),
        ({"longest_ms": 100.0}, r"longest_ms = 100.0: write silence_ms \(2000.0\) or more"),
        ({"most_open": 0}, "most_open = 0"),
        ({"max_length": 10**9}, "max_length = 1000000000"),
        ({"heartbeat_s": -1}, "heartbeat_s = -1"),
    ],
    ids=str,
)
def test_settings_that_cannot_work_say_what_to_write(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        driver(**wrong)


@pytest.mark.parametrize("body", [5, "x", None, [[]], [None]], ids=str)
def test_what_is_no_object_is_garbled(body: Any) -> None:
    portal = Portal()
    assert [type(item) for item in portal.say(body, 5.0)] == [Garbled]
    assert portal.later(9000.0) == []


@pytest.mark.parametrize("kind", sorted(zebra_fx.TAGS))
def test_a_tag_event_without_a_tag_is_garbled(kind: str) -> None:
    assert [type(item) for item in Portal().say({"type": kind, "data": {"antenna": 1}}, 5.0)] == [Garbled]


def test_a_heartbeat_is_one_by_either_name_of_its_type() -> None:
    body = beat() | {"type": "heartbeat"}
    del body["eventType"]
    assert [type(item) for item in Portal().say(body, 5.0)] == [Heartbeat]
