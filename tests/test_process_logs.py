"""What the daemon says of itself never stops it, and never does anything to a terminal."""

from __future__ import annotations

import fcntl
import logging
import os
import select
import signal
import threading
import time
from pathlib import Path

import pytest

from controller import logs
from controller.logs import BOUND, LONGEST, Log, escaped
from tests.floord import Floord, floord, until

CHATTER = """
import controller.daemon as d
received = d.Daemon.received
def chatty(self, link, data, at):
    for number in range(1500): d.say(f'{link} number {number} ' + 'x' * 200)
    received(self, link, data, at)
d.Daemon.received = chatty
"""
"""Much is said of each thing that a device says."""


PATIENCE_S = 30.0


def pipe(size: int = 4096) -> tuple[int, int]:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, size)
    return reading, writing


def drained(reading: int, until_text: bytes) -> bytes:
    """What comes out of a pipe, up to the line with this text."""
    data = b""
    while until_text not in data or not data.endswith(b"\n"):
        there, _, _ = select.select((reading,), (), (), PATIENCE_S)
        assert there, f"{until_text!r} did not come: {data[-200:]!r}"
        data += os.read(reading, 65536)
    return data


def swallowed(reading: int) -> None:
    """Let whoever writes go on, to the end."""
    while os.read(reading, 65536):
        pass


def test_control_characters_do_nothing() -> None:
    assert escaped("plain Ünïcode 日本 text") == "plain Ünïcode 日本 text"
    assert escaped("a\x1b[2Jb\r\x00\x9b7\u202ecode\ud800") == "a\\x1b[2Jb\\r\\x00\\x9b7\\u202ecode\\ud800"


def test_nobody_waits_and_what_is_lost_is_counted_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = pipe()
    log = Log(writing)
    begun = time.monotonic()
    for number in range(3 * BOUND):
        log.say(f"line {number} " + "x" * 100)
    took = time.monotonic() - begun
    assert took < 1, "it waited for the pipe"
    assert BOUND - 500 < log.dropped <= 2 * BOUND
    lines: list[str] = []
    told, data = 0, b""
    while len(lines) + told < 3 * BOUND:
        data += os.read(reading, 65536)
        *whole, _ = data.decode().split("\n")
        counts = [int(line.split()[1]) for line in whole if line.endswith("lost here: more than can be written")]
        lines, told = [line for line in whole if " line " in line], sum(counts)
    numbers = [int(line.split()[2]) for line in lines]
    assert numbers == sorted(numbers)
    assert told == log.dropped
    monkeypatch.setattr(logs, "PER_SECOND", 1e6)  # all that was allowed is used up, and a quick machine is here at once
    log.say("well again")
    assert drained(reading, b"well again").decode().endswith("floord: well again\n")
    assert log.close()


def test_what_waits_is_written_at_the_end_and_for_a_second_at_most() -> None:
    reading, writing = pipe()
    log = Log(writing)
    for number in range(500):
        log.say(f"line {number} " + "x" * 100)
    reader = threading.Thread(target=drained, args=(reading, b"line 499"))
    reader.start()
    assert log.close()
    reader.join(10)
    stuck = Log(writing)
    for _ in range(500):
        stuck.say("x" * 100)
    begun = time.monotonic()
    assert not stuck.close()
    assert time.monotonic() - begun < 1.5
    threading.Thread(target=swallowed, args=(reading,), daemon=True).start()


def test_a_closed_pipe_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "AGAIN_S", 0.01)
    reading, writing = pipe()
    log = Log(writing)
    os.close(reading)
    log.say("to nobody")
    until(lambda: log.dropped, "the loss of a line")
    assert log.close()


def test_a_descriptor_that_does_not_block_loses_nothing() -> None:
    reading, writing = pipe()
    os.set_blocking(writing, False)
    log = Log(writing)
    for number in range(500):
        log.say(f"line {number} " + "x" * 100)
    assert len(drained(reading, b"line 499").splitlines()) == 500
    assert log.close()


def test_long_texts_go_on_in_the_next_line_and_the_logging_module_comes_too() -> None:
    reading, writing = pipe(65536)
    log = Log(writing)
    log.say("x" * (LONGEST + 1) + "\n\nb")
    logger = logging.getLogger("hubfloor-test")
    logger.addHandler(logs._Handler(log))
    logger.propagate = False
    logger.info("not this")
    try:
        raise ValueError("a\x07b")
    except ValueError:
        logger.exception("%d of %s", 1, "it")
    assert log.close()
    text = os.read(reading, 65536).decode()
    assert text.startswith(
        f"floord: {'x' * LONGEST}\nfloord: x\nfloord: \nfloord: b\nfloord: 1 of it\nfloord: Traceback"
    )
    assert text.endswith("floord: ValueError: a\\x07b\n")


def answers_in_time(one: Floord) -> bool:
    """Whether status answers within 100 ms; the best of a few, for the machine may be busy."""
    best = float("inf")
    for _ in range(20):
        begun = time.monotonic()
        assert one.status()
        best = min(best, time.monotonic() - begun)
    return best < 0.1


@pytest.mark.parametrize("how", ["blocked", "closed"])
def test_the_daemon_works_on_where_nobody_reads_its_log(tmp_path: Path, how: str, full: bool) -> None:
    if how == "closed" and not full:
        pytest.skip("with --full")
    reading, writing = pipe()
    if how == "closed":
        os.close(reading)
    with floord(tmp_path) as one:
        one.start(CHATTER, stderr=writing).ready()
        for _ in range(3):
            one.tunnel.say(b"\x02RB123456785GB\x03")
        lost = until(lambda: one.status()["log"]["dropped"], "lost lines")
        assert lost > 0
        assert answers_in_time(one)
        assert one.status()["links"]["tunnel-1"]["frames"] == 3
        begun = time.monotonic()
        one.send(signal.SIGTERM)
        assert one.ends() == 0
        assert time.monotonic() - begun < 20
    os.close(writing)
    if how == "blocked":
        os.close(reading)


def test_without_a_stderr_its_lines_land_in_no_file(tmp_path: Path) -> None:
    with floord(tmp_path) as one:
        one.start("import os; os.close(2); os.close(0); os.close(1)" + CHATTER).ready()
        one.tunnel.say(b"\x02RB123456785GB\x03")
        until(lambda: one.status()["links"]["tunnel-1"]["frames"], "a read")
        assert one.stop() == 0
    assert one.text() == ""
    assert not any(b"floord: " in path.read_bytes() for path in one.state.iterdir() if path.is_file())
