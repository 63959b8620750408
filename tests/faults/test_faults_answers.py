"""The broker answers what it should not, or not at all; and it sends what nobody should obey.

Promises P2, P3, P4, P6, P10 and P14. What no real broker does on command a fake one does; what one does, a real one.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.brokers import mosquitto
from tests.faults.consumer import Consumer
from tests.faults.fake_broker import FakeBroker, Rules
from tests.faults.figures import BASE, GROWTH_MB, KEEPALIVE_S, NOTHING, RECOVERY_S, arrived, central, told
from tests.faults.hub import NODE, SITE, Hub, Samples
from tests.faults.mqtt_wire import Publish
from tests.faults.proxy import Proxy
from tests.faults.threads import until

BURST = 1000
WINDOW = 200
"""So many are unacknowledged at most."""
CODES = {"not authorised": 0x87, "quota exceeded": 0x97, "unspecified error": 0x80}
FOREIGN = {"packet too large": 0x95, "server busy": 0x89}
"""They belong into a DISCONNECT or a CONNACK (MQTT 5, table 2-6); not every broker keeps to that."""


@contextmanager
def at_fake_broker(folder: Path, keepalive_s: int = KEEPALIVE_S) -> Iterator[tuple[FakeBroker, Hub]]:
    with FakeBroker() as broker, Hub(folder, broker.url, keepalive_s=keepalive_s) as hub:
        hub.start()
        hub.online()
        yield broker, hub
        assert broker.protocol_errors == []


def command(number: int, life_ms: int = 60_000, age_ms: int = 0, verb: str = "lane_close") -> tuple[str, bytes]:
    """A command as the centre gives it: topic below the base, payload."""
    issued = round(time.time() * 1000) - age_ms
    body: dict[str, Any] = {"id": f"c-{number}", "issued": issued, "expires": issued + life_ms, "actor": "desk-4"}
    return f"command/{verb}", json.dumps(body | {"lane": "S1-L04"}).encode()


def of_first_scanner(message: Publish) -> bool:
    return b'"code":"feed-1-' in message.payload


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", [*CODES, *FOREIGN])
def test_what_is_refused_blocks_nobody_and_comes_by_itself(what: str, tmp_path: Path, full: bool) -> None:
    """One scanner's events are refused, as a topic may be; for most of a minute where there is time."""
    if not (full or what in ("not authorised", "server busy")):
        pytest.skip("with --full")
    refused_s, code = 50.0 if full else 0.5, (CODES | FOREIGN)[what]
    with at_fake_broker(tmp_path) as (broker, hub):
        broker.rules = Rules(code=lambda message: code if of_first_scanner(message) else 0)
        began = time.monotonic()
        hub.fed(600)
        until(lambda: sum(b"feed-2-" in m.payload for m in broker.accepted()) == 300, "the others flow")
        flowed = time.monotonic() - began
        until(lambda: hub.broker()["quarantined"] == 300, "the refused are seen")
        until(lambda: hub.broker()["queued"] == 0, "nothing else waits")
        asked = sum(map(of_first_scanner, (entry.message for entry in [*broker.ledger])))
        until(lambda: time.monotonic() > began + refused_s, "it refuses for so long", refused_s + 1)
        hub.fed(200)
        until(lambda: sum(b"feed-2-" in m.payload for m in broker.accepted()) == 400, "the others still flow")
        until(lambda: hub.broker()["quarantined"] == 400, "the refused ones of these are seen, too")
        if full:
            again = time.monotonic()
            broker.rules = Rules()
            arrived(hub, broker, 150.0)
            seqs = [json.loads(m.payload)["sequence"] for m in broker.accepted() if of_first_scanner(m)]
            assert seqs == sorted(seqs)
            print(told(f"{what} for {refused_s:g} s", others_after=flowed, recovery=time.monotonic() - again))
            assert hub.compare(central(broker)) == NOTHING
        assert asked <= 400, "a refused event is not sent again and again"
        assert [m for m in central(broker).disorder if m[0] == "feed-2"] == []


