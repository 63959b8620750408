"""The way to the centre: alarms that say what is wrong there, acks, and a journal that was put back."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from controller.acks import Ack, NodeState
from controller.broker import Child
from controller.core import monotonic_ms
from controller.daemon import Daemon as RealDaemon
from controller.envelope import Origin
from controller.events import Alarm
from controller.journal_reader import Reader
from controller.node import Node
from controller.outbox import Outbox
from controller.plans import load_floor
from controller.standing import AGAIN_MS, KEPT, LATELY_MS, Once, Standing
from controller.uplink import Options
from controller.upward import LONGEST_MS, PROOF_MS, Upward
from tests.faults.consumer import Consumer
from tests.floor_fixture import UTC
from tests.hub import MemoryJournal
from tests.test_check import S1_PLAN
from tests.test_config import FLOOR, write
from tests.test_node import HUB, Daemon, divc, indu
from tests.test_uplink import User, committed, linked, row, run, started

OWN = f"{HUB}/n1"


def alarms(hub: Daemon, alarm: str) -> list[tuple[str, dict[str, Any]]]:
    """(raised or cleared, data) of the events about it, committed by now."""
    hub.commit_if_any()
    found = [(event["type"].split(".")[2], event["data"]) for event in hub.events()]
    return [(what, data) for what, data in found if data.get("alarm") == alarm]


def last(hub: Daemon, alarm: str) -> tuple[str, str]:
    what, data = alarms(hub, alarm)[-1]
    return what, data["what"]


def publish_all(hub: Daemon, code: Callable[[str], int] = lambda topic: 0) -> list[int]:
    """The broker answers to all that is published; the keys."""
    keys = []
    hub.commit_if_any()
    while hub.node.outbox.wants() is not None:
        hub.node.backlog(hub.journal.backlog(*(hub.node.outbox.wants() or (0, 0))))
    for _ in range(200):
        for publish in hub.node.publishes(hub.now):
            if publish.key:
                keys.append(publish.key)
                hub.node.puback(publish.key, code(publish.topic), hub.now)
        hub.now += 1.0
    return keys


def pass_time(hub: Daemon, ms: float) -> None:
    hub.now += ms
    hub.node.tick(hub.now)


# --- alarms -----------------------------------------------------------------------------------------------------------


def test_an_alarm_is_raised_once_again_after_a_minute_and_cleared() -> None:
    standing, one = Standing(), Alarm(alarm="x", what="one")
    assert standing.take(0.0) == []
    standing.set(one)
    assert standing.take(0.0) == [("alarm/raised", one)]
    standing.set(one)
    assert (standing.take(1.0), standing.next_at()) == ([], None)
    two = Alarm(alarm="x", what="two", sequences=(1,))
    standing.set(two)
    assert (standing.take(2.0), standing.next_at()) == ([], AGAIN_MS)
    assert standing.take(AGAIN_MS) == [("alarm/raised", two)]
    standing.clear("x")
    assert standing.next_at() == float("-inf")
    assert standing.take(AGAIN_MS) == [("alarm/cleared", Alarm(alarm="x", what="it is over: two"))]
    standing.clear("x")
    standing.set(one)
    assert standing.take(AGAIN_MS + 1) == [], "however often it comes and goes"
    standing.clear("x")
    assert standing.take(3 * AGAIN_MS) == []


def test_refused_events_are_an_alarm_with_their_sequences() -> None:
    hub = Daemon().up()
    publish_all(hub)
    first = hub.node.floor.sequence + 1
    for number in range(3):
        hub.node.link_down(next(iter(hub.node.ports)), hub.now, f"{number}")
    publish_all(hub, lambda topic: 0x87 if "/device/" in topic else 0)
    what, data = alarms(hub, "broker-refused")[-1]
    assert (what, data["priority"], data["sequences"]) == ("raised", "high", [first])
    topic = hub.journal.rows[first].topic
    assert (
        data["what"] == f"the broker refuses 1 event, the last on {topic}: not authorized (0x87); they are tried again"
    )
    assert len(alarms(hub, "broker-refused")) == 1, "growing, once a minute"
    pass_time(hub, AGAIN_MS)
    _, data = alarms(hub, "broker-refused")[-1]
    refused = hub.node.outbox.refused
    assert f"refuses {len(refused)} events" in data["what"]
    assert data["sequences"] == refused
    assert len(refused) >= 3
    publish_all(hub)
    assert last(hub, "broker-refused")[0] == "cleared"
    assert hub.node.outbox.refused == []


def test_fewer_refused_events_are_no_news_and_more_are() -> None:
    outbox = committed(Outbox(), [row(seq) for seq in range(1, 10)])
    upward, now = Upward(Origin("lgg", "n1", "abcd1234", "test"), 1, outbox, 1), 0.0

    def answer(code: int, *accepted: int) -> list[str]:
        """To all that is due; what is reported in the next two minutes."""
        nonlocal now
        outbox.connected()
        for one in outbox.take(now):
            upward.puback(one.seq, 0 if one.seq in accepted else code, now)
        said = [what for wait in (0.0, AGAIN_MS, AGAIN_MS) for what, _ in upward.take(now + wait, 0.0)]
        now += 3 * AGAIN_MS
        outbox.retry()
        return said

    assert answer(0x87, 1, 2) == ["alarm/raised"]
    assert answer(0x87, 3, 4, 5) == []
    assert outbox.refused == [6, 7, 8, 9]
    outbox.offer([row(10)])
    assert answer(0x97, 6) == ["alarm/raised"]
    assert answer(0) == ["alarm/cleared"]


def test_at_most_a_hundred_sequences_are_named() -> None:
    hub = Daemon().up()
    hub.node.damaged(range(500, 0, -1), hub.now)
    _, data = alarms(hub, "journal-damaged")[-1]
    assert data["sequences"] == list(range(1, 101))
    assert data["what"] == "500 events of the journal are damaged and can never be published"


def test_refused_subscriptions_are_an_alarm_until_they_are_granted() -> None:
    hub = Daemon().up()
    hub.node.subscribed([(f"{HUB}/advice", "Not authorized"), (f"{HUB}/plan", "Quota exceeded")], hub.now)
    assert last(hub, "broker-subscription") == (
        "raised",
        f"the broker refuses to let us hear {HUB}/advice: Not authorized; {HUB}/plan: Quota exceeded; "
        "may n1 read there?",
    )
    hub.node.subscribed([], hub.now)
    assert last(hub, "broker-subscription")[0] == "cleared"


def test_a_certificate_that_ends_within_thirty_days_is_an_alarm() -> None:
    hub = Daemon().up()
    now_s, day = (UTC + hub.now) / 1000, 86_400
    hub.node.connected(hub.now, "mqtts://b", now_s + 30 * day + 60)
    pass_time(hub, 1000)
    assert alarms(hub, "broker-certificate") == []
    pass_time(hub, 120_000)
    what, said = last(hub, "broker-certificate")
    assert what == "raised"
    assert said.startswith("the certificate of the broker mqtts://b ends on 2")
    pass_time(hub, 10 * AGAIN_MS)
    assert len(alarms(hub, "broker-certificate")) == 1
    hub.node.connected(hub.now, "mqtts://b", now_s + 365 * day)
    pass_time(hub, 1000)
    assert last(hub, "broker-certificate")[0] == "cleared"


def test_every_alarm_stands_in_one_place_and_is_a_line_for_the_log() -> None:
    hub = Daemon().up()
    hub.node.alarmed()
    hub.node.alarm("clock-step", "the clock\nstepped", hub.now)
    hub.node.subscribed([("a/b", "not authorized")], hub.now)
    hub.node.damaged({3}, hub.now)
    assert list(hub.node.standing) == ["clock-step", "broker-subscription", "journal-damaged"]
    assert hub.node.standing["journal-damaged"] == "1 event of the journal is damaged and can never be published"
    told = hub.node.alarmed()
    assert [line.partition(":")[0] for line in told] == [f"alarm {name} (high)" for name in hub.node.standing]
    assert told[0] == "alarm clock-step (high): the clock stepped", "one line, whatever is in it"
    hub.node.subscribed([], hub.now)
    hub.node.alarm("clock-step", None, hub.now)
    assert list(hub.node.standing) == ["journal-damaged"]
    assert hub.node.alarmed() == ["alarm broker-subscription is over", "alarm clock-step is over"]
    assert hub.node.alarmed() == []


def test_critical_alarms_that_were_told_once_are_known_for_an_hour() -> None:
    once = Once()
    for at, name, what, priority in (
        (0.0, "held-escaped-S1#1", "it lies in S1-L09", "critical"),
        (0.0, "plc-S1-X", "not critical", "high"),
        (60_000.0, "no-lane-S1", "first", "critical"),
        (61_000.0, "hand-held-P1", "P1", "critical"),
        (62_000.0, "no-lane-S1", "again", "critical"),
    ):
        once.heard(Alarm.model_validate({"alarm": name, "what": what, "priority": priority}), at)
    told = [(at, alarm.alarm, alarm.what) for at, alarm in once.lately(LATELY_MS)]
    assert told == [
        (62_000.0, "no-lane-S1", "again"),
        (61_000.0, "hand-held-P1", "P1"),
        (0.0, "held-escaped-S1#1", "it lies in S1-L09"),
    ]
    assert len(once.lately(LATELY_MS + 1)) == 2
    renewed = Once()
    renewed.heard(Alarm(alarm="no-lane-S1", what="anew", priority="critical"), 63_000.0)
    renewed.follow(once)
    assert [alarm.what for _, alarm in renewed.lately(LATELY_MS)] == ["anew", "P1", "it lies in S1-L09"]
    for number in range(2 * KEPT):
        once.heard(Alarm(alarm=f"held-escaped-S1#{number}", what="", priority="critical"), 70_000.0)
    assert len(once.lately(70_000.0)) == KEPT
    assert once.lately(70_000.0)[0][1].alarm == f"held-escaped-S1#{2 * KEPT - 1}"


def test_a_held_parcel_that_escaped_is_told_once_and_an_alarm_that_stands_is_not() -> None:
    hub = Daemon().up()
    hub.node.alarm("poison", "it stands", hub.now, "critical")
    hub.event("INDU", indu(1))
    hub.event("DIVC", divc(1, 0))
    [(at, alarm)] = hub.node.once.lately(hub.now)
    assert at == hub.now
    assert alarm.alarm.startswith("held-escaped-")
    assert alarm.what.endswith("lies in S1-L01 without a customs release")
    assert list(hub.node.alarms) == ["poison"]


def test_a_restart_closes_what_was_raised() -> None:
    hub = Daemon().up()
    hub.node.subscribed([("t", "why")], hub.now)
    hub.commit()
    later = Daemon(journal=hub.journal, now=hub.now)
    assert last(later, "broker-subscription")[0] == "cleared"
    once_more = Daemon(journal=hub.journal, now=hub.now)
    assert len(alarms(once_more, "broker-subscription")) == 2


# --- acks -------------------------------------------------------------------------------------------------------------


def ack(hub: Daemon, sequence: int, journal: str = "", consumer: str = "erp") -> int:
    body = {"consumer": consumer, "journal": journal or hub.node.origin.journal, "sequence": sequence}
    return hub.say("n1/ack", body)


def test_what_a_consumer_has_not_heard_is_published_again_as_it_was() -> None:
    hub = Daemon().up()
    publish_all(hub)
    ack(hub, 0)
    for _ in range(12):
        pass_time(hub, 1000)
        asked = hub.node.upward.repair.wants(hub.now)
    assert asked is not None
    after, limit = asked
    assert after == 0
    hub.node.upward.repair.rows([row for seq, row in hub.journal.rows.items() if seq > after][:limit])
    hub.commit_if_any()
    again = []
    for _ in range(50):
        again += [publish for publish in hub.node.publishes(hub.now) if publish.key < 0]
        hub.now += 1.0
    assert [-publish.key for publish in again][:3] == [1, 2, 3]
    for publish in again:
        row = hub.journal.rows[-publish.key]
        assert (publish.topic, publish.payload, publish.retain) == (row.topic, row.body, False)


def test_an_ack_needs_no_disk_and_a_bad_one_is_refused_by_field() -> None:
    hub = Daemon().up()
    assert ack(hub, 1) in hub.node.acks()
    assert hub.node.rows() is None
    for body, field in (
        ({"consumer": "a b", "journal": "abcd1234", "sequence": 1}, "consumer"),
        ({"consumer": "a", "journal": "ABCD", "sequence": 1}, "journal"),
        ({"consumer": "a", "journal": "abcd1234", "sequence": -1}, "sequence"),
        ({"consumer": "a", "journal": "abcd1234", "sequence": 2**63}, "sequence"),
        ({"consumer": "a", "journal": "abcd1234", "sequence": "1"}, "sequence"),
        ({"consumer": "a", "journal": "abcd1234"}, "sequence"),
    ):
        before = hub.node.errors.get("ack", 0)
        hub.say("n1/ack", body)
        assert hub.node.errors["ack"] == before + 1
        hub.now += AGAIN_MS
        assert alarms(hub, "inbound")
        assert f": {field}: " in last(hub, "inbound")[1] or before
    assert hub.node.upward.renew == ""


def test_acks_of_other_journals_are_counted_unless_this_node_had_them() -> None:
    hub = Daemon().up()
    ack(hub, 10**9, "zzzzzzzz")
    hub.say("n1/state/node", {"state": "offline", "boot": 9, "journal": "yyyyyyyy", "sequence": 10**6})
    ack(hub, 10**9, "yyyyyyyy")
    assert (hub.node.upward.strange_acks, hub.node.upward.renew) == (1, "")
    assert hub.node.upward.repair.consumers == {}


# --- an older image of the journal ------------------------------------------------------------------------------------


def test_a_consumer_that_has_heard_more_than_the_journal_knows_proves_it() -> None:
    hub = Daemon().up()
    publish_all(hub)
    known = hub.node.outbox.last
    ack(hub, known)
    assert hub.node.upward.renew == ""
    ack(hub, known + 1)
    assert f"consumer erp has heard event {known + 1}" in hub.node.upward.renew
    hub.node.link_down(next(iter(hub.node.ports)), hub.now, "x")
    hub.commit()
    assert hub.node.publishes(hub.now) == [], "nothing more under this id"


def test_a_consumer_that_is_one_ahead_makes_one_new_journal_and_not_one_after_the_other(tmp_path: Path) -> None:
    """It says which event it expects, not which it has heard."""

    async def ahead(daemon: RealDaemon, running: asyncio.Task[int]) -> None:
        node = daemon.node
        await until(lambda: node.online and node.outbox.queued == 0 and node.outbox.last > 0)
        body = {"consumer": "erp", "journal": node.origin.journal, "sequence": node.outbox.last + 1}
        daemon._step(node.message, f"{node.origin.base}/ack", json.dumps(body).encode(), 0, monotonic_ms())

    async def scenario() -> None:
        with started("mosquitto", tmp_path) as broker:
            async with floord(tmp_path, broker):
                pass
            codes = []
            for _ in range(2):
                async with floord(tmp_path, broker) as (daemon, running):
                    await ahead(daemon, running)
                    done, _ = await asyncio.wait([running], timeout=1.0)
                    codes.append(running.result() if done else 0)
                    if not done:
                        assert "erp" in alarm_of(daemon, "ack-ahead")
            assert codes == [70, 0]

    run(scenario)


def alarm_of(daemon: RealDaemon, alarm: str) -> str:
    """What it said of it last."""
    events = (json.loads(row.body)["data"] for row in Reader(daemon.config.state_dir / "journal.db").since(1))
    return str([data for data in events if data.get("alarm") == alarm][-1]["what"])


def test_acks_of_what_was_never_given_are_an_alarm_in_a_new_journal() -> None:
    outbox = committed(Outbox(), [row(1), row(2)])
    upward = Upward(Origin("lgg", "n1", "abcd1234", "test"), 1, outbox, 1, new=True)

    def said(consumer: str, sequence: int) -> list[str]:
        upward.heard(Ack(consumer=consumer, journal="abcd1234", sequence=sequence), 0.0)
        return [name for name, _ in upward.take(0.0, 0.0)]

    assert said("erp", 3) == ["alarm/raised"]
    assert said("other", 2) == said("erp", 2**62) == []
    assert (upward.renew, list(upward.repair.consumers)) == ("", ["other"])
    assert said("erp", 1) == ["alarm/cleared"]
    upward.found(NodeState(journal="abcd1234", boot=1, sequence=3))
    assert upward.renew, "our own state is another matter"


@pytest.mark.parametrize(
    ("boot", "more", "journal", "proof"),
    [
        (0, 1, "", "was told of event"),
        (1, 0, "", "was told of boot"),
        (-1, 0, "", ""),
        (0, 0, "", ""),
        (-1, 1, "", "was told of event"),
        (5, 100, "zzzzzzzz", ""),
    ],
)
def test_the_state_at_the_broker_proves_it(boot: int, more: int, journal: str, proof: str) -> None:
    hub = Daemon().up()
    body = {
        "state": "online",
        "boot": (hub.node.boot - 1 + boot) % 65_535 + 1,
        "journal": journal or hub.node.origin.journal,
        "sequence": hub.node.outbox.last + more,
    }
    hub.say("n1/state/node", body)
    assert proof in hub.node.upward.renew
    assert bool(hub.node.upward.renew) == bool(proof)


def test_our_own_state_proves_nothing_not_even_before_the_commit() -> None:
    hub = Daemon().up()
    node: Node = hub.node
    for number in range(5):
        node.link_down(next(iter(node.ports)), hub.now, str(number))
        pass_time(hub, 10_000)
        for publish in node.publishes(hub.now):
            if publish.topic.endswith("state/node"):
                node.message(publish.topic, publish.payload, 1, hub.now, True)
    will = node.will()
    node.message(will.topic, will.payload, 1, hub.now, True)
    died = Daemon(journal=MemoryJournal())  # what was not committed is gone, and the broker has never heard of it
    assert node.upward.renew == died.node.upward.renew == ""


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b"no", b'{"journal": 5}', b"[" * 5000, b'"x"'])
def test_what_others_write_there_does_no_harm(payload: bytes) -> None:
    hub = Daemon().up()
    hub.node.message(f"{OWN}/state/node", payload, 1, hub.now, True)
    assert hub.node.upward.renew == ""


@pytest.mark.parametrize("ends", ["found", "not there", "no answer"])
def test_nothing_is_published_before_the_broker_has_said_what_it_knows(ends: str) -> None:
    hub = Daemon().up()
    hub.node.connected(hub.now, "mqtt://b", awaits=True)
    assert hub.node.publishes(hub.now) == []
    due = hub.node.next_at()
    assert due is None or due > hub.now, "and nobody asks in vain all the time"
    if ends == "found":
        own = {"state": "offline", "boot": hub.node.boot, "journal": hub.node.origin.journal, "sequence": 0}
        hub.say("n1/state/node", own)
    elif ends == "not there":
        hub.node.subscribed([], hub.now)
        assert hub.node.publishes(hub.now + PROOF_MS - 1) == []
        hub.now += PROOF_MS
    else:
        assert hub.node.publishes(hub.now + LONGEST_MS - 1) == []
        hub.now += LONGEST_MS
    assert hub.node.publishes(hub.now) != []


# --- the daemon itself ------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def floord(folder: Path, broker: Child) -> AsyncIterator[tuple[RealDaemon, asyncio.Task[int]]]:
    """A real daemon in this process: its journal, its thread, its socket, its broker."""
    (folder / "plan.toml").write_text(S1_PLAN)
    floor = write(folder, FLOOR.replace("mqtt://127.0.0.1:1883", broker.url))
    daemon = RealDaemon(*load_floor(floor))
    running = asyncio.create_task(daemon.run())
    try:
        yield daemon, running
    finally:
        daemon._finish(0)
        await running
        daemon._lock.close()


async def until(condition: Callable[[], bool]) -> None:
    """Bounded; the daemon has nothing that could be waited on."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def sequences(user: User) -> set[int]:
    found = (json.loads(payload) for topic, payload, _, _ in user.messages if "/event/" in topic)
    return {int(event["sequence"]) for event in found}


