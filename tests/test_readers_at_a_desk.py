"""Readers that no belt passes: floorsim shows them what the manifest says, and its ledger tells what they said."""

from __future__ import annotations

import asyncio
import io
import json
import os
import select
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from controller import broker
from firmware_stubs import floor_file
from firmware_stubs.manifest import parse
from firmware_stubs.serve import Simulation
from firmware_stubs.world import World

PATIENCE_S = 60
ROOT = Path(__file__).parents[1]
POINTS = '[point.DOCK]\nkind = "presence"\n[point.HALL]\nkind = "presence"\n'
CABLES = """
[stub.ssi]
kind = "zebra_ssi"
link = "pty://{run}/ssi"
point = "DOCK"
[stub.dws]
kind = "mda"
link = "pty://{run}/dws"
point = "DOCK"
delay_ms = 1500
"""  # longer than floorsim lingers behind the last parcel
HANDS = """
[stub.hands]
kind = "mqtt_scan"
link = "mqtt://127.0.0.1:{port}"
point = "DOCK"
devices = ["HT-07", "HT-08"]
process = "unload"
"""
CMD_ACK = bytes.fromhex("04 d0 04 00 ff 28")
FIRST = {"parcel": "p1", "point": "DOCK", "codes": ["RB123456785GB"], "weight_g": 1250, "length_mm": 400}
SECOND = {"parcel": "p2", "point": "DOCK", "codes": [], "after_ms": 0}


def of(ledger: list[dict[str, Any]], what: str, *keys: str) -> list[tuple[Any, ...]]:
    return [tuple(one.get(key) for key in keys) for one in ledger if one["what"] == what]


def test_items_are_shown_one_after_another() -> None:
    """Each at its moment, and none before the release or once no more shall come."""
    ledger: list[dict[str, Any]] = []
    floor = floor_file.read(tomllib.loads(POINTS + CABLES.format(run="/run")))
    world = World(floor, ledger.append, seed=1, now=0.0, utc_offset_ms=0.0)
    for number, more in enumerate(({}, {}, {"after_ms": 250}, {"after_ms": 0}, {})):
        item = {"parcel": f"p{number}", "point": "DOCK", "codes": ["A", "B"]} | more
        world.add(parse(item, floor.places()), 10.0)
    world.advance(500.0)
    assert (ledger, world.waiting) == ([], 5)
    world.release(500.0)
    world.advance(2400.0)
    assert of(ledger, "shown", "t", "parcel") == [(500, "p0"), (1500, "p1"), (1750, "p2"), (1750, "p3")]
    assert {one["point"] for one in ledger} == {"DOCK"}
    world.hold()
    world.advance(20_000.0)
    assert {key: world.counts()[key] for key in ("shown", "not_shown", "not_inducted")} == {
        "shown": 4,
        "not_shown": 1,
        "not_inducted": 0,
    }
    scale = [one[1:] for one in of(ledger, "read", "reader", "parcel", "text") if one[0] == "dws"]
    assert scale == [(f"p{number}", code) for number in range(4) for code in ("A", None)], "one code a record"


def test_what_a_scanner_wants_acknowledged_is_waited_for_until_it_is_given_up() -> None:
    only_ssi = CABLES.format(run="/run").split("[stub.dws]")[0]
    floor = floor_file.read(tomllib.loads(POINTS + only_ssi))
    ledger: list[dict[str, Any]] = []
    world = World(floor, ledger.append, seed=1, now=0.0, utc_offset_ms=0.0)
    world.add(parse({"parcel": "p", "point": "DOCK", "codes": ["A"]}, floor.places()), 0.0)
    world.release(0.0)
    world.advance(1500.0)
    assert (world.shown, world.unsaid) == (1, 1)
    world.advance(20_000.0)
    assert world.unsaid == 0, "said three times, it beeps"


def packets(heard: bytes) -> list[bytes]:
    """The whole SSI packets: the first byte counts all but the checksum."""
    found = []
    while heard and len(heard) >= heard[0] + 2:
        found.append(heard[: heard[0] + 2])
        heard = heard[heard[0] + 2 :]
    return found


