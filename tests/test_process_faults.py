"""Faults of our own code, planted in a real process: what is lost, what goes on, what comes back, which exit code."""

from __future__ import annotations

import errno
import json
import resource
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from controller import broker, state_dir
from controller.journal_reader import Reader
from tests.floord import Floord, floord, until

READ = b"\x02RB123456785GB\x03"
POISON = b"\x02POISON\x03"

DRIVER = """
import devices.scanners.line as l
feed = l.Driver.feed
def planted(self, data, at):
    if b'POISON' in data: raise ValueError('planted \\x1b[2J')
    return feed(self, data, at)
l.Driver.feed = planted
"""
LINK = """
import os, devices.fd_link as f
class Planted:
    failed = False
    def __getattr__(self, name): return getattr(os, name)
    def read(self, fd, size):
        data = os.read(fd, size)
        if b'POISON' in data and not Planted.failed:
            Planted.failed = True
            raise ValueError('planted')
        return data
f.os = Planted()
"""
NODE = """
import controller.reading as r
said = r.said
def planted(floor, device, item, now, look):
    if b'POISON' in getattr(item, 'raw', b''): raise ValueError('planted')
    said(floor, device, item, now, look)
r.said = planted
"""
ELSEWHERE = """
import asyncio, gc, controller.daemon as d
run = d.Daemon.run
async def fails(): raise ValueError('planted in a task')
async def planted(self):
    loop = asyncio.get_running_loop()
    loop.create_task(fails())
    loop.call_later(0.1, gc.collect)
    loop.call_later(0.1, lambda: 1 / 0)
    return await run(self)
d.Daemon.run = planted
"""
CONTROL = """
import controller.wellbeing as w
status, failed = w.Wellbeing.status, []
def planted(self, now):
    if not failed:
        failed.append(1)
        raise ValueError('planted')
    return status(self, now)
w.Wellbeing.status = planted
"""
UPLINK = """
import controller.uplink as u
opened, failed = u.Uplink.opened, []
def planted(self, *arguments):
    if not failed:
        failed.append(1)
        raise ValueError('planted')
    opened(self, *arguments)
u.Uplink.opened = planted
"""


def events(one: Floord) -> list[tuple[str, dict[str, object]]]:
    """(family/name, data) of all that is recorded."""
    reader = Reader(one.state / "journal.db")
    try:
        found = [json.loads(row.body) for row in reader.since(1)]
    finally:
        reader.close()
    return [("/".join(event["type"].split(".")[1:3]), event["data"]) for event in found]


def alarms(one: Floord) -> list[object]:
    return [data["alarm"] for name, data in events(one) if name == "alarm/raised"]


def test_a_driver_that_raises_costs_its_link_a_moment_and_nothing_else(tmp_path: Path) -> None:
    with floord(tmp_path) as one:
        one.start(DRIVER).ready()
        one.plc.accept()
        one.tunnel.say(READ)
        before = until(lambda: one.status()["links"]["plc-1"]["up"] and one.status(), "the PLC's link")
        one.tunnel.say(POISON)
        assert one.tunnel.gone()
        one.tunnel.accept()
        one.tunnel.say(READ)
        link = until(lambda: (s := one.status()["links"]["tunnel-1"])["frames"] == 2 and s, "a read of the new driver")
        assert link["noted"] == {"driver failed": 1}
        status = one.status()
        assert list(status["alarms"]) == ["driver-tunnel-1"]
        assert status["links"]["plc-1"]["reopened"] == before["links"]["plc-1"]["reopened"]
        assert status["faults"] == {}
        text = one.said("tunnel-1: its driver failed in planted: ValueError: planted \\x1b[2J; it is made anew")
        assert f"floord: last bytes {POISON.hex(' ')}\n" in text
        assert "floord: Traceback" in text
        assert "\x1b" not in text
        assert "tunnel-1: back after " in one.said("tunnel-1: back after ")
        assert one.stop() == 0
        assert alarms(one) == ["driver-tunnel-1"]


@pytest.mark.parametrize(
    ("plant", "part"), [(LINK, "tunnel-1"), (CONTROL, "control"), (ELSEWHERE, "loop")], ids=["link", "control", "task"]
)
def test_a_part_that_raises_is_begun_anew_and_told(tmp_path: Path, plant: str, part: str) -> None:
    with floord(tmp_path) as one:
        one.start(plant)
        one.tunnel.say(POISON)
        if part == "tunnel-1":
            one.ready()
            assert one.tunnel.gone()
            one.tunnel.accept()
        status = until(lambda: (s := one.status()).get("faults") and s, "a fault")
        assert status["faults"] == {part: status["faults"][part]}
        assert list(status["alarms"]) == [f"fault-{part}"]
        one.tunnel.say(READ)
        until(lambda: one.status()["links"]["tunnel-1"]["frames"], "a read")
        text = one.said(f"floord: alarm fault-{part} (high): ")
        assert status["alarms"][f"fault-{part}"] in text
        assert f"{part} failed" in text
        assert "planted" in text
        if part == "loop":
            assert "division by zero" in one.said("ZeroDivisionError")
            assert "planted in a task" in one.said("planted in a task")
        assert one.stop() == 0
        assert alarms(one) == [f"fault-{part}"]


