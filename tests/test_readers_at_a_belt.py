"""Readers that measure, and readers on a broker, where a belt carries parcels past them."""

from __future__ import annotations

import asyncio
import io
import json
import os
import tomllib
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from controller import broker
from firmware_stubs import floor_file
from firmware_stubs.floor_file import Floor
from firmware_stubs.rides import Parcel
from firmware_stubs.sections import FloorError
from firmware_stubs.serve import Simulation
from firmware_stubs.stub import Message
from firmware_stubs.world import World

PATIENCE_S = 60
FLOOR = """
[line.S1]
speed_mm_s = 5000
length_mm = 2000
default_lane = "EX"
[point.IND]
line = "S1"
position_mm = 0
induction = true
[point.DWS]
line = "S1"
position_mm = 500
[lane.EX]
line = "S1"
position_mm = 2000
[induction.S1]
point = "IND"
rate_per_s = 5.0
[stub.s1]
kind = "telegram"
link = "pty:///run/s1"
line = "S1"
plc = "PLC1"
controller = "HUB"
"""
MDA = """
[stub.dws]
kind = "mda"
link = "pty:///run/dws"
point = "DWS"
"""
HANDS = """
[stub.hands]
kind = "mqtt_scan"
link = "mqtt://127.0.0.1:{port}"
point = "DWS"
devices = ["HT-07", "HT-08"]
process = "unload"
"""
PORTAL = """
[stub.portal]
kind = "zebra_fx"
link = "mqtt://127.0.0.1:{port}"
point = "DWS"
base = "zebra/dock-4"
reads = 2
outside = [1]
inside = [2]
"""
P1 = Parcel("p1", "S1", (b"RB123456785GB",), 400, 1250, 300, 200)
P2 = Parcel("p2", "S1", (b"373400306542500000",), 500, 800, 250, 100)


def read(text: str) -> Floor:
    return floor_file.read(tomllib.loads(text))


def run(floor: Floor, *parcels: Parcel) -> tuple[list[tuple[str, Any]], list[dict[str, Any]]]:
    """What the stubs say until the belt is empty, and the ledger."""
    ledger: list[dict[str, Any]] = []
    world = World(floor, ledger.append, seed=1, now=0.0, utc_offset_ms=0.0)
    for name in ("hands", "portal"):
        if any(stub.name == name for stub in floor.stubs):
            world.connected(name, True, 0.0)
    for parcel in parcels:
        world.add(parcel, 0.0)
    world.release(0.0)
    said = world.output()
    for now in range(0, 10_000, 10):
        world.advance(float(now))
        said += world.output()
    return said, ledger


def reads(ledger: list[dict[str, Any]]) -> list[tuple[str, str, str | None]]:
    return [(one["reader"], one["parcel"], one["text"]) for one in ledger if one["what"] == "read"]


def test_what_measures_is_told_the_item_that_its_gate_sees() -> None:
    said, ledger = run(read(FLOOR + MDA), P1, P2)
    assert b"".join(piece for name, piece in said if name == "dws") == (
        b"\x020001;RB123456785GB;000001250;g;0;0400;0300;0200;mm;0000;24000000\x03"
        b"\x020002;373400306542500000;000000800;g;0;0500;0250;0100;mm;0000;12500000\x03"
    )
    assert reads(ledger) == [("dws", "p1", "RB123456785GB"), ("dws", "p2", "373400306542500000")]


def test_readers_on_a_broker_see_the_belt() -> None:
    said, ledger = run(read(FLOOR + (HANDS + PORTAL).format(port=1)), P1, P2)
    messages = [(name, piece) for name, piece in said if isinstance(piece, Message)]
    scans = [
        (piece.topic, json.loads(piece.payload)["code"]) for name, piece in messages if piece.topic.endswith("/scan")
    ]
    assert scans[:2] == [("handheld/HT-07/scan", "RB123456785GB"), ("handheld/HT-08/scan", "373400306542500000")]
    assert len(scans) == 2 * 5, "nobody answers"
    tags = [json.loads(piece.payload)["data"]["antenna"] for _, piece in messages if piece.topic == "zebra/dock-4/data"]
    assert tags == [1, 1, 2, 2], "one of the parcels has a tag"
    assert sorted(reads(ledger), key=str) == [
        ("hands", "p1", "RB123456785GB"),
        ("hands", "p2", "373400306542500000"),
        ("portal", "p1", None),
        ("portal", "p2", "373400306542500000"),
    ]


