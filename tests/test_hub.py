"""A whole hub in memory, undisturbed: what goes in comes out, whatever the clock shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controller.commands import _device
from controller.commands.status import shown
from controller.demo_ledger import passed
from controller.demo_parcels import Parcels
from controller.status import status
from devices.links import Health
from tests.hub import Hub


@pytest.mark.parametrize("uptime_ms", [1_000_000.0, 2**22 - 4_000.3, 2**23 - 4_000.7, 2**31 - 4_000.1, 2**35 - 4_000.9])
def test_every_parcel_arrives_while_the_uptime_passes_a_power_of_two(tmp_path: Path, uptime_ms: float) -> None:
    """There the steps between two floats double: what was due just now may seem to be due just after."""
    hub = Hub(tmp_path, lines=2, rate=5.0, seed=3, now=uptime_ms)
    hub.run(lambda: hub.world.in_session)
    hub.world.release(hub.now)
    stream = Parcels(["S1", "S2"], 3)
    for _ in range(12):
        hub.induct(stream.next())
    hub.run(hub.done)
    verdict = hub.verdict()
    assert passed(verdict), verdict
    assert verdict["parcels"] == verdict["terminal"] == 12
    assert verdict["duplicates"] == 0


def test_status_is_shown_whether_or_not_a_plc_ever_answered(tmp_path: Path) -> None:
    hub = Hub(tmp_path, lines=1)
    assert hub.node is not None
    health = {link: Health(why="not there") for link in hub.node.drivers}
    before = status(hub.node, health, hub.now)
    told = "\n".join(shown(before, 80))
    assert "NONE" in told
    assert "not well" in told
    assert "customs feed is not fresh" in " ".join(told.split())
    plc = "\n".join(_device.shown("plc-1", before["links"]["plc-1"]))
    assert "DOWN: not there" in plc
    assert "session   NONE, line S1, 0 travels\nepochs    PLC unknown, controller" in plc
    assert "garbled   nothing\nnoted     nothing" in plc
    hub.run(lambda: hub.node is not None and hub.node.floor.lines["S1"].synchronised)
    hub.run(lambda: hub.node is not None and hub.node.floor.book.fresh(hub.now))
    up = {link: Health(up=True, last_byte=hub.now) for link in health}
    after = status(hub.node, up, hub.now)
    assert "\n".join(shown(after, 80)).endswith("all well")
    troubled = after | {"alarms": {"fault-uplink": "ValueError", "driver-plc-1": "x"}, "disk": "the disk is full"}
    assert shown(troubled, 200)[-1] == "not well: the disk is full; alarm: fault-uplink, driver-plc-1"
    counters = hub.node.drivers["plc-1"].counters
    for _ in range(12):
        counters.bad("checksum")
    counters.bad("length")
    counters.note("refused LATE")
    link = status(hub.node, up, hub.now)["links"]["plc-1"]
    rows = _device.shown("plc-1", link)
    assert rows[0].startswith("plc-1: telegram at serial://")
    epochs = f"epochs    PLC 1 (0001 hex), controller {hub.node.boot} ({hub.node.boot:04X} hex)"
    assert rows[3:5] == ["session   normal, line S1, 0 travels", epochs]
    assert rows[-3:] == ["garbled     12  checksum", "             1  length", "noted        1  refused LATE"]
    assert "session" not in after["links"]["tunnel-1"]
    assert all(len(row) <= 80 for row in rows[3:])


def test_reads_are_matched_again_after_the_belt_has_stopped_and_run(tmp_path: Path) -> None:
    """Over the wire: the PLC's states, as telegrams carry them, stop the belt's clock and start it again."""
    hub = Hub(tmp_path, lines=1, rate=5.0, seed=3)
    hub.run(lambda: hub.world.in_session)
    hub.world.release(hub.now)
    stream = Parcels(["S1"], 3)
    for _ in range(30):  # those that waited for the belt follow closely, where reads may fit two; then come more
        hub.induct(stream.next())
    hub.run(lambda: len(hub.ledger.physical) >= 4)
    belt = hub.world._by_line["S1"].belt
    assert belt is not None
    belt.set_speed(0, hub.now)
    stopped = hub.now
    hub.run(lambda: hub.now >= stopped + 1500)
    belt.set_speed(2500, hub.now)
    hub.run(hub.done)
    assert passed(hub.verdict()), hub.verdict()
    names = [json.loads(row.body) for row in hub.journal.rows.values()]
    assert {"hubfloor.line.stopped.v1", "hubfloor.line.started.v1"} <= {event["type"] for event in names}
    routed = [event["data"] for event in names if event["type"] == "hubfloor.parcel.routed.v1"]
    assert sum(event["identity"] == "READ" for event in routed[-12:]) >= 8, [event["identity"] for event in routed]
