"""floord is stopped, suspended and started again at bad moments: what was recorded stays, what is old is not done.

Promises P1, P2, P5, P6 and P10.
"""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from controller.demo_ledger import Ledger
from controller.demo_parcels import Parcels
from tests.faults.brokers import mosquitto
from tests.faults.consumer import Consumer
from tests.faults.fake_broker import FakeBroker, Rules
from tests.faults.figures import GROWTH_MB, KEEPALIVE_S, NOTHING, RECOVERY_S, told
from tests.faults.hub import NODE, SITE, Hub, Simulator
from tests.faults.proxy import Proxy
from tests.faults.threads import until

STOP_S = 20.0


def test_sigterm_under_load_and_a_second_start(tmp_path: Path) -> None:
    with (
        mosquitto(tmp_path / "broker") as child,
        Hub(tmp_path / "hub", child.url) as hub,
        Consumer(child.url, SITE, NODE) as consumer,
    ):
        hub.start()
        hub.online()
        hub.feeder.feed(100_000, rate=5000)
        until(lambda: consumer.book.count > 1000, "it is under load")
        code, took = hub.end()
        hub.feeder.stop()
        stored = hub.last()
        print(told("SIGTERM under load", took=took))
        assert code == 0
        assert took < STOP_S
        hub.start()
        hub.online()
        hub.heard_by(consumer.book)
        assert [row.type for row in hub.rows()[:stored]].count("hubfloor.node.stopping.v1") == 1
        assert hub.compare(consumer.book, killed=True) == NOTHING
        assert consumer.book.late == []


def twice_while_dead(tmp_path: Path, full: bool) -> str:
    """Packets stop without a word and reads go on: it ends in time; the second signal ends it at once."""
    with (
        mosquitto(tmp_path / "broker") as child,
        Proxy(child.port) as proxy,
        Hub(tmp_path / "hub", proxy.url, keepalive_s=10) as hub,
        Consumer(child.url, SITE, NODE) as consumer,
    ):
        hub.start()
        hub.online()
        hub.fed(200)
        proxy.blackhole()
        hub.feeder.feed(100_000, rate=2000)
        until(lambda: hub.broker()["queued"] > 1000, "nobody takes what is read")
        code, took = hub.end()
        hub.feeder.stop()
        assert code == 0
        assert took < STOP_S
        assert [row.type for row in hub.rows()].count("hubfloor.node.stopping.v1") == 1
        hub.start()
        hub.fed(200)
        goodbyes = hub.log.count("stopping: SIGTERM")
        hub.send(signal.SIGTERM)
        until(lambda: hub.log.count("stopping: SIGTERM") > goodbyes, "it begins to end")
        code, at_once = hub.end()
        assert code == 0
        assert at_once < 2
        stored = hub.last()
        proxy.normal()
        hub.start()
        began = time.monotonic()
        hub.online(RECOVERY_S)
        hub.heard_by(consumer.book)
        recovery = time.monotonic() - began
        assert hub.compare(consumer.book, killed=True) == NOTHING
        return told(
            "SIGTERM, the broker dead",
            took=took,
            the_second_one_took=at_once,
            recovery_of_the_next=recovery,
            waited=str(stored),
        )


@pytest.mark.meanwhile(scenario=twice_while_dead)
def test_sigterm_twice_while_the_broker_is_dead(meanwhile: str) -> None:
    print(meanwhile)


def test_sigterm_while_a_broker_acknowledges_nothing(tmp_path: Path, full: bool) -> None:
    if not full:
        pytest.skip("with --full")
    with FakeBroker() as broker, Hub(tmp_path, broker.url, keepalive_s=KEEPALIVE_S) as hub:
        hub.start()
        hub.online()
        broker.rules = Rules(silent=True)
        hub.fed(1000)
        code, took = hub.end()
        print(told("SIGTERM, nothing acknowledged", took=took))
        assert code == 0
        assert took < STOP_S
        broker.rules = Rules()
        hub.start()
        hub.drained(RECOVERY_S)
        ids = {json.loads(message.payload)["id"] for message in broker.accepted() if "/event/" in message.topic}
        assert ids == {row.id for row in hub.rows()}


