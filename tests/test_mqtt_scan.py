"""`mqtt_scan`: what handhelds ask, are answered, and must never be able to do (docs/handhelds.md)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.codes import CONTROL, PROGRAMMING
from devices.driver import SpeaksMqtt
from devices.links import OnBroker
from devices.scanners import _hand_answers, _hand_memory, _hand_scan, _json, mqtt_scan
from devices.types import (
    Answered,
    Condition,
    Garbled,
    GivenUp,
    Hand,
    HandAnswer,
    Item,
    Kept,
    Message,
    NoRead,
    Read,
    Trigger,
)
from tests.test_mqtt_link import Hearer, linked
from tests.test_uplink import run, started

DOCUMENT = (Path(__file__).parents[1] / "docs" / "handhelds.md").read_text()
EXAMPLES = [json.loads(block.split("```")[0]) for block in DOCUMENT.split("```json")[1:]]
SCAN = {"scan": "a81f-17", "code": "RB123456785GB", "process": "load", "station": "D4", "actor": "op-7"}
HOLD = HandAnswer("hh-07", "a81f-17", "hold", "customs hold: H7 BE on parcel P2", "triple")
TEN_MINUTES = 600_000.0


class Broker:
    """A driver that is connected, and what it publishes."""

    def __init__(self, **changed: Any) -> None:
        self.driver = mqtt_scan.Driver(mqtt_scan.Settings(**changed))
        self.driver.opened(0.0, Kept())
        self.rules = self.driver.take()

    def scan(self, body: Any, at: float = 1.0, device: str = "hh-07", retain: bool = False) -> list[Item]:
        return self.say(f"handheld/{device}/scan", body, at, retain)

    def say(self, topic: str, body: Any, at: float = 1.0, retain: bool = False) -> list[Item]:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        return list(self.driver.feed(Message(topic, payload, 1, retain), at))

    def answers(self) -> list[tuple[str, dict[str, Any]]]:
        out = self.driver.take()
        assert all((message.qos, message.retain) == (1, False) for message in out)
        return [(message.topic, json.loads(message.payload)) for message in out]


def wrong(words: str, ref: str = "a81f-17", device: str = "hh-07") -> tuple[str, dict[str, Any]]:
    return f"handheld/{device}/answer", {"scan": ref, "verdict": "wrong", "words": words, "tone": "long"}


def shown(value: object) -> str:
    return str(value)[:40]


# --- a scan -----------------------------------------------------------------------------------------------------------


def test_the_documents_example() -> None:
    [item] = Broker().scan(EXAMPLES[0])
    hand = Hand("load", "D4", "op-7", "a81f-17", target="ULD-5", time="2026-11-26T21:04:05.120Z")
    payload = json.dumps(EXAMPLES[0]).encode()
    assert item == Read(
        "RB123456785GB", payload, 1.0, symbology="]C0", reader="hh-07", token=(1, crc32(payload)), hand=hand
    )


def test_what_is_left_out_or_null() -> None:
    for body in ({"code": "A"}, {"code": "A"} | dict.fromkeys(("scan", "process", "station", "time", "stored"))):
        [item] = Broker().scan(body)
        assert isinstance(item, Read)
        assert item.hand == Hand("identify", "", "", "")


def test_code_base64_holds_the_codes_bytes() -> None:
    [item] = Broker().scan({"code_base64": base64.b64encode(b"]d201\xe4\x1d21").decode()})
    assert isinstance(item, Read)
    assert (item.text, item.symbology, item.encoding) == ("01ä\x1d21", "]d2", "latin-1?")


@pytest.mark.parametrize(("code", "encoding"), [("RB1", ""), ("Grün 7", "utf-8"), ("箱-1", "utf-8")])
def test_text_is_characters(code: str, encoding: str) -> None:
    [item] = Broker().scan({"code": code})
    assert isinstance(item, Read)
    assert (item.text, item.encoding) == (code, encoding)


@pytest.mark.parametrize(
    "body", [{"code": None}, {"code": ""}, {"code_base64": ""}, {"code": None, "code_base64": None}]
)
def test_nothing_was_read_is_told_at_once_and_once(body: dict[str, Any]) -> None:
    broker = Broker()
    asked = {**body, "scan": "a81f-17"}
    assert broker.scan(asked) == [NoRead(json.dumps(asked).encode(), 1.0, reader="hh-07")]
    assert broker.answers() == [wrong("nothing was read")]
    assert broker.scan(asked, 2.0) == []
    assert broker.answers() == [wrong("nothing was read")]
    assert [type(item) for item in broker.scan(body)] == [NoRead]
    assert broker.answers() == [], "nobody waits without an id"


def test_process_of_a_site() -> None:
    [item] = Broker().scan({"code": "A", "process": "weigh-again"})
    assert isinstance(item, Read)
    assert item.hand is not None
    assert item.hand.process == "weigh-again"


def test_names_of_fields_with_dots_and_fields_that_are_not_there() -> None:
    keys = {"code_key": "data.idHex", "scan_key": "head.no.text", "time_key": "", "process_key": ""}
    body = {"data": {"idHex": "E200"}, "head": {"no": {"text": "7"}}, "time": 1764191045, "process": 5, "code": 9}
    [item] = Broker(**keys).scan(body)
    assert isinstance(item, Read)
    assert (item.text, item.hand) == ("E200", Hand("identify", "", "", "7"))
    hollow: list[dict[str, Any]] = [{"data": "x"}, {"data": {}}, {"data": ["idHex"]}, {}]
    assert [type(item) for body in hollow for item in Broker(**keys).scan(body)] == [Garbled] * 4


def test_format_text() -> None:
    broker = Broker(format="text", again_ms=0.0)
    [item] = broker.scan(b"RB123456785GB")
    assert isinstance(item, Read)
    assert (item.text, item.reader, item.hand) == ("RB123456785GB", "hh-07", Hand("identify", "", "", ""))
    assert [type(item) for item in broker.scan(b"")] == [NoRead]
    assert [type(item) for item in broker.scan(b"{}")] == [Read], "whatever it is"
    assert [getattr(item, "why", "") for item in broker.scan(b"A\r\n")] == [CONTROL]
    assert [type(item) for item in broker.scan(b"A" * 9000)] == [Garbled]


# --- again ------------------------------------------------------------------------------------------------------------


def test_duplicates_get_the_answer_again_and_nothing_else_happens() -> None:
    broker = Broker()
    broker.scan(SCAN)
    assert broker.scan(SCAN, 2.0) == []
    assert broker.answers() == [], "there is no answer yet"
    broker.driver.send(HOLD, 3.0, None)
    told = ("handheld/hh-07/answer", EXAMPLES[1])
    assert broker.answers() == [told]
    assert broker.scan(SCAN, TEN_MINUTES) == []
    assert broker.answers() == [told]
    assert broker.driver.counters.noted == {mqtt_scan.AGAIN: 2}


def test_after_ten_minutes_it_is_another_scan() -> None:
    broker = Broker()
    broker.scan(SCAN, 1.0)
    broker.driver.send(HOLD, 2.0, None)
    broker.answers()
    [item] = broker.scan(SCAN, TEN_MINUTES + 1.0)
    assert isinstance(item, Read)
    assert broker.answers() == []


def test_the_same_id_of_another_device_is_another_scan() -> None:
    broker = Broker()
    assert [len(broker.scan(SCAN, 1.0, device)) for device in ("hh-07", "hh-08", "HH-07")] == [1, 1, 1]


@pytest.mark.parametrize("field", ["code", "process", "station", "actor", "target"])
def test_the_same_id_for_something_else_is_never_given_the_first_answer(field: str) -> None:
    broker = Broker()
    broker.scan(SCAN)
    broker.driver.send(HandAnswer("hh-07", "a81f-17", "ok", "D4", "short"), 2.0, None)
    broker.answers()
    [item] = broker.scan({**SCAN, field: "other"}, 3.0)
    assert isinstance(item, Garbled)
    assert item.why == mqtt_scan.USED_AGAIN
    assert broker.answers() == [wrong("not understood")]
    assert broker.scan({**SCAN, "time": "2026-11-26T21:04:05Z"}, 4.0) == [], "a label does not count"


def test_stored_says_something_new_once() -> None:
    broker = Broker()
    broker.scan(SCAN)
    stored = {**SCAN, "stored": True}
    [item] = broker.scan(stored, 2.0)
    assert isinstance(item, Read)
    assert item.hand is not None
    assert item.hand.stored
    assert item.token == (2, crc32(json.dumps(stored).encode()))
    assert broker.scan(stored, 3.0) == []
    assert broker.scan(SCAN, 4.0) == [], "the question that was under way"
    broker.driver.send(HandAnswer("hh-07", "a81f-17", "ok", "recorded", "short"), 5.0, None)
    assert [body["words"] for _, body in broker.answers()] == ["recorded"]


def test_without_an_id_the_same_payload_within_again_ms() -> None:
    broker = Broker()
    assert len(broker.scan({"code": "A"}, 0.0)) == 1
    assert broker.scan({"code": "A"}, 1500.0) == []
    assert len(broker.scan({"code": "B"}, 1500.0)) == 1
    assert len(broker.scan({"code": "A"}, 1500.0, "hh-08")) == 1
    assert len(broker.scan({"code": "A"}, 2000.0)) == 1, "a repeat does not make it longer"
    assert broker.scan({"code": "A"}, 3999.0) == []
    never = Broker(again_ms=0.0)
    assert [len(never.scan({"code": "A"})) for _ in range(3)] == [1, 1, 1]


def test_clocks_of_terminals_do_not_count() -> None:
    broker = Broker()
    times = ("2031-01-01T00:00:00Z", "1970-01-01t00:00:00.000000001+14:00")
    items = [
        item for place, time in enumerate(times) for item in broker.scan({**SCAN, "scan": f"{place}", "time": time})
    ]
    assert [item.hand.time for item in items if isinstance(item, Read) and item.hand] == list(times)
    assert [item.at for item in items] == [1.0, 1.0]


def test_retained_stale_scans_are_ignored_and_counted() -> None:
    broker = Broker()
    assert broker.scan(SCAN, retain=True) == []
    assert broker.scan(b"nonsense", retain=True) == []
    assert broker.driver.counters.noted == {mqtt_scan.RETAINED: 2}
    assert broker.answers() == []
    assert len(broker.scan(SCAN)) == 1


def test_memory_is_bounded() -> None:
    broker = Broker()
    broker.driver._memory._most = broker.driver._repeats._most = 100
    for number in range(1000):
        broker.scan({"scan": f"{number}", "code": "A"})
        broker.scan({"code": f"{number}"})
        broker.say(f"handheld/d{number}/state", {"state": "online"})
    assert len(broker.driver._memory._asked) == 100
    assert len(broker.driver._repeats._told) == 100
    assert broker.driver.counters.noted == {_hand_memory.EARLY: 900}
    assert broker.scan({"scan": "999", "code": "A"}) == []


def test_states_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_scan, "MOST_DEVICES", 10)
    broker = Broker()
    for number in range(50):
        broker.say(f"handheld/d{number}/state", {"state": "online"})
    assert len(broker.driver._states) == 10


def test_what_nobody_takes_is_bounded() -> None:
    broker = Broker()
    for _ in range(5000):
        broker.scan({"scan": "1"})
    assert len(broker.driver.take()) == _hand_answers.MOST_WAITING


# --- answers ----------------------------------------------------------------------------------------------------------


def test_an_answer_ends_as_answered_when_it_was_taken() -> None:
    broker = Broker()
    broker.scan(SCAN)
    number = broker.driver.send(HOLD, 5.0, 2005.0)
    assert broker.driver.next_at() == 2005.0
    assert broker.driver.tick(6.0) == []
    assert len(broker.driver.take()) == 1
    assert broker.driver.next_at() == 6.0
    assert broker.driver.tick(7.0) == [Answered(number, None, 7.0)]
    assert (broker.driver.tick(8.0), broker.driver.next_at(), broker.driver.take()) == ([], None, [])


@pytest.mark.parametrize(("device", "ref"), [("hh-07", "other"), ("hh-99", "a81f-17"), ("+", "#"), ("hh-07", "")])
def test_an_answer_nobody_asked_for_is_given_up_and_not_published(device: str, ref: str) -> None:
    broker = Broker()
    broker.scan(SCAN)
    broker.scan({"code": "A"})
    number = broker.driver.send(HandAnswer(device, ref, "ok", "", "short"), 5.0, None)
    assert broker.driver.take() == []
    assert broker.driver.next_at() == 5.0
    assert broker.driver.tick(5.0) == [GivenUp(number, _hand_answers.UNASKED, 5.0)]


def test_a_late_caller_is_given_up() -> None:
    broker = Broker()
    broker.scan(SCAN)
    number = broker.driver.send(HOLD, 1.0 + TEN_MINUTES, None)
    assert broker.driver.take() == []
    assert [getattr(item, "id", None) for item in broker.driver.tick(TEN_MINUTES + 2)] == [number]


def test_an_answer_that_expired_is_not_sent_but_known_to_who_asks_again() -> None:
    broker = Broker()
    broker.scan(SCAN)
    number = broker.driver.send(HOLD, 5.0, 10.0)
    assert broker.driver.tick(10.0) == [GivenUp(number, _hand_answers.EXPIRED, 10.0)]
    assert broker.driver.take() == []
    broker.scan(SCAN, 11.0)
    assert [body["verdict"] for _, body in broker.answers()] == ["hold"]


def test_an_answer_that_the_disk_held_back_for_too_long_is_not_sent() -> None:
    broker = Broker()
    broker.scan(SCAN)
    broker.driver.take()
    number = broker.driver.send(HOLD, 2005.0, 2005.0)
    assert broker.driver.take() == [], "before any tick, too"
    assert broker.driver.tick(2005.0) == [GivenUp(number, _hand_answers.EXPIRED, 2005.0)]


def test_an_answer_while_the_broker_is_away_is_known_to_who_asks_again() -> None:
    broker = Broker()
    broker.scan(SCAN)
    assert broker.driver.closed(2.0) == []
    number = broker.driver.send(HOLD, 3.0, None)
    assert broker.driver.tick(3.0) == [GivenUp(number, _hand_answers.GONE, 3.0)]
    broker.driver.opened(4.0, Kept())
    assert [message.topic for message in broker.driver.take()] == ["handheld/rules"]
    assert broker.scan(SCAN, 5.0) == []
    assert [body["verdict"] for _, body in broker.answers()] == ["hold"]


def test_the_end_of_the_channel_gives_up_what_was_not_taken() -> None:
    broker = Broker()
    broker.scan(SCAN)
    number = broker.driver.send(HOLD, 2.0, None)
    assert broker.driver.closed(3.0) == [GivenUp(number, _hand_answers.GONE, 3.0)]
    assert (broker.driver.take(), broker.driver.next_at()) == ([], None)


def test_words_are_cut_to_64_characters_and_stay_json() -> None:
    broker = Broker()
    broker.scan(SCAN)
    broker.driver.send(HandAnswer("hh-07", "a81f-17", "ok", "ü\n" * 100, "short"), 2.0, None)
    [message] = broker.driver.take()
    assert message.payload.isascii()
    assert json.loads(message.payload)["words"] == "ü\n" * 32


def test_tokens_go_on_after_a_restart() -> None:
    made = mqtt_scan.Driver(mqtt_scan.Settings())
    made.opened(0.0, Kept(epoch=41, evt=123))
    payload = json.dumps(SCAN).encode()
    [item] = made.feed(Message("handheld/hh-07/scan", payload), 1.0)
    assert isinstance(item, Read)
    assert item.token == (42, crc32(payload))
    made.confirm((42, crc32(payload)), 2.0)
    assert [message.topic for message in made.take()] == ["handheld/rules"], "the caller answers, when it is durable"


def test_it_takes_only_answers() -> None:
    with pytest.raises(TypeError, match="takes no Trigger, only HandAnswer"):
        Broker().driver.send(Trigger(True), 0.0, None)


# --- rules, states ----------------------------------------------------------------------------------------------------


def test_rules_are_retained_at_each_opening_and_the_will_takes_them_back() -> None:
    broker = Broker()
    [rules] = broker.rules
    assert (rules.topic, rules.qos, rules.retain) == ("handheld/rules", 1, True)
    assert json.loads(rules.payload) == EXAMPLES[2]
    will = broker.driver.will()
    assert (will.topic, will.qos, will.retain) == ("handheld/rules", 1, True)
    assert json.loads(will.payload) == {**EXAMPLES[2], "controller": "offline"}
    broker.driver.closed(1.0)
    broker.driver.opened(2.0, Kept())
    assert broker.driver.take() == [rules]


def test_rules_of_a_site() -> None:
    [rules] = Broker(offline_accept=("weigh",), answer_ms=500, base="lgg/hh").rules
    assert rules.topic == "lgg/hh/rules"
    assert json.loads(rules.payload) == {
        "controller": "online", "answer_ms": 500, "offline": {"weigh": "accept", "*": "refuse"}
    }  # fmt: skip
    [rules] = Broker(offline_accept=("*",)).rules
    assert json.loads(rules.payload)["offline"] == {"*": "accept"}


@pytest.mark.parametrize("retain", [False, True])
def test_a_terminals_state_is_a_condition_that_names_it_once(retain: bool) -> None:
    broker = Broker()
    raw = json.dumps({"state": "offline"}).encode()
    said = [item for _ in range(2) for item in broker.say("handheld/hh-07/state", raw, 5.0, retain)]
    assert said == [Condition(False, "offline", raw, 5.0, part="hh-07")]
    said = broker.say("handheld/hh-08/state", {"state": "online"}) + broker.say(
        "handheld/hh-07/state", {"state": "online"}
    )
    assert [(item.ok, item.part, item.what) for item in said if isinstance(item, Condition)] == [
        (True, "hh-08", "online"),
        (True, "hh-07", "online"),
    ]


def test_a_state_is_remembered_over_a_reconnect() -> None:
    broker = Broker()
    broker.say("handheld/hh-07/state", {"state": "offline"})
    broker.driver.closed(2.0)
    broker.driver.opened(3.0, Kept())
    assert broker.say("handheld/hh-07/state", {"state": "offline"}, 4.0, retain=True) == []


@pytest.mark.parametrize(
    "payload",
    [b"offline", b'"offline"', b"[]", b"{}", b'{"state": 1}', b'{"state": "Online"}', b'{"state": ["online"]}',
     b'{"state": "online", "state": "offline"}', b"\xff", b"[" * 9000],
    ids=shown,
)  # fmt: skip
def test_a_state_that_is_none_is_garbled(payload: bytes) -> None:
    broker = Broker()
    assert [type(item) for item in broker.say("handheld/hh-07/state", payload)] == [Garbled]
    assert broker.say("handheld/hh-07/state", b"") == [], "it was cleared"
    assert broker.driver.take() == []


# --- what anybody may publish -----------------------------------------------------------------------------------------


NO_JSON: list[bytes] = [
    *(b"", b"RB123456785GB", b'{"code":', b"\xff\xfe", b"{'code': 1}", b'{"scan": "a", "code": "\xed\xa0\x80"}'),
    *(b'{"code": NaN}', b'{"code": -Infinity}', b'\xef\xbb\xbf{"code": "A"}', b'{"a": ' + b"1" * 5000 + b"}"),
    *(b"[" * 8000, b'{"a":' * 1600),
]
NO_SCAN: list[tuple[bytes, str]] = [
    *((payload, _json.NO_JSON) for payload in NO_JSON),
    *((payload, _hand_scan.NO_OBJECT) for payload in (b"[]", b'"code"', b"17", b"null", b'[{"code": "A"}]')),
    (b'{"code": "A"' + b" " * 9000 + b"}", "longer than 8192 bytes"),
]


@pytest.mark.parametrize(("payload", "why"), NO_SCAN, ids=shown)
def test_non_json_payloads_are_garbled_and_not_answered(payload: bytes, why: str) -> None:
    broker = Broker()
    assert broker.scan(payload, 5.0) == [Garbled(payload[:64], why, 5.0, reader="hh-07")]
    assert broker.driver.counters.garbled == {why: 1}
    assert broker.driver.take() == []


IDS = ("process", "station", "actor", "target")
WRONG: list[tuple[str, list[Any]]] = [
    ("code", [17, 1.5, True, [], {}, ["A"], 10**4000]),
    ("code", ["\ud800", "A\udfff", "A\0B", "A\x1b[31m", "999999", "||>SET", "A" * 5000]),
    *((name, [17, True, [], {}, "a b", "+", "#", "a/b", "x" * 65, "٣", "a\n", "\0", "\ud800"]) for name in IDS),
    ("symbology", [0, "C0", "]C", "]C00", "]\u00e91"]),
    ("time", [1764191045, "yesterday", "2026-11-26", "2026-11-26T21:04:05", "٢" * 20]),
    ("stored", [1, 0, "true", [], {}]),
]
NO_BASE64: list[Any] = [17, "A", "===", "QQ==QQ==", "Q Q==", "ä", "\ud800"]
GARBLED: list[dict[str, Any]] = [
    *({name: value} for name, values in WRONG for value in values),
    *({"code": None, "code_base64": value} for value in NO_BASE64),
    {"code_base64": "QQ=="},
]


@pytest.mark.parametrize("fields", GARBLED, ids=shown)
def test_a_value_of_another_kind_or_form_is_garbled_and_answered(fields: dict[str, Any]) -> None:
    broker = Broker()
    [item] = broker.scan({**SCAN, **fields}, 5.0)
    assert isinstance(item, Garbled)
    assert len(item.raw) <= 64
    assert broker.answers() == [wrong("not understood")]
    assert [type(item) for item in broker.scan(SCAN, 6.0)] == [Read], "the id is free for the scan that fits"


def test_duplicate_keys_are_garbled_and_answered_where_the_id_is_one() -> None:
    for payload in (
        b'{"scan": "a81f-17", "code": "A", "code": "B"}',
        b'{"scan": "a81f-17", "code": "A", "more": [{"x": 1, "x": 1}]}',
    ):
        broker = Broker()
        assert broker.scan(payload) == [Garbled(payload[:64], _json.TWICE, 1.0, reader="hh-07")]
        assert broker.answers() == [wrong("not understood")]
    broker = Broker()
    assert [type(item) for item in broker.scan(b'{"scan": "1", "scan": "2", "code": "A"}')] == [Garbled]
    assert broker.answers() == []


@pytest.mark.parametrize(
    "ref", [17, True, [], {}, "a b", "a/b", "+", "#", "x" * 65, "ä", "a\n", "\0", "\ud800"], ids=shown
)
def test_an_id_of_a_scan_that_is_none_is_garbled_and_not_answered(ref: Any) -> None:
    broker = Broker()
    assert [type(item) for item in broker.scan({**SCAN, "scan": ref})] == [Garbled]
    assert broker.driver.take() == []


@pytest.mark.parametrize(
    "device", ["", "+", "#", "a b", "hh.07", "hh:07", "\0", "x" * 65, "ä", "٣", "$SYS", "hh\n", "\ud800"], ids=shown
)
def test_a_device_that_is_no_id_is_never_answered(device: str) -> None:
    broker = Broker()
    for end in ("scan", "state"):
        [item] = broker.say(f"handheld/{device}/{end}", SCAN)
        assert isinstance(item, Garbled)
        assert item.why == mqtt_scan.DEVICE
    assert broker.driver.take() == []


@pytest.mark.parametrize(
    "topic",
    ["", "handheld", "handheld/x", "handheld/a/b/scan", "x/handheld/a/scan", "handheld/a/answer", "handheld/rules"],
)
def test_other_topics_are_counted(topic: str) -> None:
    broker = Broker()
    assert broker.say(topic, SCAN) == []
    assert broker.driver.counters.noted == {mqtt_scan.OTHER: 1}


def test_a_programming_code_is_told_apart() -> None:
    [item] = Broker().scan({"code": "||>SET X"})
    assert isinstance(item, Garbled)
    assert item.why == PROGRAMMING


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["A", "]C0", "load"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*SCAN, "target", "stored", "code_base64", "time"]), inner, max_size=5)
    ),
    max_leaves=8,
)


@given(
    payload=st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()),
    end=st.sampled_from(["scan", "state"]),
)
@settings(max_examples=150)
def test_no_message_raises_and_answers_go_to_ids_only(payload: bytes, end: str) -> None:
    for form in ("json", "text"):
        broker = Broker(format=form)
        for item in broker.say(f"handheld/hh-07/{end}", payload):
            assert not isinstance(item, Garbled) or len(item.raw) <= 64
        for topic, body in broker.answers():
            assert topic == "handheld/hh-07/answer"
            assert _hand_scan.REF.fullmatch(body["scan"])


@pytest.mark.parametrize("name", ["mosquitto", "nats"])
def test_a_terminal_asks_over_a_broker(name: str, tmp_path: Path) -> None:
    """What is retained there, scans of yesterday and rules for who comes later, and one question."""

    async def scenario(url: str) -> None:
        driver, heard = mqtt_scan.Driver(mqtt_scan.Settings()), Hearer()
        terminal = OnBroker("hh-07", [("handheld/hh-07/#", 1), ("handheld/rules", 1)])
        early, late = Hearer(), Hearer()
        async with linked(url, early, terminal) as wire:
            await early.until(lambda: bool(early.ups))
            wire.write([Message("handheld/hh-07/state", b'{"state": "online"}', 1, True)])
            wire.write([Message("handheld/hh-07/scan", b'{"code": "OF YESTERDAY"}', 1, True)])
            await early.until(lambda: len(early.messages) == 2)
            async with linked(url, heard, OnBroker("floord", driver.subscriptions(), driver.will())) as ours:
                await heard.until(lambda: bool(heard.ups))
                driver.opened(0.0, Kept())
                ours.write(driver.take())
                await heard.until(lambda: len(heard.messages) == 2)
                wire.write([Message("handheld/hh-07/scan", json.dumps(SCAN).encode())])
                await heard.until(lambda: len(heard.messages) == 3)
                items = [item for message in heard.messages for item in driver.feed(message, 1.0)]
                assert sorted(type(item).__name__ for item in items) == ["Condition", "Read"]
                driver.send(HOLD, 2.0, None)
                ours.write(driver.take())
                await early.until(lambda: len(early.messages) == 5)
                said = {message.topic: json.loads(message.payload) for message in early.messages}
                assert (said["handheld/rules"], said["handheld/hh-07/answer"]) == (EXAMPLES[2], EXAMPLES[1])
                async with linked(url, late, OnBroker("hh-08", [("handheld/rules", 1)])):
                    await late.until(lambda: len(late.messages) == 1)
                    assert json.loads(late.messages[0].payload) == EXAMPLES[2]

    with started(name, tmp_path) as broker:
        run(lambda: scenario(broker.url))


def test_shape() -> None:
    made = mqtt_scan.Driver(mqtt_scan.Settings(base="a/b"))
    spoken: SpeaksMqtt = made
    assert isinstance(spoken, SpeaksMqtt)
    assert list(made.subscriptions()) == [("a/b/+/scan", 1), ("a/b/+/state", 1)]
    assert made.take() == []
    with pytest.raises(TypeError, match="messages are wanted"):
        made.feed(b"{}", 0.0)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        *(
            ({"base": base}, "base = .*write a topic")
            for base in ("", "a/", "a/+", "#", "$SYS/x", "a b", "/a", "x" * 300)
        ),
        ({"format": "xml"}, "write 'json', or 'text'"),
        *(({"code_key": key}, "code_key = .*with dots between") for key in (".", "a..b", ".a", "a.", "a" + ".a" * 8)),
        ({"code_key": "", "code_base64_key": ""}, "write where the code stands"),
        ({"again_ms": -1}, "again_ms = -1"),
        ({"answer_ms": 0}, "answer_ms = 0: write 50 to 10000"),
        ({"offline_accept": ("a b",)}, "'a b' is no process"),
        ({"max_length": 10**9}, "max_length = 1000000000"),
    ],
    ids=shown,
)
def test_settings_that_cannot_work_say_what_to_write(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        mqtt_scan.Driver(mqtt_scan.Settings(**changed))