@pytest.mark.parametrize("code", [0, 0x95, 0x97])
def test_a_packet_that_the_broker_says_goodbye_to_blocks_nobody(code: int, tmp_path: Path, full: bool) -> None:
    """P4: one event makes the broker close, with a word or without; the rest arrives."""
    if not full:
        pytest.skip("with --full")
    with at_fake_broker(tmp_path) as (broker, hub):
        poison = b'"code":"feed-1-00000150"'
        broker.rules = Rules(close_on=lambda message: poison in message.payload, goodbye=code)
        began = time.monotonic()
        hub.fed(400)
        last = hub.last()
        until(lambda: len(central(broker).ids) == last - 1, "all but one are accepted", RECOVERY_S)
        print(
            told(
                f"DISCONNECT {code:#x} for one event" if code else "closed for one event",
                others_after=time.monotonic() - began,
                connections=str(len(broker.connects)),
            )
        )
        assert hub.broker()["quarantined"] == 1
        assert len(broker.connects) <= 12


def test_a_broker_that_is_too_busy_to_take_us(tmp_path: Path, full: bool) -> None:
    busy_s = 60.0 if full else 1.0
    with FakeBroker(rules=Rules(refusal=0x89)) as broker, Hub(tmp_path, broker.url) as hub:
        hub.start()
        began = time.monotonic()
        hub.fed(500)
        until(lambda: time.monotonic() > began + busy_s, "it is busy for so long", busy_s + 1)
        tries = len(broker.connects)
        broker.rules = Rules()
        arrived(hub, broker)
        print(told(f"server busy for {busy_s:g} s", recovery=time.monotonic() - began - busy_s, tries=str(tries)))
        assert 1 <= tries <= 5 + busy_s
        assert "busy" in hub.log.lower()
        assert hub.compare(central(broker)) == NOTHING


def test_a_topic_without_permission_goes_when_it_is_given(tmp_path: Path, full: bool) -> None:
    """A real mosquitto with an access list; SIGHUP makes it read the corrected one."""
    folder = tmp_path / "broker"
    folder.mkdir()
    access = folder / "acl"
    allowed = ("state", "reply", "command", "ack", "event/parcel", "event/device", "event/node", "event/alarm")
    access.write_text("topic read #\n" + "".join(f"topic write {BASE}/{name}/#\n" for name in allowed))
    with (
        mosquitto(folder, f"acl_file {access}") as child,
        Hub(tmp_path / "hub", child.url) as hub,
        Consumer(child.url, SITE, NODE) as consumer,
    ):
        hub.start()
        hub.online()
        began = time.monotonic()
        for number in range(5):
            consumer.publish(*command(number, life_ms=1, age_ms=1000))
        until(lambda: len(consumer.replies) == 5, "the commands are refused")
        hub.fed(500)
        until(lambda: hub.broker()["quarantined"] == 5, "the topic is refused")
        until(lambda: consumer.book.count >= 500, "the others flow")
        assert consumer.refused == []
        access.write_text("topic readwrite #\n")
        os.kill(child.pid, signal.SIGHUP)
        if full:
            took = hub.heard_by(consumer.book, 150.0)
            assert len(consumer.refused) == 5
            print(told("a topic without permission", others_after=time.monotonic() - began - took, recovery=took))
            assert hub.compare(consumer.book) == NOTHING


def test_an_alarm_names_the_topic_that_is_refused(tmp_path: Path) -> None:
    with at_fake_broker(tmp_path) as (broker, hub):
        broker.rules = Rules(code=lambda message: 0x87 if of_first_scanner(message) else 0)
        hub.fed(4)

        def named() -> bool:
            alarms = [m.payload for m in broker.accepted() if m.topic.endswith("/alarm/raised")]
            return any(b"event/parcel/read" in payload for payload in alarms)

        until(named, "an alarm names the topic", 5.0)


# --- what is not answered --------------------------------------------------------------------------------------------