def test_an_uplink_that_raises_connects_anew(tmp_path: Path) -> None:
    try:
        running = broker.start_nats(tmp_path)
    except broker.BrokerMissing:
        pytest.skip("nats-server is not here")
    with running as there, floord(tmp_path, f"mqtt://127.0.0.1:1 => {there.url}") as one:
        one.start(UPLINK).ready()
        status = until(lambda: (s := one.status()) and s["broker"]["online"] and s, "the broker")
        assert status["faults"] == {"uplink": 1}
        until(lambda: one.status()["broker"]["queued"] == 0, "all events at the broker")
        assert f"broker: connected to {there.url}, " in one.said("broker: connected")
        assert "floord: the broker speaks MQTT 3.1.1 only: " in one.text(), "the logging module comes too"
        assert one.stop() == 0
        assert alarms(one) == ["fault-uplink"]


def test_an_error_of_our_own_ends_it_and_an_input_that_does_it_twice_is_dropped(tmp_path: Path) -> None:
    with floord(tmp_path) as one:
        for _ in range(2):
            one.start(NODE).ready()
            one.tunnel.accept()
            one.tunnel.say(POISON)
            assert one.ends() == 71
            assert "an error of our own, taking an input of tunnel-1; the next start reads the journal" in one.text()
            assert "ValueError: planted" in one.text()
        one.start(NODE).ready()
        one.tunnel.accept()
        one.tunnel.say(POISON)
        one.tunnel.say(READ)
        until(lambda: one.status()["links"]["tunnel-1"]["frames"] == 2, "both are heard")
        assert list(one.status()["alarms"]) == ["poison"]
        assert "POISON" in one.said("dropped an input of tunnel-1, for it has ended us twice: ")
        assert one.stop() == 0
        assert alarms(one) == ["poison"]
        sequences = [name for name, _ in events(one)]
        assert sequences.count("node/restarted") == 2, "each start read the journal"


# --- the end ----------------------------------------------------------------------------------------------------------

HUNG = """
import threading, controller.journal as j
commit = j.Journal.commit
def hung(self, batch):
    if any('tunnel-1' in row.subject for row in batch.events): threading.Event().wait(60)
    commit(self, batch)
j.Journal.commit = hung
"""
DISK = """
import sqlite3, controller.journal as j
commit = j.Journal.commit
def failing(self, batch):
    if any('tunnel-1' in row.subject for row in batch.events): raise sqlite3.OperationalError('disk I/O error')
    commit(self, batch)
j.Journal.commit = failing
"""
THREAD = """
import controller.journal_writer as w
run = w.Writer._run
def dies(self):
    self._wake.acquire(); self._wake.wait_for(lambda: not self._waiting.empty()); self._wake.release()
    raise RuntimeError('planted')
w.Writer._run = dies
"""
STOP_S = 20.0


def ended_in(one: Floord, *numbers: int) -> tuple[int, float]:
    """The exit code after these signals, and after how long."""
    begun = time.monotonic()
    for number in numbers:
        one.send(number)
    return one.ends(), time.monotonic() - begun


def test_it_ends_under_load_with_broker_and_machines_away(tmp_path: Path) -> None:
    silent = socket.create_server(("127.0.0.1", 0))  # accepts, and never says a word: a broker that hangs
    with silent, floord(tmp_path, f"mqtt://127.0.0.1:1 => mqtt://127.0.0.1:{silent.getsockname()[1]}") as one:
        one.start().ready()
        one.tunnel.accept()
        over = threading.Event()

        def flood() -> None:
            try:
                while not over.is_set():
                    one.tunnel.say(READ * 200)
            except OSError:
                pass

        thread = threading.Thread(target=flood)
        thread.start()
        until(lambda: one.status()["links"]["tunnel-1"]["frames"] > 2000, "load")
        code, took = ended_in(one, signal.SIGTERM)
        over.set()
        thread.join()
        assert (code, took < STOP_S) == (0, True), f"{code} after {took:.1f} s"
        names = [name for name, _ in events(one)]
        assert names.count("node/stopping") == 1


def test_it_ends_with_a_hung_disk(tmp_path: Path, full: bool) -> None:
    """Its thread is in the commit; in a quick run the patience of the end is shorter."""
    with floord(tmp_path) as one:
        one.start(HUNG + ("" if full else "import controller.daemon as d; d.STOP_S = 0.7")).ready()
        one.tunnel.accept()
        one.said("tunnel-1: connected")
        code, took = ended_in(one, signal.SIGTERM)
        assert (code, took < STOP_S) == (70, True), f"{code} after {took:.1f} s"
        assert "the disk did not take the last events in time" in one.text()