def test_new_files_that_cannot_be_used_are_an_alarm_until_good_ones_were_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devices.mqtt_watch.LOOK_S", 0.05)
    monkeypatch.setattr("controller.notify.Notify.every_s", 0.05)

    async def scenario() -> None:
        with started("mosquitto", tmp_path) as broker:
            async with floord(tmp_path, broker) as (daemon, _):
                await until(lambda: daemon.node.online)
                secret, standing = tmp_path / "broker.pw", daemon.node.standing
                what = "new files cannot be used, the connection stays as it is: password_file"
                secret.rename(tmp_path / "away")
                await until(lambda: standing.get("broker-files") == f"{what} {secret}: No such file or directory")
                (tmp_path / "away").rename(secret)
                await until(lambda: not standing)
                secret.write_bytes(b"\xff")
                await until(lambda: standing.get("broker-files") == f"{what} {secret}: it is not UTF-8 text")
                secret.unlink()
                await until(lambda: "No such file" in standing.get("broker-files", ""))
                assert daemon.node.online
                secret.write_text("another\n")
                await until(lambda: not standing)
        raised = [json.loads(row.body) for row in Reader(tmp_path / "state" / "journal.db").since(1)]
        told = [event["type"].split(".")[2] for event in raised if event["subject"] == "alarm/broker-files"]
        assert told == ["raised", "cleared"] * 3

    run(scenario)