def test_a_broker_that_acknowledges_nothing(tmp_path: Path, full: bool) -> None:
    """It answers pings, so the connection stands; a window is out, the rest waits in the journal."""
    silent_s = 60.0 if full else 1.0
    with at_fake_broker(tmp_path) as (broker, hub):
        hub.fed(5000)  # as much as comes later: what is remembered of codes is remembered now
        arrived(hub, broker)
        before, began = len(broker.ledger), time.monotonic()
        with Samples(hub) as samples:
            start_mb = hub.rss_mb()
            broker.rules = Rules(silent=True)
            hub.fed(5000)
            until(lambda: time.monotonic() > began + silent_s, "it is silent for so long", silent_s + 1)
            out = {(e.connection, e.message.mid) for e in broker.ledger[before:] if "/event/" in e.message.topic}
            connections = len(broker.connects)
            most = max(sum(number == one for number, _ in out) for one in range(1, connections + 1))
            again = time.monotonic()
            silent_for = again - began
            broker.rules = Rules()
            broker.answer_all()
            arrived(hub, broker)
        print(
            told(
                f"nothing acknowledged for {silent_s:g} s",
                out_at_most=str(most),
                connections=str(connections),
                recovery=time.monotonic() - again,
                memory=samples.told(),
            )
        )
        assert most <= WINDOW
        assert connections <= 1 + silent_for / 5  # a busy machine feeds for longer than it is to be silent
        assert max(samples.rss) - start_mb < GROWTH_MB
        assert hub.compare(central(broker)) == NOTHING


def test_acknowledgements_that_never_come(tmp_path: Path, full: bool) -> None:
    """More are lost than may be out at once, and the connection stands. A few only, where there is no time to wait."""
    lost = 2 * WINDOW if full else 20
    with at_fake_broker(tmp_path) as (broker, hub):
        hub.fed(100)
        arrived(hub, broker)
        broker.rules = Rules(times=0)
        hub.fed(lost)
        until(lambda: hub.broker()["queued"] >= lost, "they are out")
        until(lambda: broker.ledger[-1].code is None, "they came")
        broker.rules = Rules()
        began = time.monotonic()
        hub.fed(1000)
        if not full:
            until(lambda: len(central(broker).ids) >= 1100, "the others flow")
            broker.drop()
        arrived(hub, broker)
        print(
            told(
                f"{lost} acknowledgements lost",
                recovery=time.monotonic() - began,
                connections=str(len(broker.connects)),
            )
        )
        assert hub.compare(central(broker)) == NOTHING


def test_acknowledgements_doubled_turned_round_and_invented(tmp_path: Path) -> None:
    with at_fake_broker(tmp_path) as (broker, hub):
        broker.rules = Rules(times=2, stray=True, batch=7)
        hub.feeder.feed(1000, rate=2000)
        until(lambda: hub.last() >= 1000, "all is in the journal")
        broker.rules = Rules()
        broker.answer_all()
        arrived(hub, broker)
        hub.drained()
        print(told("doubled, turned round and invented", connections=str(len(broker.connects))))
        assert len(broker.connects) == 1
        assert (hub.broker()["quarantined"], central(broker).duplicates) == (0, 0)
        assert hub.compare(central(broker)) == NOTHING


# --- sessions --------------------------------------------------------------------------------------------------------


def test_a_session_that_is_lost_is_made_anew(tmp_path: Path) -> None:
    with at_fake_broker(tmp_path) as (broker, hub):
        hub.fed(500)
        began = time.monotonic()
        broker.rules = Rules(forget=True)
        broker.drop()
        until(lambda: len(broker.connects) == 2 and bool(broker.standing), "it comes again")
        until(lambda: any(session.filters for session in broker.sessions.values()), "it subscribes again")
        broker.send(*_at_base(command(1)))
        until(lambda: any("/reply/lane_close" in m.topic for m in broker.accepted()), "it answers to a command")
        print(told("session lost", recovery=time.monotonic() - began))
        arrived(hub, broker)
        assert hub.compare(central(broker)) == NOTHING


