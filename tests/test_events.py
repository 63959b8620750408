"""The published events: the CloudEvents envelope, the sequence, the ids, and the schema that promises them."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.envelope import Origin, envelope, schema
from controller.events import EVENTS, TERMINAL, Alarm, Data, Evidence, LaneChanged, Mode
from controller.stamps import rfc3339, uuid7
from tests.test_node import Daemon, arrv, divc, indu, named

NAMES = {
    "parcel": "inducted read measured routed rerouted recirculated at_risk recall held_escaped corrected "
    "sorted mis_sorted rejected lost removed flushed",
    "container": "opened added removed closed",
    "line": "started stopped jammed cleared estop inhibited flushed",
    "lane": "full half free locked opened",
    "device": "online offline degraded recovered",
    "alarm": "raised acknowledged shelved cleared",
    "node": "started stopping restarted",
}
ORIGIN = Origin("lgg", "sorter-a", "jrnl0000", "simulated")
TIME = "2026-09-21T14:13:20.000Z"
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def made(name: str = "alarm/raised", data: Data | None = None, **more: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "seq": 17,
        "id": "0199-1",
        "subject": "alarm/x",
        "time": TIME,
        "recorded": TIME,
        "degraded": False,
    }
    body = envelope(ORIGIN, name=name, data=data or Alarm(alarm="x", what="y"), **(fields | more))
    found: dict[str, Any] = json.loads(body)
    return found


def follows(value: Any, rule: dict[str, Any], definitions: dict[str, Any]) -> bool:
    """The little of JSON Schema that our schema uses."""
    if "$ref" in rule:
        return follows(value, definitions[rule["$ref"].rsplit("/", 1)[1]], definitions)
    if "anyOf" in rule:
        return any(follows(value, one, definitions) for one in rule["anyOf"])
    if "const" in rule and value != rule["const"]:
        return False
    if "enum" in rule and value not in rule["enum"]:
        return False
    if "pattern" in rule and not re.search(rule["pattern"], value):
        return False
    kinds: dict[str, Any] = {
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "array": list,
        "null": type(None),
    }
    kind = rule.get("type")
    if kind == "object":
        known = rule["properties"]
        return (
            isinstance(value, dict)
            and set(rule.get("required", ())) <= set(value)
            and (rule.get("additionalProperties", True) or set(value) <= set(known))
            and all(follows(value[key], known[key], definitions) for key in set(value) & set(known))
        )
    if kind == "array" and isinstance(value, list):
        return all(follows(one, rule.get("items", {}), definitions) for one in value)
    if kind in ("integer", "number") and isinstance(value, bool):
        return False
    return kind is None or isinstance(value, kinds[kind])


# --- the contract -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", NAMES)
def test_every_event_of_the_contract_is_there(family: str) -> None:
    assert {f"{family}/{name}" for name in NAMES[family].split()} <= set(EVENTS)


def test_the_terminal_events() -> None:
    assert {f"parcel/{name}" for name in "sorted mis_sorted rejected lost removed flushed".split()} == TERMINAL
    assert set(EVENTS) >= TERMINAL
    assert "parcel/recirculated" not in TERMINAL


def test_evidence_and_mode_are_words_of_the_contract() -> None:
    assert set(get_args(Evidence)) == {"commanded", "gate", "chute_eye", "cell_empty", "scanned"}
    assert set(get_args(Mode)) == {"production", "test", "maintenance", "simulated"}


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_may_say_who_it_is_about(name: str) -> None:
    wanted = {"visit", "travel", "parcel", "container", "departure", "actor", "station", "process", "evidence"}
    assert wanted <= set(EVENTS[name].model_fields)


def test_schema_covers_every_event_exactly_once() -> None:
    found = schema()
    types = [one["properties"]["type"]["const"] for one in found["oneOf"]]
    assert sorted(types) == sorted(f"hubfloor.{name.replace('/', '.')}.v1" for name in EVENTS)
    for one, model in zip(found["oneOf"], EVENTS.values(), strict=True):
        assert one["properties"]["data"] == {"$ref": f"#/$defs/{model.__name__}"}
        assert found["$defs"][model.__name__]["title"] == model.__name__
    json.dumps(found)


def test_the_schema_refuses_what_is_not_one_of_ours() -> None:
    found = schema()
    good = made()

    def fits(event: dict[str, Any]) -> int:
        return sum(follows(event, one, found["$defs"]) for one in found["oneOf"])

    assert fits(good) == 1
    assert fits({**good, "type": "hubfloor.alarm.raised.v2"}) == 0
    assert fits({**good, "sequence": "17"}) == 0
    assert fits({**good, "mode": "real"}) == 0
    assert fits({**good, "data": {"alarm": "x"}}) == 0
    assert fits({**good, "data": {**good["data"], "unheard": 1}}) == 0
    assert fits({key: value for key, value in good.items() if key != "id"}) == 0


# --- the envelope -----------------------------------------------------------------------------------------------------


def is_cloudevent(event: dict[str, Any]) -> bool:
    """CloudEvents 1.0: required attributes, none empty; names of lower-case letters and digits; simple values."""
    return (
        all(isinstance(event.get(key), str) and event[key] for key in ("id", "source", "specversion", "type"))
        and event["specversion"] == "1.0"
        and all(re.fullmatch("[a-z0-9]{1,20}", key) for key in event)
        and all(isinstance(value, str | bool | int) for key, value in event.items() if key != "data")
        and all(value != "" for value in event.values())
    )


def test_the_envelope() -> None:
    event = made(seq=17, degraded=True)
    assert is_cloudevent(event)
    assert event["source"] == "urn:hub:lgg:sorter-a:jrnl0000"
    assert event["type"] == "hubfloor.alarm.raised.v1"
    assert event["sequence"] == "00000000000000000017"
    assert (event["mode"], event["degraded"], event["subject"]) == ("simulated", True, "alarm/x")
    assert event["datacontenttype"] == "application/json"


def test_absent_is_left_out() -> None:
    assert made(data=Alarm(alarm="x", what="y"))["data"] == {"alarm": "x", "what": "y", "priority": "medium"}


@given(st.text(max_size=30))
def test_any_text_of_a_device_stays_in_the_data(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    assert made("lane/full", LaneChanged(lane="L1", state="FULL", code=text))["data"]["code"] == text


# --- what a life publishes --------------------------------------------------------------------------------------------


def lived() -> Daemon:
    """A parcel with everything, another that is lost, one that is refused; a restart in between."""
    hub = Daemon().up()
    hub.say("advice", {"parcel": "P1", "aliases": ["CP1"], "country": "FR", "customs": "none"})
    hub.say("advice", b"no json")
    hub.event("INDU", indu(1))
    hub.read("CP1", 1200)
    hub.now += 800
    hub.event("ARRV", arrv(1))
    hub.answer("DEST")
    hub.event("MEAS", f"S1-DEC......{1:06}{1234:08}A{'r-1':.<12}{200:05}{150:05}{100:05}U")
    hub.event("DIVC", divc(1, 1))
    hub.event("STAT", f"{'S1-L02':.<12}FULL00000000000")
    hub.commit()
    again = Daemon(journal=hub.journal, now=hub.now + 500)
    again.node.link_up(PLC_NAME, again.now)
    again.node.link_down(PLC_NAME, again.now, "unplugged")
    again.node.stopping(again.now, "asked to")
    again.commit()
    return again


PLC_NAME = "plc-1"


def test_every_event_of_a_life_follows_the_schema() -> None:
    hub, rules = lived(), schema()
    events = hub.events()
    assert len({event["type"] for event in events}) >= 10
    for event in events:
        assert is_cloudevent(event)
        assert sum(follows(event, one, rules["$defs"]) for one in rules["oneOf"]) == 1, event


def test_sequences_are_contiguous_over_a_restart() -> None:
    hub = lived()
    numbers = [int(event["sequence"]) for event in hub.events()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert list(hub.journal.rows) == numbers


def test_a_row_says_what_its_body_says() -> None:
    hub = lived()
    for row in hub.journal.rows.values():
        body = json.loads(row.body)
        assert row.topic == f"hub/v1/lgg/n1/event/{named(row)}"
        assert body["type"] == f"hubfloor.{named(row).replace('/', '.')}.v1"
        assert (row.id, row.subject, row.time) == (body["id"], body["subject"], body["time"])
        assert (row.travel, row.parcel, row.visit) == tuple(
            body["data"].get(key) for key in ("travel", "parcel", "visit")
        )
        assert re.fullmatch("(travel|parcel|container|lane|line|device|alarm|node)/[A-Za-z0-9_-]+", row.subject)


def test_no_text_of_a_device_enters_a_topic() -> None:
    hub = Daemon().up()
    hub.event("INDU", indu(1))
    hub.read("../#/+", 1200)
    hub.commit()
    assert all(re.fullmatch("[A-Za-z0-9_/-]+", row.topic) for row in hub.journal.rows.values())


def test_ids_are_unique_uuids_of_version_7_in_order_of_time() -> None:
    hub = lived()
    ids = [uuid.UUID(event["id"]) for event in hub.events()]
    assert len(set(ids)) == len(ids)
    assert all(one.version == 7 and one.variant == uuid.RFC_4122 for one in ids)
    stamps = [one.int >> 80 for one in ids]
    assert stamps == sorted(stamps)


def test_times_are_utc_with_milliseconds_and_the_edge_comes_before_the_record() -> None:
    hub = Daemon().up()
    hub.event("INDU", indu(1, age=1500))
    hub.commit()
    (event,) = hub.events("parcel/inducted")
    assert RFC3339.fullmatch(event["time"])
    times = [datetime.fromisoformat(event[key]) for key in ("time", "recordedtime")]
    assert (times[1] - times[0]).total_seconds() == 1.5


# --- labels -----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**48 - 1), st.integers())
def test_uuid7(utc_ms: int, seed: int) -> None:
    made_id = uuid.UUID(uuid7(float(utc_ms), Random(seed)))
    assert (made_id.version, made_id.variant) == (7, uuid.RFC_4122)
    assert made_id.int >> 80 == utc_ms


def test_uuid7_uses_all_its_random_bits() -> None:
    rng, ones, zeros = Random(1), 0, (1 << 128) - 1
    for _ in range(200):
        value = uuid.UUID(uuid7(0.0, rng)).int
        ones, zeros = ones | value, zeros & value
    assert bin(ones ^ zeros).count("1") == 74


@given(st.integers(0, 4_000_000_000_000))
def test_rfc3339(utc_ms: int) -> None:
    text = rfc3339(utc_ms)
    assert RFC3339.fullmatch(text)
    when = datetime.fromisoformat(text)
    assert when.tzinfo == UTC
    assert round(when.timestamp() * 1000) == utc_ms