def test_events_that_the_broker_lost_are_heard_after_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were acknowledged while nobody had subscribed: mosquitto has dropped them."""
    monkeypatch.setattr("controller.repair.SETTLE_MS", 300.0)
    monkeypatch.setattr("controller.repair.MARK_MS", 10.0)
    monkeypatch.setattr("controller.core.LONGEST_SLEEP_MS", 50.0)

    async def scenario() -> None:
        with started("mosquitto", tmp_path) as broker:
            async with floord(tmp_path, broker) as (daemon, _):
                node = daemon.node
                await until(lambda: node.online and node.outbox.queued == 0 and node.outbox.last >= 2)
                lost = set(range(1, node.outbox.last + 1))
                centre = User()
                options = Options(broker.url, "centre", subscriptions=[(f"{node.origin.base}/event/#", 1)])
                async with linked(options, centre) as uplink:
                    await until(lambda: bool(centre.refused))
                    body = {"consumer": "centre", "journal": node.origin.journal, "sequence": 0}
                    uplink.publish(1, f"{node.origin.base}/ack", json.dumps(body).encode(), 1, False)
                    await until(lambda: lost <= sequences(centre))
                said = daemon._status({})["broker"]
                assert (said["url"], said["consumers"]["centre"]["sequence"]) == (broker.url, 0)
                assert said["published_again"] >= len(lost)
                rows = {row.seq: row.body for row in Reader(tmp_path / "state" / "journal.db").since(1)}
                for topic, payload, _, _ in centre.messages:
                    assert topic.startswith(node.origin.base)
                    assert payload == rows[int(json.loads(payload)["sequence"])], "as it was"

    run(scenario)


def test_a_journal_that_was_put_back_is_found_out_by_what_the_broker_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    journal = tmp_path / "state" / "journal.db"

    async def scenario() -> None:
        with started("mosquitto", tmp_path) as broker:
            async with floord(tmp_path, broker) as (daemon, _):
                await until(lambda: daemon.node.online and daemon.node.outbox.queued == 0)
            older, witness = journal.read_bytes(), (tmp_path / "state" / "witness").read_bytes()
            for _ in range(2):
                async with floord(tmp_path, broker) as (daemon, _):
                    await until(lambda: daemon.node.online and daemon.node.outbox.queued == 0)
                    await until(lambda: not (tmp_path / "state" / "journal.renew").exists())
            with journal.open("r+b") as file:  # the same file: neither inode nor machine tells
                file.write(older)
                file.truncate()
            (tmp_path / "state" / "witness").write_bytes(witness)  # the whole folder was put back
            async with floord(tmp_path, broker) as (_, running):
                assert await asyncio.wait_for(running, 20) == 70

    run(scenario)
    marker = (tmp_path / "state" / "journal.renew").read_text()
    assert "the journal is an older image of itself: the broker was told of" in marker
    assert marker.strip() in capfd.readouterr().err


def test_no_sequence_of_a_journal_that_was_put_back_is_heard_with_two_events(tmp_path: Path) -> None:
    """Neither before the broker has said what it knows, nor afterwards of what was recorded until then."""
    files = [tmp_path / "state" / name for name in ("journal.db", "witness")]

    async def scenario() -> None:
        with started("mosquitto", tmp_path) as broker, Consumer(broker.url, "lgg", "sorter-a", ack_s=None) as consumer:
            await until(lambda: consumer.subscribed > 0)

            async def ran(code: int) -> tuple[str, int]:
                async with floord(tmp_path, broker) as (daemon, running):
                    node = daemon.node
                    if code:
                        assert await asyncio.wait_for(running, 20) == code
                    else:
                        await until(lambda: node.online and node.outbox.queued == 0 and node.outbox.last > 1)
                await daemon._uplink.stop()
                return node.origin.journal, node.outbox.last

            await ran(0)
            older = [file.read_bytes() for file in files]
            for _ in range(2):
                before, _ = await ran(0)
            for file, content in zip(files, older, strict=True):
                with file.open("r+b") as same:
                    same.write(content)
                    same.truncate()
            await ran(70)
            after, last = await ran(0)
            assert after != before
            await until(lambda: consumer.book.streams[after].highest == last)
            assert consumer.book.clashes == []
            assert consumer.book.streams[after].gaps()[1:] == [], "but for where it begins"

    run(scenario)
