"""The broker and the way to it fail in every way there is; what was recorded arrives, and nobody helps.

Promises P2, P3, P4, P6, P10 and P14. Each test prints how long the centre heard nothing (stall) and how long it took
from the end of the fault until it had everything (recovery).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from controller.broker import Child, free_port
from tests.faults.brokers import PERSISTENT, mosquitto, nats
from tests.faults.consumer import Consumer, stall
from tests.faults.figures import GROWTH_MB, KEEPALIVE_S, NOTHING, RECOVERY_S, accepted_to, told
from tests.faults.hub import NODE, SITE, Hub, Samples
from tests.faults.proxy import DOWN, UP, Proxy
from tests.faults.threads import until

BURST = 2000


# --- brokers that die ------------------------------------------------------------------------------------------------

STARTS: dict[str, Callable[[Path, int | None], Child]] = {
    "mosquitto, default persistence": lambda folder, port: mosquitto(folder, *PERSISTENT, port=port),
    "mosquitto, no persistence": lambda folder, port: mosquitto(folder, "persistence false", port=port),
    "nats": nats,
}


def killed(kind: str, folder: Path, full: bool) -> str:
    """A broker is killed while it holds what it has acknowledged; the figures."""
    start = STARTS[kind]
    ack_s = None if kind == "nats" else 0.5  # nats keeps what it acknowledged: there nobody has to ask
    child = start(folder / "broker", None)
    try:
        with Hub(folder / "hub", child.url) as hub, Consumer(child.url, SITE, NODE, ack_s=ack_s) as consumer:
            hub.start()
            hub.online()
            hub.fed(300)
            hub.heard_by(consumer.book)
            consumer.leave()
            hub.feeder.feed(3000, rate=1500)
            before = accepted_to(hub)
            until(lambda: accepted_to(hub) > before + 300, "the broker acknowledges what nobody hears")
            killed, acknowledged = time.monotonic(), accepted_to(hub)
            child.kill()
            heard_before = consumer.book.count
            child = start(folder / "broker", child.port)
            again = time.monotonic()
            consumer.back()
            until(lambda: consumer.book.count > heard_before, "the centre hears again")
            stalled = time.monotonic() - killed
            until(lambda: hub.last() >= hub.feeder.total == 3300, "all is in the journal")
            hub.heard_by(consumer.book, RECOVERY_S)
            if kind == "nats":
                assert consumer.book.late == []
            else:
                assert consumer.book.late, "the broker forgot nothing: this test proves nothing"
            assert hub.compare(consumer.book) == NOTHING
            assert consumer.errors == []
            return (
                f"{kind} killed: stall {stalled:.2f} s, recovery {time.monotonic() - again:.2f} s, "
                f"{acknowledged - before} acknowledged and not heard, {len(consumer.book.late)} came behind later "
                f"ones, {consumer.book.duplicates} came twice"
            )
    finally:
        child.stop()


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.meanwhile(scenario=partial(killed, kind))) for kind in STARTS]
)
def test_a_broker_is_killed_and_what_it_had_acknowledged_comes_again(kind: str, meanwhile: str) -> None:
    print(meanwhile)


def test_a_broker_that_is_not_there_at_the_start(tmp_path: Path) -> None:
    port = free_port()
    with Hub(tmp_path / "hub", f"mqtt://127.0.0.1:{port}") as hub:
        hub.start()
        hub.fed(2000)
        assert not hub.broker()["online"]
        assert hub.broker()["queued"] >= 2000
        with mosquitto(tmp_path / "broker", port=port) as child, Consumer(child.url, SITE, NODE) as consumer:
            there = time.monotonic()
            took = hub.online()
            hub.heard_by(consumer.book)
            print(told("broker down at the start", found_after=took, recovery=time.monotonic() - there))
            assert took < 10
            assert hub.compare(consumer.book) == NOTHING


# --- the way to it ---------------------------------------------------------------------------------------------------


def dead_link(tmp_path: Path, full: bool) -> str:
    """Packets stop without FIN or RST, in both directions, in one, in the other."""
    keepalive_s, dead_s, ways = (5, 60.0, ((), (UP,), (DOWN,))) if full else (KEEPALIVE_S, 3.5, ((),))
    with (
        mosquitto(tmp_path / "broker") as child,
        Proxy(child.port) as proxy,
        Hub(tmp_path / "hub", proxy.url, keepalive_s=keepalive_s) as hub,
        Consumer(child.url, SITE, NODE) as consumer,
    ):
        hub.start()
        hub.online()
        hub.fed(500)
        figures = []
        for way in ways:
            hub.feeder.feed(200_000, rate=500)
            with Samples(hub) as samples:
                before = hub.rss_mb()
                cut = time.monotonic()
                proxy.blackhole(*way, connects=not way)
                noticed = hub.offline()
                left = dead_s - (time.monotonic() - cut)
                until(lambda left=left, cut=cut: time.monotonic() >= cut + dead_s, "the link is dead", dead_s)  # type: ignore[misc]
                assert left > 0
                until(lambda: hub.broker()["queued"] > 500, "what is read meanwhile waits")
                proxy.normal()
                back = hub.online(RECOVERY_S)
                hub.feeder.stop()
                hub.drained(RECOVERY_S)
                hub.heard_by(consumer.book)
            recovered = time.monotonic() - cut - dead_s
            figures.append(
                told(
                    f"link dead for {dead_s:g} s ({' '.join(way) or 'both ways'}), keepalive {keepalive_s} s",
                    noticed_after=noticed,
                    stall=stall(consumer.times, cut - 1),
                    online_after=back,
                    recovery=recovered,
                    memory=samples.told(),
                )
            )
            assert noticed <= 1.5 * keepalive_s + 0.5
            assert max(samples.rss) - before < GROWTH_MB
            assert recovered < RECOVERY_S
        assert hub.compare(consumer.book) == NOTHING
        assert consumer.book.late == []
    return "\n".join(figures)


@pytest.mark.meanwhile(scenario=dead_link)
def test_a_dead_link_is_noticed_and_costs_nothing(meanwhile: str) -> None:
    print(meanwhile)


def test_a_slow_way_is_used_as_it_is_and_memory_stays(tmp_path: Path, full: bool) -> None:
    """1 KB/s: one event takes most of a second. Progress all the same, and nothing piles up in the daemon."""
    if not full:
        pytest.skip("with --full")
    slow_s = 60.0
    with (
        mosquitto(tmp_path / "broker") as child,
        Proxy(child.port) as proxy,
        Hub(tmp_path / "hub", proxy.url, keepalive_s=KEEPALIVE_S) as hub,
        Consumer(child.url, SITE, NODE) as consumer,
    ):
        hub.start()
        hub.online()
        hub.fed(BURST)  # what a burst alone costs, with a broker that takes everything
        hub.heard_by(consumer.book)
        with Samples(hub) as samples:
            before, heard, began = hub.rss_mb(), consumer.book.count, time.monotonic()
            proxy.trickle(1024)
            hub.fed(BURST)
            until(lambda: time.monotonic() >= began + slow_s, "it was slow for long enough", slow_s + 1)
            progress = consumer.book.count - heard
            over = time.monotonic()
            proxy.normal()
            hub.heard_by(consumer.book)
        print(
            told(
                f"1 KB/s for {slow_s:g} s",
                events_meanwhile=str(progress),
                recovery=time.monotonic() - over,
                connections=str(proxy.accepted),
                memory=samples.told(),
            )
        )
        assert progress >= 1
        assert proxy.accepted <= 2 + slow_s / KEEPALIVE_S
        assert max(samples.rss) - before < GROWTH_MB
        assert hub.compare(consumer.book) == NOTHING


def test_a_way_that_breaks_in_every_manner(tmp_path: Path) -> None:
    with (
        mosquitto(tmp_path / "broker") as child,
        Proxy(child.port) as proxy,
        Hub(tmp_path / "hub", proxy.url, keepalive_s=KEEPALIVE_S) as hub,
        Consumer(child.url, SITE, NODE) as consumer,
    ):
        hub.start()
        hub.online()
        hub.feeder.feed(100_000, rate=1000)

        def passing() -> None:
            before = consumer.book.count
            until(lambda: consumer.book.count > before + 100, "events pass")

        def delayed() -> None:
            proxy.delay(100)
            before = proxy.accepted
            passing()
            assert proxy.accepted == before, "a slow answer is no broken connection"

        def refused() -> None:
            proxy.refuse()
            hub.offline()

        breaks: dict[str, Callable[[], None]] = {
            "reset": proxy.reset,
            "half-closed": proxy.half_close,
            "cut after 1000 bytes": lambda: proxy.cut_after(1000),
            "cut after 3 bytes of answers": lambda: proxy.cut_after(3, DOWN),
            "delayed by 100 ms": delayed,
            "refused": refused,
        }
        for what, fault in breaks.items():
            passing()
            began = time.monotonic()
            fault()
            proxy.normal() if what in ("refused", "delayed by 100 ms") else None
            passing()
            print(told(what, stall=stall(consumer.times, began - 0.2), recovery=time.monotonic() - began))
            assert stall(consumer.times, began - 0.2) < 10
        hub.feeder.stop()
        hub.heard_by(consumer.book)
        assert hub.compare(consumer.book) == NOTHING
        assert consumer.book.late == []
