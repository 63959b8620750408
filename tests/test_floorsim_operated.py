"""A running `floorsim run`, operated by its commands: state, time, parcels, faults, a scenario."""

from __future__ import annotations

import json
import os
import select
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from firmware_stubs.__main__ import main
from firmware_stubs.api.sockets import NAME
from firmware_stubs.commands.state import rows
from tests.test_floorsim import floor, parcel

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts `floorsim run` and waits until it is ready; whatever still runs at the end is killed by its pid."""
    children: list[subprocess.Popen[str]] = []

    def started(path: Path, *options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "firmware_stubs", "run", str(path), "--no-wait", *options]
        pipe = subprocess.PIPE
        child = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=Path(__file__).parents[1]
        )
        children.append(child)
        assert child.stderr is not None
        for line in child.stderr:
            if "ready" in line:
                return child
        pytest.fail(f"ended with {child.wait(10)}")

    yield started
    for child in children:
        child.kill()
        with child:
            pass


def floorsim(path: Path, *words: str, code: int = 0, given: str = "") -> Result:
    result = CliRunner().invoke(main, [words[0], "--floor", str(path), *words[1:]], input=given)
    assert result.exit_code == code, result.output
    return result


def state(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(floorsim(path, "state", "--json").output)
    return found


def test_a_floor_is_operated_by_commands(tmp_path: Path, start: Start) -> None:
    path, ledger = floor(tmp_path, "S1", length=100_000), tmp_path / "ledger"
    child = start(path, "--ledger", str(ledger))
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o660
    assert floorsim(tmp_path, "parcels", given=parcel(1, "S1")).output == "1 parcels wait to come\n"
    while not state(path)["lines"]["S1"]["parcels"]:
        pass  # until it is on the belt
    assert "the floor stands" in floorsim(tmp_path / NAME, "time", "pause").output
    stands = state(path)
    assert stands["paused"]
    while_it_stands(tmp_path)
    assert state(path)["lines"]["S1"]["parcels"] == stands["lines"]["S1"]["parcels"]
    assert "the floor stands" in floorsim(path, "time", "step", "40").output
    stepped = state(path)
    assert stepped["t"] == pytest.approx(stands["t"] + 40)
    before, after = (one["lines"]["S1"]["parcels"][0][0] for one in (stands, stepped))
    assert after - before == pytest.approx(100, abs=1)  # 2.5 m/s
    resumed = time.monotonic() * 1000
    assert "the floor goes on" in floorsim(path, "time", "resume").output
    struck = floorsim(path, "fault", "jam", "S1", "--for", "5m").output
    assert struck == "f1: jam at S1; `floorsim fault --end f1` ends it before its time\n"
    assert state(path)["lines"]["S1"]["state"] == "jam"
    assert "f1" in floorsim(path, "fault", "--list").output
    assert floorsim(path, "fault", "--end", "all").output == "ended: f1\n"
    assert state(path)["lines"]["S1"]["state"] == "run"
    floorsim(path, "time", "pause")
    assert child.stderr is not None
    child.send_signal(signal.SIGTERM)
    assert "stopping: 1 parcels run out" in child.stderr.readline()
    while state(path)["paused"]:
        pass  # a floor that stands could not run empty; a state may be 100 ms old
    child.send_signal(signal.SIGTERM)
    child.wait(30)
    assert not (tmp_path / NAME).exists()
    assert "no floorsim answers there" in floorsim(path, "state", code=69).output
    entries = [json.loads(line) for line in ledger.read_text().splitlines()]
    jammed = next(entry for entry in entries if entry["what"] == "fault")
    assert resumed <= jammed["t"] <= time.monotonic() * 1000, "the ledger has the machine's time"


def test_a_drill_says_at_its_start_what_costs_points(tmp_path: Path, start: Start) -> None:
    start(floor(tmp_path, "S1"))
    drill = tmp_path / "drill.toml"
    drill.write_text(
        'title = "A jam"\nfloor = "x"\nminutes = 1\n'
        '[[step]]\nat_s = 0\nfault = "jam"\ntarget = "S1"\nhidden = true\n'
        '[drill]\ntask = "Find it."\npar_s = 60\nanswers = [{ fault = "jam", target = "S1" }]\n'
    )
    told = CliRunner().invoke(main, ["drill", "start", str(drill), "--floor", str(tmp_path)])
    assert told.exit_code == 0, told.output
    costs = "100 points; a wrong diagnosis costs 15, a hint 10, a minute over time 5"
    assert told.output.splitlines()[-1] == costs


def while_it_stands(folder: Path) -> None:
    """Its PLC hears, and is silent."""
    port = os.open(folder / "run" / "plc-S1", os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(port, b"\x02hello\x03")
        while (plc := state(folder)["stubs"]["plc-S1"])["heard"] < 7:
            pass  # the machine's time goes on
        assert not select.select([port], [], [], 0.3)[0]
        assert (plc["said"], plc["heard"]) == (0, 7)
    finally:
        os.close(port)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["fault", "jamm", "S1"], 1, "did you mean 'jam'?"),
        (["fault", "jam", "S2"], 1, "no line is called 'S2'"),
        (["fault", "jam", "S1", "--for", "soon"], 2, "'soon' is no time: write 90s, 500ms, 5m or 1h"),
        (["fault", "jam", "S1", "--for", "9h", "--set", "x"], 2, "write key=value"),
        (["fault", "jam", "S1", "--set", "rate=3"], 1, "rate: unknown key"),
        (["fault", "jam"], 2, "give NAME and TARGET, or --end ID, or --list"),
        (["fault", "--end", "f7"], 1, "no fault 'f7' stands"),
        (["time", "halt"], 2, "'halt' is not one of 'pause', 'resume', 'step'"),
        (["time", "pause", "5"], 1, "ms goes with step"),
        (["parcels", "/dev/null"], 1, "no parcel: the manifest is empty"),
    ],
)
def test_what_is_wrong_with_a_command_is_said(one_floor: Path, words: list[str], code: int, said: str) -> None:
    assert said in floorsim(one_floor, *words, code=code).output


@pytest.fixture(scope="module")
def one_floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A floor that runs for all tests of this module that do not change it."""
    path = floor(tmp_path_factory.mktemp("floor"), "S1")
    command = [sys.executable, "-m", "firmware_stubs", "run", str(path), "--no-wait"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path(__file__).parents[1])
    with child:
        assert child.stderr is not None
        assert any(b"ready" in line for line in child.stderr)
        yield path
        child.kill()