def suspended(tmp_path: Path, full: bool) -> str:
    """SIGSTOP, as a frozen virtual machine: the belt runs on, customs speaks, commands expire. Then it goes on."""
    still_s = 60.0 if full else 2.5
    with (
        mosquitto(tmp_path / "broker") as child,
        Hub(tmp_path / "hub", child.url, keepalive_s=KEEPALIVE_S) as hub,
        Consumer(child.url, SITE, NODE) as consumer,
        Simulator(hub) as simulator,
    ):
        hub.start()
        hub.online()
        parcels = Parcels(["S1"], 7)
        for _ in range(round(4 * (still_s + 2))):
            simulator.give(parcels.next().manifest())
        until(lambda: simulator.count("dest") >= 3, "parcels get destinations")
        stopped = time.monotonic()
        hub.send(signal.SIGSTOP)
        stale = {"issued": round(time.time() * 1000), "expires": round(time.time() * 1000) + 1500, "actor": "desk-4"}
        for number in range(20):
            consumer.publish("command/lane_close", json.dumps(stale | {"id": f"s-{number}", "lane": "S1-L04"}).encode())
        hub.feeder.feed(20, rate=1000)
        until(lambda: time.monotonic() > stopped + still_s, "it is suspended for so long", still_s + 1)
        assert hub.process is not None
        on_belt = _undecided(simulator.entries)
        go_on, before = time.monotonic() * 1000, hub.rss_mb()
        hub.send(signal.SIGCONT)
        ended = _went_on(hub)
        until(lambda: len(consumer.refused) >= 20, "the stale commands are refused", RECOVERY_S)
        back = time.monotonic() - go_on / 1000
        simulator.run_empty(90.0)
        hub.drained(RECOVERY_S)
        hub.heard_by(consumer.book)
        assert hub.process is not None
        assert hub.process.poll() is None, hub.log[-1000:]
        after = [entry for entry in simulator.entries if entry["what"] == "dest" and entry["t"] >= go_on]
        burst = [entry for entry in after if entry["t"] < go_on + 1000]
        late = [entry for entry in after if entry["refusal"] is not None]
        figures = told(
            f"suspended for {still_s:g} s" + (", and ended by itself" if ended else ""),
            recovery=back,
            destinations_in_the_next_second=str(len(burst)),
            undecided_before_their_gates=str(len(on_belt)),
            refused_by_the_plc=str(len(late)),
        )
        assert {str(refusal["why"])[:10] for refusal in consumer.refused} == {"it expired"}
        # one that was told right before may not have been answered yet, and is told again in its time
        dests = {one["parcel"] for one in simulator.entries if one["what"] == "dest"}
        told_last = {name for name in dests if abs(_told_at(simulator.entries, name) - stopped * 1000) <= 500}
        open_then = on_belt | told_last | _inducted_since(simulator.entries, go_on)
        assert {entry["parcel"] for entry in burst} <= open_then
        assert late == []
        assert ended or hub.rss_mb() - before < GROWTH_MB
        assert hub.compare(consumer.book, killed=ended) == NOTHING
        assert _one_end_each(simulator.entries, consumer, hub) == []
        return figures


@pytest.mark.meanwhile(scenario=suspended)
def test_a_suspended_daemon_does_not_do_what_is_old(meanwhile: str) -> None:
    print(meanwhile)


def _went_on(hub: Hub) -> bool:
    """Whether a daemon that goes on finds itself too old and ends (controller/stalls.py); it is started again then, as
    its service manager would."""
    assert hub.process is not None
    process, began = hub.process, time.monotonic()
    until(lambda: process.poll() is not None or time.monotonic() > began + 0.5, "it goes on")
    if process.poll() is None:
        return False
    assert process.returncode == 1
    hub.process = None
    hub.start()
    return True


def _undecided(entries: list[dict[str, Any]]) -> set[str]:
    """Parcels on the belt that no destination was taken for and that have not left."""
    found: set[str] = set()
    for entry in [*entries]:
        if entry["what"] == "inducted":
            found.add(entry["parcel"])
        elif entry["what"] == "lane" or (entry["what"] == "dest" and entry["refusal"] is None):
            found.discard(entry.get("parcel", ""))
    return found


def _told_at(entries: list[dict[str, Any]], parcel: str) -> float:
    """When it first had a destination, monotonic ms."""
    return min(float(one["t"]) for one in entries if one["what"] == "dest" and one["parcel"] == parcel)


def _inducted_since(entries: list[dict[str, Any]], since: float) -> set[str]:
    return {entry["parcel"] for entry in entries if entry["what"] == "inducted" and entry["t"] >= since}


def _one_end_each(entries: list[dict[str, Any]], consumer: Consumer, hub: Hub) -> list[str]:
    """Parcels of the physical ledger without exactly one terminal event at the centre's copy of the journal."""
    ledger = Ledger()
    for entry in entries:
        ledger.belt(entry)
    for row in hub.rows():
        event = json.loads(row.body)
        if bytes.fromhex(event["id"].replace("-", "")) in consumer.book.ids:
            ledger.event(event)
    ends = {
        name: sum(
            len(ledger.terminals.get(travel, ()))
            for track in parcel.tracks
            for travel in ledger.travel_of.get(track, ())
        )
        for name, parcel in ledger.physical.items()
    }
    return [f"{name}: {count} ends" for name, count in ends.items() if count != 1]
