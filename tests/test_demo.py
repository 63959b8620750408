"""The main job between real processes: ptys, a broker, floorsim, floord, and `kill -9`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from controller import broker, demo_floor
from controller.demo_parcels import Parcels

FLOORD = (sys.executable, "-m", "controller")
LIMIT_S = 90.0


def floord(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*FLOORD, *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=False)


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that another process does."""
    pause, deadline = threading.Event(), time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        pause.wait(0.02)


class Running:
    """A demo as a child, its folder, and its floord."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        command = [*FLOORD, "demo", "--json", "--keep", str(folder), *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def floord_pid(self) -> int | None:
        try:
            return int((self.folder / "floord.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def ledger(self) -> list[dict[str, Any]]:
        try:
            lines = (self.folder / "ledger.jsonl").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines[:-1]]

    def inducted(self) -> int:
        return sum(entry["what"] == "inducted" for entry in self.ledger())

    def verdict(self) -> dict[str, Any]:
        out, errors = self.process.communicate(timeout=LIMIT_S)
        assert out, errors
        verdict: dict[str, Any] = json.loads(out.splitlines()[-1])
        return verdict

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Any], int]]:
    """A demo whose floord is killed at random moments; its folder, verdict and exit code."""
    folder = tmp_path_factory.mktemp("demo") / "floor"
    demo = Running(folder, "--parcels", "50", "--rate", "10", "--seed", "7")
    rng = Random(7)
    try:
        for count in sorted(rng.sample(range(1, 50), 5)):
            until(lambda count=count: demo.inducted() >= count, f"{count} parcels inducted")  # type: ignore[misc]
            pid = demo.floord_pid()
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            until(lambda pid=pid: demo.floord_pid() != pid, "a new floord")  # type: ignore[misc]
        verdict = demo.verdict()
        yield folder, verdict, demo.process.returncode
    finally:
        demo.end()


@pytest.fixture(scope="module")
def encodings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Running]]:
    """A demo with PLCs of each other encoding."""
    arguments = ("--parcels", "12", "--rate", "4", "--lines", "1", "--seed", "7")
    folder = tmp_path_factory.mktemp("encodings")
    demos = {plc: Running(folder / plc, *arguments, "--plc", plc) for plc in demo_floor.PLCS if plc != "telegram"}
    yield demos
    for demo in demos.values():
        demo.end()


@pytest.mark.usefixtures("encodings")  # they begin here, ride beside, and are asked below
def test_killed_five_times_nothing_is_missing_doubled_or_escaped(killed: tuple[Path, dict[str, Any], int]) -> None:
    _, verdict, code = killed
    assert code == 0, verdict
    assert verdict["parcels"] == verdict["terminal"] == 50
    wrong = {name: verdict[name] for name in ("missing", "double_terminal", "mis_sorted", "escaped")}
    assert wrong == dict.fromkeys(wrong, 0)


def test_the_journal_tells_every_parcel_with_the_daemon_down(killed: tuple[Path, dict[str, Any], int]) -> None:
    folder, _, _ = killed
    stream = Parcels(demo_floor.line_names(2), 7)
    known = [parcel for parcel in (stream.next() for _ in range(50)) if parcel.advice and parcel.codes]
    told = 0
    for parcel in known[:12]:
        story = floord("trace", parcel.parcel, "--floor", str(folder))
        if story.returncode == 0:
            told += 1
            assert " ms" in story.stdout
            by_code = floord("trace", parcel.codes[0], "--floor", str(folder), "--json")
            names = {json.loads(line)["type"] for line in by_code.stdout.splitlines()}
            assert "hubfloor.parcel.inducted.v1" in names
            ends = ("sorted", "rejected", "mis_sorted", "lost", "removed", "flushed")
            assert any(f"hubfloor.parcel.{end}.v1" in names for end in ends)
    assert told >= 6  # those read while floord was dead have no name
    assert floord("trace", "NOBODY", "--floor", str(folder)).returncode == 1


def test_ctrl_c_runs_empty_and_status_and_tail_answer_meanwhile(tmp_path: Path) -> None:
    folder = tmp_path / "floor"
    demo = Running(folder, "--lines", "1", "--rate", "4", "--seed", "1")
    tail = None
    try:
        until(lambda: demo.inducted() >= 1, "a parcel")
        tail = subprocess.Popen([*FLOORD, "tail", "--floor", str(folder)], stdout=subprocess.PIPE, text=True)
        until(lambda: demo.inducted() >= 6, "six parcels")
        status = floord("status", "--floor", str(folder), "--json")
        answer = json.loads(status.stdout)
        assert status.returncode == 0, status.stdout
        assert answer["lines"]["S1"]["synchronised"]
        assert len(floord("status", "--floor", str(folder)).stdout.splitlines()) <= 24
        second = floord("run", str(folder / "floor.toml"))
        assert second.returncode == 75
        assert str(demo.floord_pid()) in second.stderr
        demo.process.send_signal(signal.SIGINT)
        verdict = demo.verdict()
        assert demo.process.returncode == 0, verdict
        assert verdict["parcels"] == verdict["terminal"] >= 6
        out, _ = tail.communicate(timeout=LIMIT_S)
        assert "parcel/sorted" in out or "parcel/rejected" in out
        assert floord("status", "--floor", str(folder)).returncode == 69
    finally:
        demo.end()
        if tail is not None and tail.poll() is None:
            tail.kill()
            tail.communicate()


def test_plcs_of_each_encoding_bring_the_same_parcels_to_the_same_ends(encodings: dict[str, Running]) -> None:
    for plc, demo in encodings.items():
        verdict = demo.verdict()
        assert demo.process.returncode == 0, (plc, verdict)
        assert verdict["parcels"] == verdict["terminal"] == 12, plc
        assert f'kind = "{plc.partition("-")[0]}"' in (demo.folder / "floor.toml").read_text()


def test_a_rate_that_the_belts_cannot_bear_is_refused_with_the_arithmetic() -> None:
    refused = floord("demo", "--rate", "30", "--lines", "2", "--parcels", "1")
    assert refused.returncode == 2
    assert "2500 / (350 + 100) = 5.56" in refused.stderr


def test_a_sick_scanner_over_tcp_reads_a_whole_floor(tmp_path: Path) -> None:
    """The same floor with another scanner on another medium: only its two sections differ."""
    port = broker.free_port()
    with broker.start_nats(tmp_path / "broker") as child:
        floor = demo_floor.write(tmp_path, 1, 4.0, child.url, 7)
        text = floor.read_text()
        for table, scheme in (("scanner", "tcp"), ("stub", "tcp-listen")):
            before, section = text.split(f"[{table}.tunnel-1]\n", 1)
            rest = section[section.index("\n[") :]
            dialect = 'dialect = "a"\n'
            head = f'[{table}.tunnel-1]\nkind = "sick_cola"\nlink = "{scheme}://127.0.0.1:{port}"\npoint = "S1-T1"\n'
            text = before + head + dialect + rest
        floor.write_text(text)
        assert floord("check", str(floor)).returncode == 0, floord("check", str(floor)).stdout
        stream = Parcels(["S1"], 7)
        parcels = [stream.next() for _ in range(8)]
        manifest = "".join(json.dumps(parcel.manifest()) + "\n" for parcel in parcels)
        log = (tmp_path / "floord.log").open("w")
        daemon = subprocess.Popen([*FLOORD, "run", str(floor)], stderr=log)
        try:
            simulator = subprocess.run(
                [sys.executable, "-m", "firmware_stubs", "run", str(floor), "--manifest", "-", "--ledger", "-"],
                input=manifest,
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
                check=False,
            )
            assert simulator.returncode == 0, simulator.stderr
        finally:
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(LIMIT_S) == 0
            log.close()
    read = {code for parcel in parcels for code in parcel.codes}
    heard = [
        json.loads(line) for line in floord("tail", "--since", "1", "--json", "-f", str(tmp_path)).stdout.splitlines()
    ]
    assert {event["data"].get("code") for event in heard if "parcel.read" in event["type"]} >= read
    ends = [event for event in heard if event["type"].split(".")[2] in ("sorted", "rejected", "lost", "mis_sorted")]
    assert len({event["data"]["travel"] for event in ends}) == len(ends) == 8