def test_a_second_run_in_the_folder_is_refused(one_floor: Path) -> None:
    result = CliRunner().invoke(main, ["run", str(one_floor)])
    assert (result.exit_code, f"{one_floor.parent / NAME}: a floorsim serves this folder already" in result.output) == (
        75,
        True,
    )
    assert state(one_floor)["t"]


def test_only_loopback_is_served(one_floor: Path) -> None:
    result = CliRunner().invoke(main, ["run", str(one_floor), "--http", "0.0.0.0:0"])
    assert (result.exit_code, "can be reached from elsewhere" in result.output) == (2, True)


SCENARIO = """
title = "A stop"
floor = "x"
minutes = {minutes}
[[step]]
at_s = 0.2
fault = "{fault}"
target = "S1"
for_s = 0.3
"""


def test_a_scenario_strikes_at_its_time_and_ends_the_run(tmp_path: Path) -> None:
    path, ledger, scenario = floor(tmp_path, "S1"), tmp_path / "ledger", tmp_path / "scenario.toml"
    scenario.write_text(SCENARIO.format(minutes=0.01, fault="stop"))
    words = ["--no-wait", "--manifest", "/dev/null", "--ledger", str(ledger), "--scenario", str(scenario)]
    result = CliRunner().invoke(main, ["run", str(path), *words])
    assert result.exit_code == 0, result.output
    entries = [json.loads(line) for line in ledger.read_text().splitlines()]
    ready, end = entries[0]["t"], entries[-1]["t"]
    faults = [(entry["state"], entry["by"]) for entry in entries if entry["what"] == "fault"]
    assert faults == [("begun", "scenario"), ("ended", "scenario")]
    assert end - ready >= 600


def test_a_scenario_for_another_floor_is_refused_before_anything_runs(tmp_path: Path) -> None:
    path, scenario = floor(tmp_path, "S2"), tmp_path / "scenario.toml"
    scenario.write_text(SCENARIO.format(minutes=1, fault="stop"))
    result = CliRunner().invoke(main, ["run", str(path), "--no-wait", "--scenario", str(scenario)])
    assert (result.exit_code, f"{scenario}:5: [step] target: " in result.output) == (78, True), result.output
    assert not (tmp_path / NAME).exists()


def test_ctrl_c_ends_faults_so_the_belts_run_empty(tmp_path: Path, start: Start) -> None:
    path, ledger = floor(tmp_path, "S1"), tmp_path / "ledger"
    child = start(path, "--ledger", str(ledger))
    floorsim(tmp_path, "fault", "jam", "S1", "--for", "1h")
    child.send_signal(signal.SIGTERM)
    assert child.wait(30) == 0
    entries = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert [entry["state"] for entry in entries if entry["what"] == "fault"] == ["begun", "ended"]


@pytest.mark.parametrize("words", [("--http", "127.0.0.1:0"), ("--real",)])
def test_what_a_run_in_virtual_time_cannot_do_is_said(tmp_path: Path, words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, ["run", str(floor(tmp_path, "S1")), "--virtual", *words])
    assert (result.exit_code, f"{words[0]}: does not go with --virtual" in result.output) == (2, True)


def test_a_large_floor_is_shown_in_24_rows() -> None:
    line = {"state": "run", "speed_mm_s": 2500, "parcels": [[1, 2, "p", None, 1]] * 600, "waiting": 3}
    stub = {"light": "ok", "why": "in session"}
    lanes = {f"L{number:03}": {"state": "FREE", "drops": number, "container": "BAG-7"} for number in range(120)}
    shown = rows(
        {
            "paused": True,
            "counts": {"inducted": 7, "in_lanes": 3, "on_belts": 4, "not_inducted": 0},
            "per_hour": 11_000,
            "lines": {f"S{number}": line for number in range(6)},
            "lanes": lanes | {"L119": {"state": "FULL", "drops": 1, "container": None}},
            "stubs": {f"m{number}": stub for number in range(60)}
            | {"m9": {"light": "fault", "why": "loss stands on it"}},
            "faults": [{"id": "f1", "fault": "loss", "target": "m9", "left_ms": 4000.0, "left": None}],
        }
    )
    assert len(shown) == 21
    assert shown[0].startswith("PAUSED")
    assert [row.split()[1] for row in shown if row.startswith("line")] == [f"S{number}" for number in range(6)]
    assert next(row for row in shown if row.startswith("machine")).split()[1:3] == ["m9", "fault"]
    assert next(row for row in shown if row.startswith("lane")).split()[1:3] == ["L119", "FULL"]
    assert "fault    f1             loss at m9, 4 s left" in shown
    assert any(row.startswith("lane     … and ") for row in shown)
