"""A whole daemon in virtual time: as an object, by `floord rehearse`, and coupled with a simulated floor."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from controller import demo_floor
from controller.commands.rehearse import command
from controller.plans import load_floor
from firmware_stubs import floor_file
from firmware_stubs.lockstep import Lockstep, LockstepError
from firmware_stubs.manifest import Places, parse
from firmware_stubs.rehearsed_child import ChildError, RehearsedChild
from firmware_stubs.topics import matches
from firmware_stubs.world import World
from tests.rehearsed import NOW, UTC_MS, Coupled, Published, Rehearsed

FLOORD = str(Path(sys.executable).with_name("floord"))
ROOT = Path(__file__).parents[1]


def written(folder: Path, plc: str = "telegram", lines: int = 1) -> Path:
    return demo_floor.write(folder, lines, 2.0, "mqtt://127.0.0.1:1", 7, plc=plc, ports=range(4001, 4001 + lines))


def give(world: World, count: int, now: float = NOW, line: str = "S1") -> None:
    for number in range(count):
        text = json.dumps({"parcel": f"p-{number}", "line": line, "codes": [f"RB{number:08d}0BE"], "length_mm": 300})
        world.add(parse(json.loads(text), Places({line})), now)
    world.release(now)


def ran(folder: Path, seconds: float = 30.0, plc: str = "telegram") -> tuple[Coupled, Published]:
    heard = Published()
    coupled = Coupled(written(folder, plc), listener=heard)
    give(coupled.world, 10)
    coupled.run(seconds)
    return coupled, heard


@pytest.mark.parametrize("plc", ["telegram", "modbus-tcp", "mqtt_json"])
def test_a_floor_and_its_daemon_run_in_virtual_time(tmp_path: Path, plc: str) -> None:
    coupled, heard = ran(tmp_path, plc=plc)
    assert coupled.world.counts() == {"inducted": 10, "in_lanes": 10, "on_belts": 0, "not_inducted": 0}
    names = heard.names()
    assert names["parcel/inducted"] == names["parcel/routed"] == names["parcel/rejected"] == 10
    assert names["parcel/read"] == 10
    taken = Counter(entry["refusal"] for entry in coupled.ledger if entry["what"] == "dest")
    assert taken == {None: 10}


def test_a_machine_that_hangs_up_is_not_gone_from_its_cable(tmp_path: Path) -> None:
    """A PLC whose power came back closes its connection; on a serial line there is none."""
    coupled, heard = ran(tmp_path, 2.0)
    coupled.world.plc_power("S1", False, coupled.lockstep.now)
    coupled.run(5.0)
    assert heard.names()["device/degraded"], "its session is lost"
    assert not heard.names()["device/offline"]
    assert coupled.world.in_session


def test_two_rehearsals_of_the_same_are_equal_byte_for_byte(tmp_path: Path) -> None:
    (_, first), (_, second) = ran(tmp_path), ran(tmp_path)
    assert first.all == second.all
    assert len(first.names()) > 3


def test_another_seed_gives_other_ids(tmp_path: Path) -> None:
    config, plans = load_floor(written(tmp_path))
    one, other = Rehearsed(config, plans, seed=1), Rehearsed(config, plans, seed=2)
    assert one.node.origin.journal != other.node.origin.journal


def test_nothing_is_durable_before_its_commit(tmp_path: Path) -> None:
    daemon = Rehearsed(*load_floor(written(tmp_path)))
    daemon.advance(NOW + 10)
    daemon.published()
    daemon.link_up("tunnel-1", NOW + 10)
    daemon.advance(NOW + 11.9)
    assert not [topic for topic, _, _ in daemon.published() if "/event/" in topic]
    daemon.advance(NOW + 12.0)
    assert [topic for topic, _, _ in daemon.published() if "/event/" in topic] == [
        "hub/v1/lgg/demo/event/device/online"
    ]


def test_a_wire_pulled_out_is_told_and_heals(tmp_path: Path) -> None:
    heard = Published()
    coupled = Coupled(written(tmp_path), listener=heard)
    coupled.run(1.0)
    coupled.lockstep.unplug("plc-1")
    coupled.run(10.0)
    assert not coupled.daemon.node.floor.lines["S1"].synchronised
    assert heard.names()["device/offline"] == 1
    coupled.lockstep.plug("plc-1")
    coupled.run(1.0)
    assert coupled.daemon.node.floor.lines["S1"].synchronised


def test_a_machine_that_takes_nothing_is_given_all_later(tmp_path: Path) -> None:
    coupled = Coupled(written(tmp_path))
    coupled.run(1.0)
    coupled.lockstep.flow("plc-1", True)
    coupled.run(2.0)
    waited = list(coupled.lockstep.lines[1].waiting)
    coupled.lockstep.flow("plc-1", False)
    coupled.run(0.2)
    assert waited
    assert coupled.lockstep.lines[1].waiting == []
    assert coupled.daemon.node.floor.lines["S1"].synchronised


def test_a_connection_that_its_machine_closes_comes_again(tmp_path: Path) -> None:
    coupled, _ = ran(tmp_path, 5.0, "modbus-tcp")
    coupled.world.plc_power("S1", True, coupled.lockstep.now)
    coupled.run(10.0)
    assert coupled.daemon.node.floor.lines["S1"].synchronised


def test_a_stub_without_a_port_is_an_error_that_says_what_to_write(tmp_path: Path) -> None:
    path = written(tmp_path)
    text = path.read_text().replace("[stub.tunnel-1]", "[stub.other]").replace('/tty-tunnel-1"', '/tty-other"')
    path.write_text(text)
    with pytest.raises(LockstepError, match=r"stub other at pty:///.*has no port at its other end; ports are tunnel-1"):
        Coupled(path)


def test_a_name_couples_where_the_links_do_not(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(path.read_text().replace('/tty-tunnel-1"', '/tty-other"'))
    assert Coupled(path).daemon.health["tunnel-1"].up


def test_the_child_is_the_same_daemon(tmp_path: Path) -> None:
    floor = written(tmp_path)
    _, here = ran(tmp_path)
    read, there = floor_file.load(floor), Published()
    with RehearsedChild(FLOORD, floor, now=NOW, utc_ms=UTC_MS) as child:
        world = World(read, lambda _: None, seed=0, now=NOW, utc_offset_ms=UTC_MS - NOW)
        lockstep = Lockstep(world, read.wires(), [child], now=NOW, listener=there)
        give(world, 10)
        lockstep.run(NOW + 30_000.0)
        assert child.ask({"do": "status"}, NOW + 30_000.0)["lines"]["S1"]["synchronised"]
        assert any("plc-1: arrived" in line for line in child.heard())
    assert there.all == here.all


def rehearse(floor: Path, *lines: Any) -> Result:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    return CliRunner().invoke(command, [str(floor)], input=text)


def test_each_line_is_answered_by_one(tmp_path: Path) -> None:
    done = rehearse(
        written(tmp_path), {"t": 1, "up": "plc-1"}, {"t": 2, "up": "tunnel-1"},
        {"t": 3, "port": "tunnel-1", "hex": b"\x02RB000000000BE\x03".hex()},
        {"t": 4, "topic": "hub/v1/lgg/customs/head", "hex": b'{"sequence": 0, "time_ms": 1}'.hex()}, {"t": 50},
        {"t": 60, "down": "plc-1", "why": "cut"}, {"t": 61, "ask": {"do": "nothing"}},
    )  # fmt: skip
    head, *answers = map(json.loads, done.stdout.splitlines())
    assert done.exit_code == 0
    assert head["ports"]["plc-1"]["devices"] == ["plc-1"]
    assert len(answers) == 7
    assert [port for port, _ in answers[0]["said"]] == ["plc-1"]
    assert answers[2]["heard"] == ['tunnel-1: read text="RB000000000BE"']
    assert answers[6]["answer"] == {"ok": False, "error": "unknown request 'nothing'; known is: status"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "no JSON: '{'"),
        ("[]", r"a JSON object is needed, not '\[\]'"),
        ({"t": 1, "upp": "plc-1"}, "no line has the members t, upp"),
        ({"up": "plc-1"}, "t is missing"),
        ({"t": -1}, "t goes back: -1 after 0.0"),
        ({"t": 1, "up": "plc-9"}, "no port is called 'plc-9'; known are tunnel-1, plc-1"),
        ({"t": 1, "port": "plc-1", "hex": "0"}, "'0' is no hex text"),
        ({"t": 1, "port": "plc-1", "topic": "a", "hex": "00"}, "port plc-1 needs no topic"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: Any, why: str) -> None:
    done = rehearse(written(tmp_path), {"t": 0}, line)
    assert done.exit_code == 65
    error = json.loads(done.stdout.splitlines()[-1])["error"]
    assert error.startswith("line 2: ")
    assert re.search(why, error), error


def test_a_wrong_floor_is_refused(tmp_path: Path) -> None:
    floor = written(tmp_path)
    floor.write_text(floor.read_text().replace("[point.S1-DEC]", "[pont.S1-DEC]"))
    done = rehearse(floor)
    assert done.exit_code == 78
    assert "pont" in done.stderr
    with pytest.raises(ChildError, match="ended with exit code 78"):
        RehearsedChild(FLOORD, floor, now=NOW, utc_ms=UTC_MS)


@pytest.mark.parametrize(
    ("filter_", "topic", "hears"),
    [
        ("a/b", "a/b", True), ("a/+", "a/b", True), ("a/+", "a", False), ("a/#", "a", True), ("a/#", "a/b/c", True),
        ("+/b", "a/b/c", False), ("#", "a", True), ("#", "$SYS/a", False), ("a/b", "a/b/c", False),
    ],
)  # fmt: skip
def test_filters_hear_as_mqtt_says(filter_: str, topic: str, hears: bool) -> None:
    assert matches(filter_, topic) is hears