def test_terminals_share_a_base_and_no_name() -> None:
    more = HANDS.replace("stub.hands", "stub.others")
    apart = more.replace("HT-07", "HT-09").replace("HT-08", "HT-10")
    assert len(read(FLOOR + (HANDS + apart).format(port=1)).stubs) == 3
    with pytest.raises(FloorError, match="with base 'handheld' and device 'HT-08' is already the link of"):
        read(FLOOR + (HANDS + more.replace("HT-07", "HT-09")).format(port=1))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (('["HT-07", "HT-08"]', '"HT-07"'), r"\[stub.hands\] devices: must be a list, not 'HT-07'"),
        (('["HT-07", "HT-08"]', "[7]"), r"\[stub.hands\] devices: must be str, not 7"),
        (('["HT-07", "HT-08"]', '["HT 07"]'), r"\[stub.hands\] devices: 'HT 07' is no id"),
        (("mqtt://127.0.0.1:1", "pty:///run/hands"), r"\[stub.hands\] link: give mqtt://host:port"),
    ],
)
def test_what_is_wrong_with_a_section_is_said(change: tuple[str, str], complaint: str) -> None:
    with pytest.raises(FloorError, match=complaint):
        read(FLOOR + HANDS.format(port=1).replace(*change))


@pytest.mark.parametrize("start", [broker.start_nats, broker.start_mosquitto])
def test_terminals_on_a_real_broker(start: Any, tmp_path: Path) -> None:
    """They come with the rules that the broker kept, scan what the belt brings, and are answered."""
    try:
        child = start(tmp_path)
    except broker.BrokerMissing as missing:
        pytest.skip(str(missing))
    rules = {"controller": "online", "answer_ms": 300, "offline": {"*": "refuse"}}

    async def test(port: int) -> None:
        floor = read(FLOOR.replace("pty:///run/s1", "tcp-listen://127.0.0.1:0") + HANDS.format(port=port))
        ledger, (source, manifest) = io.StringIO(), os.pipe()
        os.write(manifest, b'{"parcel": "p1", "line": "S1", "codes": ["RB123456785GB"]}\n')
        os.close(manifest)
        async with aiomqtt.Client("127.0.0.1", port) as hub:
            await hub.publish("handheld/rules", json.dumps(rules), qos=1, retain=True)
            await hub.subscribe([("handheld/+/scan", 1), ("handheld/+/state", 1)])
            simulation = Simulation(floor, ledger, seed=1, utc_ms=0.0)
            task = asyncio.create_task(simulation.run(source, wait=False, real=False))
            heard = []
            async for message in hub.messages:
                heard.append((str(message.topic), json.loads(message.payload)))
                if heard[-1][0].endswith("/scan"):
                    scan = heard[-1][1]["scan"]
                    said = {"scan": scan, "verdict": "hold", "words": "customs hold", "tone": "triple"}
                    await hub.publish("handheld/HT-07/answer", json.dumps(said), qos=1)
                    break
            assert await task == 0
        os.close(source)
        states = [(topic, said["state"]) for topic, said in heard if topic.endswith("/state")]
        assert states == [("handheld/HT-07/state", "online"), ("handheld/HT-08/state", "online")]
        assert heard[-1][1] | {"scan": "x"} == {"scan": "x", "code": "RB123456785GB", "process": "unload"}
        entries = [json.loads(line) for line in ledger.getvalue().splitlines()]
        assert reads(entries) == [("hands", "p1", "RB123456785GB")]
        assert entries[-1]["dropped"] == {}

    async def timed() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await test(child.port)

    with child:
        asyncio.run(timed())