def test_told_twice_it_ends_at_once(tmp_path: Path) -> None:
    with floord(tmp_path) as one:
        one.start(HUNG).ready()
        one.tunnel.accept()
        one.said("tunnel-1: connected")
        one.send(signal.SIGINT)
        one.said("stopping: SIGINT")
        code, took = ended_in(one, signal.SIGTERM)
        assert (code, took < 5) == (0, True), f"{code} after {took:.1f} s"
        assert "SIGTERM again: ending at once" in one.text()


@pytest.mark.parametrize(("plant", "why"), [(DISK, "disk I/O error"), (THREAD, "planted")], ids=["disk", "thread"])
def test_a_disk_that_fails_ends_it(tmp_path: Path, plant: str, why: str) -> None:
    with floord(tmp_path) as one:
        one.start(plant)
        if plant == DISK:
            one.tunnel.accept()
        assert one.ends() == 70
        assert f"the journal cannot be written: {why}; stopping" in one.text()


def test_a_second_one_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    with floord(tmp_path) as one:
        one.start().ready()
        first = one.process
        assert first is not None
        one.start()
        assert one.ends() == 75
        assert f"is in use by the floord with process id {first.pid}" in one.text()
        one.process = first
        assert one.stop() == 0


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("file", "it is a file: name a folder in state_dir, or move the file away"),
        ("file/below", "a part of the path is a file: name a folder in state_dir"),
        ("/sys/kernel/floord", "may not write there: give it the folder, or name another state_dir"),
    ],
)
def test_a_state_dir_that_cannot_be_used_is_told(tmp_path: Path, where: str, words: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(state_dir.UnusableStateDir) as found:
        state_dir.take(tmp_path / where)
    assert words in str(found.value)
    assert not found.value.disk


def test_with_such_a_state_dir_it_ends_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with floord(tmp_path, 'state_dir = "state" => state_dir = "file"') as one:
        one.start()
        assert one.ends() == 78
        assert one.text().startswith(f"floord: state_dir {tmp_path}/file: ")
        assert "Traceback" not in one.text()


def test_a_disk_that_fails_at_the_start_is_told_as_such(tmp_path: Path) -> None:
    error = state_dir.UnusableStateDir(tmp_path, OSError(errno.EROFS, "Read-only file system"))
    assert error.disk
    assert str(error) == f"state_dir {tmp_path}: Read-only file system; look after the disk"


def test_a_signal_while_it_starts_ends_it(tmp_path: Path) -> None:
    slow = """
import threading, controller.journal as j
def open(*arguments, **more):
    print('opening', file=__import__('sys').stderr, flush=True)
    threading.Event().wait(60)
j.Journal.open = open
"""
    with floord(tmp_path) as one:
        one.start(slow)
        one.said("opening")
        code, took = ended_in(one, signal.SIGTERM)
        assert (code, took < 5) == (0, True), f"{code} after {took:.1f} s"


def test_the_log_tells_a_technician_what_happens(tmp_path: Path) -> None:
    with floord(tmp_path, "[customs] => [journal]\nstop_mb = 100000000\nwarn_mb = 100000000\n[customs]") as one:
        one.start().ready()
        one.tunnel.accept()
        one.said("tunnel-1: connected\n")
        assert " MB free, and stop_mb is 100000000: nothing will be inducted; make room on its disk\n" in one.text()
        one.said("floord: alarm disk-space (high): the journal's disk has ")
        one.tunnel.drop()
        one.said("tunnel-1: hung up: unplugged, or closed by the other side; trying again\n")
        one.tunnel.accept()
        text = one.said("tunnel-1: back after ")
        assert "floord: lgg/n1 runs: 3 links, broker mqtt://127.0.0.1:1, journal " in text
        assert "floord: broker: 127.0.0.1:1: Connection refused; trying again, " in text
        assert " events waiting\n" in text
        deep = socket.socket(socket.AF_UNIX)
        with deep, deep.makefile("rwb") as talk:
            deep.connect(str(one.state / "control.sock"))
            talk.write(b"[" * 60_000 + b"\n")
            talk.flush()
            assert b"not a request" in talk.readline()
        assert one.status()["faults"] == {}
        assert one.stop() == 0
        assert one.text().endswith("floord: stopping: SIGTERM\n")


def test_a_full_disk_does_not_keep_it_from_holding_its_folder(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))  # no file may have a byte
    try:
        held = state_dir.take(tmp_path)
        assert not state_dir.same_boot(tmp_path / "boot-id"), "another boot is the safe answer"
        with pytest.raises(state_dir.AlreadyRunning):
            state_dir.take(tmp_path)
        held.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_stands_beside_the_journal_fails_in_words_too(tmp_path: Path) -> None:
    (tmp_path / "boot-id").mkdir()
    with pytest.raises(state_dir.UnusableStateDir, match=r"state_dir .*: Is a directory"):
        state_dir.same_boot(tmp_path / "boot-id")
