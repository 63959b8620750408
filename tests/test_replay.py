"""`floord replay`: the journal's events again as they were, and the truth about those that were not published."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from controller.broker import Child
from controller.journal import Batch, Journal
from controller.journal_rows import Row
from tests.test_config import FLOOR, write
from tests.test_uplink import mosquitto_with, nobody_there, started

ROOT = Path(__file__).parents[1]


def journal_of(folder: Path, count: int, topic: str = "hub/v1/lgg/sorter-a/event/x/y") -> dict[int, Row]:
    (folder / "state").mkdir(exist_ok=True)
    journal = Journal.open(folder / "state" / "journal.db", rng=Random(1), utc_ms=0)
    rows = [
        Row(seq, f"id-{seq}", "t", "s", None, None, None, "z", f"{topic}/{seq % 3}", b'{"sequence": %d}' % seq)
        for seq in range(1, count + 1)
    ]
    journal.commit(Batch(events=rows))
    journal.close()
    return {row.seq: row for row in rows}


def floor(folder: Path, url: str) -> Path:
    return write(folder, FLOOR.replace('"mqtt://127.0.0.1:1883"', json.dumps(url)))


def replay(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "controller", "replay", "--floor", str(file), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@contextlib.contextmanager
def heard(broker: Child, topic: str = "#") -> Iterator[list[tuple[str, bytes, bool]]]:
    """What is published there; complete when a message of our own has come back."""
    client = Client(CallbackAPIVersion.VERSION2, "witness")
    found: list[tuple[str, bytes, bool]] = []
    client.on_message = lambda _, __, message: found.append((message.topic, bytes(message.payload), message.retain))
    client.connect("127.0.0.1", broker.port)
    client.subscribe(topic, 1)
    client.publish("end", b"", 1)
    while not found:
        client.loop(0.1)
    found.clear()
    yield found
    client.publish("end", b"", 1)
    while ("end", b"", False) not in found:
        client.loop(0.1)
    found.remove(("end", b"", False))
    client.disconnect()


def test_what_is_asked_for_is_published_as_it_was(tmp_path: Path) -> None:
    rows = journal_of(tmp_path, 1500)
    with started("mosquitto", tmp_path) as broker:
        file = floor(tmp_path, broker.url)
        with heard(broker) as found:
            result = replay(file, "--from", "301", "--to", "1400")
        assert (result.returncode, result.stdout) == (0, "published 1100, refused 0, damaged 0, gone 0\n"), (
            result.stderr
        )
        assert found == [(rows[seq].topic, rows[seq].body, False) for seq in range(301, 1401)]
        with heard(broker) as found:
            result = replay(tmp_path, "--from", "1499", "--rate", "100")
        assert (result.returncode, len(found)) == (0, 2)
        with heard(broker) as found:
            result = replay(file, "--from", "1", "--dry-run")
        assert (result.returncode, result.stdout, found) == (0, "would publish 1500, damaged 0, gone 0\n", [])


def test_a_broker_of_mqtt_3_1_1_too(tmp_path: Path) -> None:
    journal_of(tmp_path, 10)
    with started("nats", tmp_path) as broker:
        result = replay(floor(tmp_path, broker.url), "--from", "1")
        assert (result.returncode, result.stdout) == (0, "published 10, refused 0, damaged 0, gone 0\n"), result.stderr


def test_refused_damaged_and_gone_ones_are_counted_and_named(tmp_path: Path) -> None:
    journal_of(tmp_path, 30)
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "journal.db")) as db:
        db.execute("DELETE FROM event WHERE seq BETWEEN 3 AND 6")
        db.execute("UPDATE event SET body = x'00' WHERE seq = 10")
        db.commit()
    acl = tmp_path / "acl"
    acl.write_text("topic write hub/v1/lgg/sorter-a/event/x/y/0\ntopic write hub/v1/lgg/sorter-a/event/x/y/1\n")
    acl.chmod(0o600)
    with mosquitto_with(tmp_path, f"acl_file {acl}") as broker:
        result = replay(floor(tmp_path, broker.url), "--from", "1", "--to", "20")
    assert result.returncode == 1
    assert result.stdout == "published 9, refused 6, damaged 1, gone 4\n"
    told = [line for line in result.stderr.splitlines() if line.startswith("refused")]
    assert told == [f"refused {seq}: not authorized (0x87)" for seq in (2, 8, 11, 14, 17, 20)]


def test_without_a_broker_it_says_so(tmp_path: Path) -> None:
    journal_of(tmp_path, 3)
    result = replay(floor(tmp_path, nobody_there()), "--from", "1")
    assert result.returncode == 69
    assert "Connection refused" in result.stderr
    assert result.stdout == "published 0, refused 0, damaged 0, gone 0\n"


def test_ctrl_c_ends_it_in_order(tmp_path: Path) -> None:
    journal_of(tmp_path, 100)
    with started("mosquitto", tmp_path) as broker:
        command = [sys.executable, "-m", "controller", "replay", "--floor", str(floor(tmp_path, broker.url))]
        arguments = ["--from", "1", "--rate", "1"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen([*command, *arguments], cwd=ROOT, **pipes) as running:  # type: ignore[call-overload]
            assert running.stderr
            assert " of 100" in running.stderr.readline()
            os.kill(running.pid, signal.SIGINT)
            output, errors = running.communicate(timeout=20)
            assert running.returncode == 1
            assert output.startswith("published ")
            assert "stopped by SIGINT" in errors
            assert "Traceback" not in errors


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    file = floor(tmp_path, "mqtt://127.0.0.1:1")
    assert "there is no journal" in replay(file, "--from", "1").stderr
    journal_of(tmp_path, 3)
    result = replay(file, "--from", "4")
    assert (result.returncode, "the journal ends with 3" in result.stderr) == (2, True)
    assert replay(file, "--from", "2", "--to", "1").returncode == 2
    assert replay(tmp_path / "state", "--from", "1").returncode == 2
    assert replay(write(tmp_path, "site = 1"), "--from", "1").returncode == 78
