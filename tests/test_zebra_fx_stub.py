"""The FX stub by the words of the IoT Connector's documentation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_stubs.scanners.zebra_fx import Scanner, Settings, epc_of
from firmware_stubs.stub import Message

SSCC = b"373400306542500000"
EPC = "3155BFFFF8D9CF6E10000000"


def portal(seed: int = 1, **keys: Any) -> Scanner:
    return Scanner(Settings(**{"base": "zebra/dock-4", **keys}), seed, 0.0)


def run(scanner: Scanner, until: float) -> list[Message]:
    said = scanner.take()
    while (due := scanner.next_at()) is not None and due <= until:
        scanner.tick(due)
        said += scanner.take()
    return said


def data(messages: list[Message]) -> list[dict[str, Any]]:
    return [json.loads(message.payload)["data"] for message in messages]


def test_a_tag_is_read_many_times_by_one_antenna_after_another() -> None:
    scanner = portal(heartbeat_s=0.0)
    scanner.gate([SSCC], 1000.0)
    said = run(scanner, 1e6)
    assert {(message.topic, message.qos, message.retain) for message in said} == {("zebra/dock-4/data", 0, False)}
    assert [one["antenna"] for one in data(said)] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
    assert {one["idHex"] for one in data(said)} == {EPC.lower()}
    assert [one["eventNum"] for one in data(said)] == list(range(1, 13))
    assert {json.loads(message.payload)["type"] for message in said} == {"INVENTORY"}
    assert scanner.said() == [SSCC], "once, however often it was read"
    assert scanner.said() == []


def test_what_it_says_is_the_captured_form() -> None:
    scanner = portal(clock_ms=1_788_786_000_000.0)
    scanner.gate([b"e2806894000040017790e471"], 513.0)
    event = json.loads(scanner.take()[0].payload)
    assert set(event) == {"data", "timestamp", "type"}
    assert set(event["data"]) == {"antenna", "eventNum", "format", "idHex", "peakRssi", "reads"}
    assert event["timestamp"] == "2026-09-07T13:00:00.513+0000"
    assert (event["data"]["format"], event["data"]["idHex"]) == ("epc", "e2806894000040017790e471")
    assert -65 <= event["data"]["peakRssi"] <= -35


@pytest.mark.parametrize(
    ("mode", "fields"),
    [
        ("SIMPLE", {"eventNum", "format", "idHex"}),
        ("CUSTOM", {"eventNum", "format", "idHex"}),
        ("CONVEYOR", {"eventNum", "format", "idHex", "antenna"}),
        ("INVENTORY", {"eventNum", "format", "idHex", "antenna", "peakRssi", "reads"}),
    ],
)
def test_the_mode_decides_which_fields_there_are(mode: str, fields: set[str]) -> None:
    scanner = portal(mode=mode)
    scanner.gate([SSCC], 0.0)
    assert set(data(scanner.take())[0]) == fields


@pytest.mark.parametrize(("way", "antennas"), [("in", [1, 2, 3]), ("out", [3, 2, 1])])
def test_the_way_is_the_order_of_the_antennas(way: str, antennas: list[int]) -> None:
    scanner = portal(way=way, outside=(1, 2), inside=(3,), reads=1, heartbeat_s=0.0)
    scanner.gate([SSCC], 0.0)
    assert [one["antenna"] for one in data(run(scanner, 1e6))] == antennas


def test_two_tags_at_once_and_an_item_without_one() -> None:
    scanner = portal(way="turns", reads=1, heartbeat_s=0.0)
    scanner.gate([SSCC, b"06291041500213", b"no tag"], 0.0)
    scanner.gate([], 10.0)
    scanner.gate([SSCC], 20.0)
    said = data(run(scanner, 1e6))
    assert [(one["idHex"].upper() == EPC, one["antenna"]) for one in said if one["idHex"].upper() == EPC] == [
        *((True, antenna) for antenna in (1, 1, 2, 2, 3, 3, 4, 4))
    ], "the third went the way of the first"
    assert [one["antenna"] for one in said if one["idHex"] == "30357ff98430d94000000001"] == [1, 2, 3, 4]
    assert scanner.said() == [SSCC, b"06291041500213", None, None, SSCC]


def test_strays_are_read_once_and_are_nobodys() -> None:
    def heard(seed: int) -> list[dict[str, Any]]:
        scanner = portal(seed, strays=1.0, reads=1, heartbeat_s=0.0)
        scanner.gate([SSCC], 0.0)
        assert scanner.said() == [SSCC]
        return data(run(scanner, 1e6))

    strays = [one for one in heard(1) if one["idHex"] != EPC.lower()]
    assert len(strays) == 1
    assert heard(1) == heard(1)
    assert heard(1) != heard(2)


def test_the_heartbeat_says_how_its_radio_is() -> None:
    scanner = portal(heartbeat_s=30.0)
    scanner.tick(90_000.0)
    (message,) = scanner.take()
    event = json.loads(message.payload)
    assert (message.topic, message.qos, event["type"], event["component"]) == (
        "zebra/dock-4/events",
        0,
        "heartbeat",
        "RG",
    )
    radio = event["data"]["radio_control"]
    assert (radio["radioConnection"], radio["radioActivity"], radio["uptime"]) == ("connected", "active", "00:01:30")
    assert radio["antennas"] == dict.fromkeys("1234", "connected")
    assert scanner.next_at() == 120_000.0


def test_without_its_radio_it_reads_nothing() -> None:
    scanner = portal(radio="disconnected", strays=1.0, heartbeat_s=1.0)
    scanner.gate([SSCC], 0.0)
    assert (scanner.take(), scanner.said()) == ([], [None])
    scanner.tick(1000.0)
    assert data(scanner.take())[0]["radio_control"]["radioConnection"] == "disconnected"


@pytest.mark.parametrize(
    ("code", "digits", "epc"),
    [
        (SSCC, 7, EPC),
        (b"00" + SSCC, 7, EPC),
        (b"106141412345678908", 7, "3154257BF4499602D2000000"),  # 3174… in the standard, which has filter 3
        (b"80614141123458", 7, "3034257BF7194E4000000001"),
        (b"RB123456785GB", 7, ""),
        (b"123", 7, ""),
        (b"", 7, ""),
    ],
)
def test_epcs_by_the_tag_data_standard(code: bytes, digits: int, epc: str) -> None:
    assert epc_of(code, digits) == epc


@given(st.binary(max_size=40), st.integers(6, 12))
def test_any_code_is_a_tag_or_none(code: bytes, digits: int) -> None:
    found = epc_of(code, digits)
    assert found == "" or int(found, 16) >= 0


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"base": ""}, "base = ''"),
        ({"base": "a/#"}, "base = 'a/#'"),
        ({"data": "+"}, "data = '\\+'"),
        ({"mode": "PORTAL"}, "mode must be"),
        ({"way": "up"}, "way must be"),
        ({"radio": "broken"}, "radio must be"),
        ({"inside": (9,)}, "must be from 1 to 8"),
        ({"inside": (1,), "outside": (1,)}, "each of them once"),
        ({"inside": (), "outside": ()}, "must name antennas"),
        ({"reads": 0}, "reads must be"),
        ({"company_digits": 5}, "company_digits must be"),
        ({"heartbeat_s": -1.0}, "heartbeat_s must be"),
    ],
)
def test_settings_that_no_device_has(keys: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        portal(**keys)


@given(st.sampled_from(["", "zebra/dock-4/ctrl/cmd", "zebra/dock-4/data"]), st.binary(max_size=300))
def test_it_does_not_listen(topic: str, payload: bytes) -> None:
    scanner = portal()
    scanner.feed(Message(topic, payload), 0.0)
    assert (scanner.take(), scanner.subscriptions(), scanner.will()) == ([], [], None)
