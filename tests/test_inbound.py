"""The centre's messages at the node: what they mean and what is refused; replies, asks, evidence; and the clock."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from controller import inbound, replies
from controller.advice import Advice, AskAnswer, ContainerRecord, CustomsHead, CustomsRecord, Departure
from controller.clock import STEP_MS
from controller.containers import container_id
from controller.effects import Ask, Reply
from controller.inputs import Advised, Loaded, Ordered, Planned, Replied, Stood
from controller.orders import VERBS
from controller.states import Publish
from controller.surroundings import CLOCK_MS
from tests.floor_fixture import PLAN, UTC, advice, record, small_floor
from tests.test_node import HUB, Daemon, Store, named

COMMANDS = f"{HUB}/n1/command"
DOCS = Path(__file__).parents[1] / "docs" / "centre.md"


def command(hub: Daemon, name: str = "c-1", **fields: Any) -> dict[str, Any]:
    now = int(UTC + hub.now)
    return {"id": name, "issued": now, "expires": now + 60_000, "actor": "desk-4", **fields}


def told(hub: Daemon, topic: str) -> list[dict[str, Any]]:
    """What is published on such topics now."""
    found = [one for one in hub.node.publishes(hub.now) if one.topic.startswith(f"{HUB}/{topic}")]
    assert not any(one.retain or one.key for one in found)
    return [json.loads(one.payload) for one in found]


def say(hub: Daemon, topic: str, body: Any, retained: bool = False) -> int:
    hub.tokens += 1
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    hub.node.message(f"{HUB}/{topic}", payload, hub.tokens, hub.now, retained)
    return hub.tokens


def understood(name: str, body: Any, retained: bool = False) -> inbound.Understood:
    config, _ = small_floor()
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return inbound.read(name, payload, Store().advices, config, retained=retained)


# --- what the topics mean ---------------------------------------------------------------------------------------------


def test_every_topic_is_subscribed_and_understood() -> None:
    hub = Daemon()
    topics = hub.node.subscriptions()
    assert f"{HUB}/n1/command/+" in topics
    wanted = {"advice", "customs", "customs/head", "departure", "container", "plan", "answer"}
    own = {f"{HUB}/n1/{name}" for name in ("command/+", "ack", "state/node")}
    assert {f"{HUB}/{name}" for name in wanted} == set(topics) - own
    assert own <= set(topics)


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        (f"{HUB}/advice", "advice"),
        (f"{HUB}/customs/head", "customs/head"),
        (f"{COMMANDS}/hold", "command/hold"),
        (f"{HUB}/command/hold", ""),
        (f"{HUB}/n1/ack", "ack"),
        (f"{HUB}/n1/state/node", "state/node"),
        (f"{HUB}/ack", ""),
        (f"{HUB}/n2/ack", ""),
        (f"{HUB}/n1/state/line/S1", ""),
        (f"{HUB}/n2/command/hold", ""),
        (f"{HUB}/n1/advice", ""),
        ("hub/v1/other/advice", ""),
        ("", ""),
    ],
)
def test_only_what_is_addressed_to_it_is_heard(topic: str, name: str) -> None:
    assert inbound.name_of(topic, "lgg", "n1") == name


DEPARTURE = {"departure": "D1", "cut_off": "2026-11-23T18:30:00", "arrives": "2026-11-24T06:00:00+01:00"}
STANDS = {"container": "CAGE1", "lane": "S1-L01", "status": "open"}


def test_departures_and_containers() -> None:
    found = understood("departure", [DEPARTURE, {**DEPARTURE, "status": "gone"}])
    assert found.inputs == [Planned((Departure.model_validate(DEPARTURE),))]
    assert found.refused[0].startswith("element 2: status")
    assert understood("container", STANDS).inputs == [Stood((ContainerRecord.model_validate(STANDS),))]
    assert understood("container", {**STANDS, "status": "gone"}).inputs == []


def test_an_answer_is_advice_and_then_a_reply() -> None:
    found = understood("answer", {"code": "CP1", "advice": advice().model_dump(mode="json")})
    assert found.inputs == [Advised((advice(),)), Replied("CP1", True)]
    assert [parcel for parcel, _, _ in found.advice] == ["P1"]
    assert understood("answer", {"code": "CP1", "advice": None}).inputs[-1] == Replied("CP1", False)
    assert understood("answer", {"advice": None}).refused == ["code: Field required"]


def test_a_plan_is_its_text() -> None:
    newer = PLAN.replace('version = "1"', 'version = "2"')
    (found,) = understood("plan", newer.encode()).inputs
    assert isinstance(found, Loaded)
    assert (found.plan.label, found.text) == ("day 2", newer)


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        (b"\xff", ["not UTF-8"]),
        (b"plan = ", ["plan: not TOML"]),
        (b"", []),
        (PLAN.replace('held = "BOND"', 'held = "FRANCE"').encode(), ["S1-L01"]),
        (PLAN.replace("S1-L02", "S1-L99").replace('wave = "w1"', 'wave = "w2"').encode(), ["S1-L99", "w2"]),
    ],
)
def test_an_invalid_plan_is_refused_with_all_its_problems(body: bytes, problems: list[str]) -> None:
    found = understood("plan", body)
    assert found.inputs == []
    assert len(found.refused) == bool(problems)
    assert all(problem in found.refused[0] for problem in problems)


def test_a_thousand_problems_are_told_in_short() -> None:
    rules = "".join(f'[[rule]]\ncountry = "DE"\ndestination = "X{number}"\n' for number in range(1000))
    (why,) = understood("plan", (PLAN + rules).encode()).refused
    assert len(why) < 20_000
    assert re.search(r"and \d+ more$", why)


def test_an_invalid_plan_replaces_nothing_and_the_next_one_is_judged_at_once() -> None:
    hub = Daemon().up()
    say(hub, "plan", PLAN.replace("S1-L02", "S1-L99").encode())
    hub.now += 1000
    say(hub, "plan", PLAN.replace("S1-L03", "S1-L98").encode())
    say(hub, "plan", PLAN.replace('version = "1"', 'version = "2"').encode())
    hub.commit()
    whats = [event["data"]["what"] for event in hub.events("alarm/raised")]
    assert ["S1-L99" in what or "S1-L98" in what for what in whats] == [True, True]
    assert hub.node.floor.plan.label == "day 2"


def test_scheme_local_comes_as_commands_only() -> None:
    found = understood("customs", record("hold", scheme="local").model_dump(mode="json"))
    assert (found.inputs, found.refused) == ([], ["scheme: hold and release of scheme local come as commands"])
    assert "feed" in understood("customs", {**record("hold").model_dump(mode="json"), "feed": None}).refused[0]


@pytest.mark.parametrize("name", inbound.TOPICS)
def test_what_came_retained(name: str) -> None:
    bodies: dict[str, Any] = {
        "advice": advice().model_dump(mode="json"),
        "customs": record("release").model_dump(mode="json"),
        "customs/head": {"sequence": 0, "time_ms": 1},
        "departure": DEPARTURE,
        "container": STANDS,
        "plan": PLAN.encode(),
        "answer": {"code": "X", "advice": None},
    }
    assert understood(name, bodies[name]).refused == []
    found = understood(name, bodies[name], retained=True)
    assert bool(found.refused) == (name in ("customs", "plan"))
    assert bool(found.inputs) != bool(found.refused)


# --- commands and replies ---------------------------------------------------------------------------------------------


def test_a_reply_leaves_after_the_commit_of_what_the_command_caused() -> None:
    hub = Daemon().up()
    token = say(hub, "n1/command/lane_close", command(hub, lane="S1-L01"))
    assert told(hub, "n1/reply") == []
    batch = hub.on_its_way()
    assert [named(row) for row in batch.events] == ["command/done"]
    assert {kind for kind, _ in batch.state} == {"lane", "order"}
    assert told(hub, "n1/reply") == []
    hub.durable(batch)
    assert token in hub.node.acks()
    (publish,) = [one for one in hub.node.publishes(hub.now) if "/reply/" in one.topic]
    assert publish.topic == f"{HUB}/n1/reply/lane_close"
    body = json.loads(publish.payload)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body.pop("time"))
    assert body == {"id": "c-1", "verb": "lane_close", "result": "done", "why": ""}
    assert told(hub, "n1/reply") == []


def test_who_missed_the_reply_gives_the_command_again() -> None:
    hub = Daemon().up()
    body = command(hub, lane="S1-L01")
    say(hub, "n1/command/lane_close", body)
    hub.commit()
    again = Daemon(journal=hub.journal, now=hub.now + 500).up()
    say(again, "n1/command/lane_close", body)
    again.commit()
    assert [(one["result"], one["why"]) for one in told(again, "n1/reply")] == [("refused", "repeated; it was done")]


def test_what_was_not_committed_was_not_done() -> None:
    hub = Daemon().up()
    body = command(hub, lane="S1-L01")
    say(hub, "n1/command/lane_close", body)
    again = Daemon(journal=hub.journal, now=hub.now + 500).up()
    say(again, "n1/command/lane_close", body)
    again.commit()
    assert [one["result"] for one in told(again, "n1/reply")] == ["done"]


def test_replies_wait_for_the_broker_for_an_hour() -> None:
    hub = Daemon().up()
    hub.node.disconnected(hub.now)
    say(hub, "n1/command/lane_close", command(hub, lane="S1-L01"))
    hub.now += 1000
    say(hub, "n1/command/lane_open", command(hub, "c-2", lane="S1-L01"))
    hub.commit()
    hub.now += replies.KEPT_MS - 1000
    assert told(hub, "n1/reply") == []
    hub.node.connected(hub.now)
    assert [one["id"] for one in told(hub, "n1/reply")] == ["c-2"]


def test_replies_are_bounded() -> None:
    box = replies.Replies("b", "s", "n1", 0)
    for number in range(replies.KEPT + 5):
        box.reply(Reply("hold", f"c-{number}", True), 1, UTC, 0.0)
    box.committed(1)
    assert [json.loads(one.payload)["id"] for one in box.take(0.0)][:2] == ["c-5", "c-6"]


@pytest.mark.parametrize(
    ("verb", "body", "answered", "why"),
    [
        ("stop", {"id": "c-1"}, True, "there is no command 'stop'; commands are: hold, release,"),
        ("hold", {"id": "c-1"}, True, "issued: Field required"),
        ("hold", {"id": "c-1", "issued": 10**400, "expires": 1, "actor": "a"}, True, "issued: "),
        ("hold", {"id": 1}, False, "id: Input should be a valid string"),
        ("hold", {"id": "x" * 257}, False, "id: "),
        ("hold", b"{", False, "not JSON"),
        ("hold", [], False, "one command is one JSON object"),
        ("hold", [{"id": "c-1"}, {"id": "c-2"}], False, "one command is one JSON object"),
        ("hold", "c-1", False, "one command is one JSON object"),
        ("Ä/#", {"id": "c-1"}, False, "there is no command"),
    ],
)
def test_a_command_that_is_none_is_refused_and_answered_if_it_can_be(
    verb: str, body: Any, answered: bool, why: str
) -> None:
    hub = Daemon().up()
    token = say(hub, f"n1/command/{verb}", body)
    hub.commit()
    assert token in hub.node.acks()
    found = told(hub, "n1/reply")
    assert [one["result"] for one in found] == ["refused"] * answered
    assert all(one["why"].startswith(why) for one in found)
    assert hub.node.errors == {"command": 1}
    assert why in hub.events("alarm/raised")[0]["data"]["what"]
    assert hub.events("command/refused") == []


def test_a_refusal_without_an_event_does_not_wait_for_one() -> None:
    hub = Daemon().up()
    for name in ("c-1", "c-2"):
        say(hub, "n1/command/stop", {"id": name})
        hub.commit()
    assert [one["id"] for one in told(hub, "n1/reply")] == ["c-1", "c-2"], "the second one raised no alarm"


def test_a_retained_command_is_refused_and_audited() -> None:
    hub = Daemon().up()
    say(hub, "n1/command/lane_close", command(hub, lane="S1-L01"), retained=True)
    hub.commit()
    assert hub.node.floor.lanes["S1-L01"].closed_by is None
    (event,) = hub.events("command/refused")
    assert (event["data"]["actor"], event["subject"]) == ("desk-4", "command/c-1")
    assert "retained" in event["data"]["why"]


# --- asks -------------------------------------------------------------------------------------------------------------


def test_an_ask_leaves_at_once_and_only_while_the_broker_is_there() -> None:
    hub = Daemon().up()
    ask = Ask("CP1", "T1", hub.now + 800)
    hub.node._apply([ask], hub.now)
    (found,) = [one for one in hub.node.publishes(hub.now) if one.topic == f"{HUB}/ask"]
    assert found == Publish(0, f"{HUB}/ask", found.payload)
    until = int(UTC + hub.now + 800)
    assert json.loads(found.payload) == {"code": "CP1", "travel": "T1", "node": "n1", "until_ms": until}
    hub.node._apply([ask], hub.now)
    hub.node.disconnected(hub.now)
    hub.node._apply([ask], hub.now)
    hub.node.connected(hub.now)
    assert told(hub, "ask") == []


# --- evidence ---------------------------------------------------------------------------------------------------------


def test_messages_about_customs_are_kept_as_they_came() -> None:
    hub = Daemon().up()
    body = [record("hold").model_dump(mode="json"), record("hold", 1, 2, ("bag", "G1")).model_dump(mode="json"), {}]
    say(hub, "customs", body)
    say(hub, "advice", advice(customs="none").model_dump(mode="json"))
    say(hub, "customs/head", {"sequence": 2, "time_ms": int(UTC + hub.now)})
    say(hub, "n1/command/hold", command(hub, subject_kind="parcel", subject_id="P1"))
    say(hub, "n1/command/lane_close", command(hub, "c-2", lane="S1-L01"))
    say(hub, "n1/command/recall_clear", b"{")
    batch = hub.on_its_way()
    customs, hold, broken = batch.evidence
    assert (customs.topic, json.loads(customs.raw)) == (f"{HUB}/customs", body)
    assert customs.subjects == ("parcel/P1", "bag/G1")
    assert customs.utc_ms == int(UTC + hub.now)
    assert customs.refused == ("element 3: scheme: Field required",)
    names = {row.seq: named(row) for row in batch.events}
    assert [names[seq] for seq in range(customs.first_seq or 0, (customs.last_seq or 0) + 1)] == ["alarm/raised"]
    assert (hold.subjects, hold.refused) == (("parcel/P1",), ())
    assert names[hold.last_seq or 0] == "command/done"
    assert (broken.raw, broken.subjects, len(broken.refused)) == (b"{", (), 1)


def test_what_was_refused_is_kept_about_whom_it_names() -> None:
    hub = Daemon().up()
    wrong = {"scheme": "H7", "authority": "BE", "subject_kind": "parcel", "subject_id": "P9", "status": "held"}
    local = record("hold", subject=("bag", "G1")).model_dump(mode="json") | {"scheme": "local"}
    nobody = [{"subject_kind": "person", "subject_id": "P1"}, {"subject_kind": "parcel", "subject_id": ""}, 7]
    hub.say("customs", [wrong, local, *nobody])
    say(hub, "customs", wrong, retained=True)
    elements, retained = hub.on_its_way().evidence
    assert (elements.subjects, len(elements.refused)) == (("parcel/P9", "bag/G1"), 5)
    assert retained.subjects == ("parcel/P9",)
    assert "retained" in retained.refused[0]


def test_closing_a_container_is_evidence_about_the_one_that_stands_there() -> None:
    hub = Daemon().up()
    hub.say("container", {"container": "CAGE 1", "lane": "S1-L01", "status": "open"})
    hub.commit()
    say(hub, "n1/command/container_close", command(hub, lane="S1-L01"))
    batch = hub.on_its_way()
    (closing,) = batch.evidence
    container = container_id("CAGE 1")
    assert closing.subjects == ("lane/S1-L01", f"container/{container}")
    assert [row.subject for row in batch.events if named(row) == "container/closed"] == [f"container/{container}"]


def test_what_caused_nothing_is_kept_as_well() -> None:
    hub = Daemon().up()
    say(hub, "customs", record("hold").model_dump(mode="json"))
    (one,) = hub.on_its_way().evidence
    assert (one.first_seq, one.last_seq, one.refused) == (None, None, ())
    assert len(hashlib.sha256(one.raw).hexdigest()) == 64


# --- the clock --------------------------------------------------------------------------------------------------------


def test_a_step_of_the_clock_is_an_alarm_once_and_not_followed() -> None:
    hub = Daemon().up()
    for _ in range(5):
        hub.now += 1000
        hub.node.clock(UTC + hub.now + STEP_MS + 5000, hub.now)
    assert hub.node.utc_ms(hub.now) == UTC + hub.now
    hub.node.clock(UTC + hub.now, hub.now)
    hub.node.clock(UTC + hub.now, hub.now)
    hub.commit()
    alarms = [event for event in hub.events() if event["subject"] == "alarm/clock-step"]
    assert [event["type"] for event in alarms] == ["hubfloor.alarm.raised.v1", "hubfloor.alarm.cleared.v1"]
    assert "+6.0 s off" in alarms[0]["data"]["what"]


def test_the_floor_hears_what_was_slewed() -> None:
    hub = Daemon().up()
    for second in range(300):
        hub.now += 1000
        hub.node.clock(UTC + hub.now + 300, hub.now)
        assert abs(hub.node.utc_ms(hub.now) - hub.node.floor.utc(hub.now)) <= CLOCK_MS, second
    assert hub.node.floor.utc(hub.now) > UTC + hub.now + 50
    assert hub.node.rows() is None, "a slow correction is no news"


# --- the manual -------------------------------------------------------------------------------------------------------

MODELS: dict[str, Any] = {
    "Advice": Advice,
    "Customs": CustomsRecord,
    "The head beat": CustomsHead,
    "Departures": Departure,
    "Containers": ContainerRecord,
    "Asks and answers": AskAnswer,
}


def examples(heading: str) -> list[Any]:
    """The JSON blocks below a heading of docs/centre.md."""
    sections = re.split(r"\n###? ", DOCS.read_text())
    (section,) = [one for one in sections if one.startswith(heading + "\n")]
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL)]


@pytest.mark.parametrize("heading", MODELS)
def test_the_examples_of_the_manual_are_taken(heading: str) -> None:
    found = [example for example in examples(heading) if "until_ms" not in example]
    assert found
    for example in found:
        made = MODELS[heading].model_validate(example)
        assert set(example) <= set(type(made).model_fields), "no field that means nothing"


def test_the_commands_of_the_manual_are_taken() -> None:
    text = DOCS.read_text()
    found = [example for example in examples("Commands") if "actor" in example]
    assert found
    for verb, adapter in VERBS.items():
        assert f"| `{verb}` |" in text
        (example,) = [one for one in found if one["id"].startswith(verb)]
        assert isinstance(understood(f"command/{verb}", example).inputs[0], Ordered)
        assert adapter.validate_python(example).verb == verb


def test_every_field_of_a_message_is_in_the_manual() -> None:
    text = DOCS.read_text()
    for heading, model in MODELS.items():
        (section,) = [one for one in re.split(r"\n###? ", text) if one.startswith(heading + "\n")]
        missing = [name for name in model.model_fields if f"`{name}`" not in section]
        assert missing == [], heading