def test_a_scanner_and_a_scale_at_a_dock_on_their_cables(tmp_path: Path) -> None:
    floor = tmp_path / "floor.toml"
    floor.write_text(POINTS + CABLES.format(run=tmp_path))
    command = [sys.executable, "-m", "firmware_stubs", "run", str(floor), "--ledger", "-"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT) as child:
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdout.readline()
            ports = {name: os.open(tmp_path / name, os.O_RDWR | os.O_NOCTTY) for name in ("ssi", "dws")}
            heard = dict.fromkeys(ports, b"")
            for item in (FIRST, SECOND, FIRST | {"point": "HALL"}):
                child.stdin.write(json.dumps(item).encode() + b"\n")
            child.stdin.close()
            child.stdin = None
            while len(packets(heard["ssi"])) < 2 or heard["dws"].count(b"\x03") < 2:
                ready = select.select(list(ports.values()), [], [], PATIENCE_S)[0]
                assert ready, heard
                for name, port in ports.items():
                    before = len(packets(heard[name])) if name == "ssi" else 0
                    heard[name] += os.read(port, 1000) if port in ready else b""
                    if name == "ssi" and len(packets(heard[name])) > before:
                        os.write(port, CMD_ACK)
            out, err = child.communicate(timeout=PATIENCE_S)
            for port in ports.values():
                os.close(port)
        finally:
            child.kill()
    first, second = packets(heard["ssi"])
    assert (first[1], first[4:-2], second[4:-2]) == (0xF3, b"\x03RB123456785GB", b"\x01NR")
    assert heard["dws"].startswith(b"\x020001;RB123456785GB;000001250;g;0;0400;")
    ledger = [json.loads(line) for line in out.splitlines()]
    assert of(ledger, "shown", "point", "parcel", "codes") == [
        ("DOCK", "p1", ["RB123456785GB"]),
        ("DOCK", "p2", []),
    ]
    assert sorted(of(ledger, "read", "reader", "parcel", "text"), key=str) == [
        ("dws", "p1", "RB123456785GB"),
        ("dws", "p2", None),
        ("ssi", "p1", "RB123456785GB"),
        ("ssi", "p2", None),
    ]
    assert (ledger[-1]["shown"], ledger[-1]["not_shown"], ledger[-1]["bad_lines"]) == (2, 0, 1)
    assert child.returncode == 1, "a line of the manifest was bad"
    assert b"manifest line 3: point HALL has no reader: write a [stub.ID] with point = 'HALL'" in err


@pytest.mark.parametrize("start", [broker.start_nats, broker.start_mosquitto])
def test_hands_at_a_dock_wait_for_floord_and_are_answered(
    start: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        child = start(tmp_path)
    except broker.BrokerMissing as missing:
        pytest.skip(str(missing))
    rules = {"controller": "online", "answer_ms": 1000, "offline": {"*": "refuse"}}
    answers = [("hold", "customs hold", "triple"), ("ok", "to S1-L01", "short")]

    async def test(port: int) -> None:
        floor = floor_file.read(tomllib.loads(POINTS + HANDS.format(port=port)))
        ledger, (source, manifest) = io.StringIO(), os.pipe()
        for item in (FIRST, FIRST | {"parcel": "p3", "codes": ["RB123456794GB"], "after_ms": 0}):
            os.write(manifest, json.dumps(item).encode() + b"\n")
        os.close(manifest)
        heard: list[dict[str, Any]] = []
        online: set[str] = set()
        async with aiomqtt.Client("127.0.0.1", port) as hub:
            await hub.subscribe([("handheld/+/scan", 1), ("handheld/+/state", 1)])
            simulation = Simulation(floor, ledger, seed=1, utc_ms=0.0)
            task = asyncio.create_task(simulation.run(source, wait=True, real=False))
            async for message in hub.messages:
                _, device, what = str(message.topic).split("/")
                if what == "state":
                    online.add(device)
                    if online == {"HT-07", "HT-08"}:
                        assert len(ledger.getvalue().splitlines()) == 1, "nothing is shown before floord is there"
                        await hub.publish("handheld/rules", json.dumps(rules), qos=1, retain=True)
                    continue
                heard.append(json.loads(message.payload))
                verdict, words, tone = answers[len(heard) - 1]
                said = {"scan": heard[-1]["scan"], "verdict": verdict, "words": words, "tone": tone}
                await hub.publish(f"handheld/{device}/answer", json.dumps(said), qos=1)
                if len(heard) == len(answers):
                    break
            assert await task == 0
        os.close(source)
        entries = [json.loads(line) for line in ledger.getvalue().splitlines()]
        assert [one["code"] for one in heard] == ["RB123456785GB", "RB123456794GB"]
        assert of(entries, "shown", "point", "parcel") == [("DOCK", "p1"), ("DOCK", "p3")]
        assert of(entries, "read", "reader", "parcel", "text") == [
            ("hands", "p1", "RB123456785GB"),
            ("hands", "p3", "RB123456794GB"),
        ]
        assert of(entries, "told", "reader", "device", "code", "verdict", "words", "local") == [
            ("hands", "HT-07", "RB123456785GB", "hold", "customs hold", False),
            ("hands", "HT-08", "RB123456794GB", "ok", "to S1-L01", False),
        ]
        assert entries[-1]["shown"] == 2

    async def timed() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await test(child.port)

    with child:
        asyncio.run(timed())
    said = capsys.readouterr().err
    assert "waiting up to 30 s for floord at hands (--no-wait: not at all)" in said
    assert "floord is there; the parcels come" in said