def test_refused_subscriptions_are_said_and_block_no_event(tmp_path: Path) -> None:
    with FakeBroker(rules=Rules(grants=False)) as broker, Hub(tmp_path, broker.url) as hub:
        hub.start()
        hub.online()
        hub.fed(500)
        arrived(hub, broker)
        assert hub.compare(central(broker)) == NOTHING
        assert "subscri" in hub.log, "the log says that the broker refuses the subscriptions"


def two_nodes(tmp_path: Path, full: bool) -> str:
    seconds = 30.0 if full else 3.0
    with (
        mosquitto(tmp_path / "broker") as child,
        Proxy(child.port) as proxy,
        Hub(tmp_path / "one", proxy.url, keepalive_s=KEEPALIVE_S) as one,
        Hub(tmp_path / "two", proxy.url, keepalive_s=KEEPALIVE_S) as two,
    ):
        one.start()
        one.online()
        two.start()
        began = time.monotonic()
        until(lambda: time.monotonic() > began + seconds, "they quarrel", seconds + 1)
        count = proxy.accepted
        assert count <= 10 + seconds, "after the first quarrel each waits for seconds"
        until(lambda: "another client" in one.log and "another client" in two.log, "both say why")
        two.end()
        one.online(10)
        return told(f"one client id for two nodes for {seconds:g} s", connections=str(count))


@pytest.mark.meanwhile(scenario=two_nodes)
def test_two_nodes_with_one_client_id_say_so_and_make_no_storm(meanwhile: str) -> None:
    print(meanwhile)


# --- what must not be obeyed -----------------------------------------------------------------------------------------


def _at_base(said: tuple[str, bytes]) -> tuple[str, bytes]:
    return f"{BASE}/{said[0]}", said[1]


def test_old_and_retained_commands_are_refused_and_audited(tmp_path: Path) -> None:
    with (
        mosquitto(tmp_path / "broker") as child,
        Hub(tmp_path / "hub", child.url) as hub,
        Consumer(child.url, SITE, NODE) as consumer,
    ):
        topic, payload = command(1)
        consumer.publish(topic, payload, retain=True)
        hub.start()
        hub.online()
        until(lambda: len(consumer.refused) == 1, "the retained one is refused")
        consumer.publish(*command(2, life_ms=100, age_ms=10_000))
        until(lambda: len(consumer.refused) == 2, "the expired one is refused")
        consumer.publish(*command(3))
        consumer.publish(*command(3))
        until(lambda: len(consumer.refused) == 3, "the repeated one is refused")
        why = [str(refusal["why"]) for refusal in consumer.refused]
        print(told("commands refused", why="; ".join(why)))
        assert "retained" in why[0]
        assert "expired" in why[1]
        assert "repeated" in why[2]
        assert [reply["result"] for reply in consumer.replies].count("done") == 1
        done = [row for row in hub.rows() if row.type == "hubfloor.command.done.v1"]
        assert len(done) == 1


def test_a_burst_of_commands_is_refused_one_by_one_and_holds_nobody_up(tmp_path: Path, full: bool) -> None:
    count = 10_000 if full else 3000
    with at_fake_broker(tmp_path) as (broker, hub):
        hub.fed(count)
        arrived(hub, broker)
        burst = [_at_base(command(number, life_ms=100, age_ms=10_000)) for number in range(count)]
        with Samples(hub, 0.05) as samples:
            before, began = hub.rss_mb(), time.monotonic()
            broker.send_many(burst)
            hub.feeder.feed(200, rate=200)
            until(lambda: broker.acked >= count, "every command is taken")
            took = time.monotonic() - began
            until(lambda: hub.feeder.done, "the scanners are heard meanwhile")
            arrived(hub, broker)
        rows = [row for row in hub.rows() if row.type == "hubfloor.command.refused.v1"]
        answers = sorted(samples.answers)
        print(
            told(
                f"a burst of {count} old commands",
                taken_after=took,
                status_p50=answers[len(answers) // 2] / 1000,
                memory=samples.told(),
            )
        )
        assert len(rows) == count
        assert max(samples.rss) - before < 2 * GROWTH_MB
        assert answers[len(answers) // 2] < 250
        assert hub.compare(central(broker)) == NOTHING
