"""P9: a loop that stands is told with its stack, and one that stands too long ends in a restart."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from pathlib import Path

import pytest

from controller import logs
from controller.stalls import EXIT_STALLED, Stalls
from tests.floord import floord, until

PLANTED = """
import ctypes, time, controller.node as n
received = n.Node.received
def a_planted_call(self, port, data, at):
    if b'STALL' in data: time.sleep(0.3)
    if b'STAND' in data: time.sleep(300)
    if b'HOLD' in data: ctypes.PyDLL(None).sleep(300)  # does not give the interpreter back
    received(self, port, data, at)
n.Node.received = a_planted_call
import controller.stalls as s
s.Stalls.__init__.__defaults__ = (1.0, 2.0)
"""


def read(code: str) -> bytes:
    return b"\x02" + code.encode() + b"\x03"


def test_a_stand_is_told_with_its_stack_and_counted(tmp_path: Path) -> None:
    with floord(tmp_path) as one:
        one.start(PLANTED).ready()
        before = one.status()["stalls"]["count"]
        one.tunnel.say(read("STALL"))
        until(lambda: one.status()["stalls"]["count"] > before, "a stand")
        assert one.status()["stalls"]["worst_ms"] >= 300
        text = one.said("in a_planted_call")
        assert "floord: the loop stood for " in text
        assert "time.sleep(0.3)" in text or 'File "<string>"' in text
        assert one.stop() == 0


def test_what_happens_before_it_is_ready_is_no_stand(tmp_path: Path) -> None:
    slow = """
import time, controller.daemon as d
make = d.Daemon._make_links
def a_slow_start(self):
    time.sleep(0.4)
    return make(self)
d.Daemon._make_links = a_slow_start
"""
    with floord(tmp_path) as one:
        one.start(slow).ready()
        assert one.status()["stalls"]["worst_ms"] < 400
        one.said(" runs: 3 links")
        assert "a_slow_start" not in one.text()
        assert one.stop() == 0


def test_a_loop_that_stands_for_good_ends_with_every_stack(tmp_path: Path) -> None:
    with floord(tmp_path) as one:
        one.start(PLANTED).ready()
        one.tunnel.say(read("STAND"))
        assert one.ends() == EXIT_STALLED
        text = one.text()
        assert "the loop has stood for " in text
        assert "in a_planted_call" in text
        assert text.count("hread 0x") >= 3, "not every stack"


def test_who_holds_the_interpreter_is_ended_too_and_the_next_start_tells_where(tmp_path: Path) -> None:
    with floord(tmp_path) as one:
        one.start(PLANTED).ready()
        one.tunnel.say(read("HOLD"))
        assert one.ends() == 1, "faulthandler has no other exit code"
        one.start(PLANTED).ready()
        text = one.said("the last run was ended because nothing moved for 2 s; it stood in")
        assert "in a_planted_call" in text.partition("it stood in")[2]
        assert one.stop() == 0


def test_a_process_that_was_paused_goes_on(tmp_path: Path, full: bool) -> None:
    if not full:
        pytest.skip("with --full")
    with floord(tmp_path) as one:
        one.start(PLANTED.replace("(1.0, 2.0)", "(0.5, 30.0)")).ready()
        one.send(signal.SIGSTOP)
        threading.Event().wait(0.8)
        one.send(signal.SIGCONT)
        until(lambda: one.status(), "an answer")
        assert one.stop() == 0


def watched(work: float) -> Stalls:
    """A loop that works so long at once, after it was idle for as long."""
    stalls = Stalls()

    async def run() -> None:
        stalls.keep(Path("/dev/null"))
        await asyncio.sleep(work)
        await asyncio.sleep(0)
        time.sleep(work)  # noqa: ASYNC251

    with asyncio.Runner(loop_factory=stalls.new_loop) as runner:
        runner.run(run())
        runner.run(asyncio.sleep(0))
    return stalls


def test_an_idle_loop_does_not_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(logs, "say", said.append)
    stalls = watched(0.25)
    assert stalls.count == 1
    assert stalls.worst_s > 0.24
    assert "in watched" not in said[0].splitlines()[0]
    assert "time.sleep(work)" in said[0]


def test_watching_costs_next_to_nothing() -> None:
    """A turn of the watched loop beside one of a plain loop; a generous bound, for the machine may be busy."""

    async def turns(number: int) -> float:
        begun = time.process_time()
        for _ in range(number):
            await asyncio.sleep(0)
        return (time.process_time() - begun) / number * 1e6

    def one(loop_factory: object) -> float:
        with asyncio.Runner(loop_factory=loop_factory) as runner:  # type: ignore[arg-type]
            return min(runner.run(turns(5000)) for _ in range(5))

    plain, seen = one(asyncio.SelectorEventLoop), one(Stalls().new_loop)
    assert seen - plain < 3.0, f"{plain:.2f} us a turn, watched {seen:.2f} us"


def test_without_room_for_the_last_stacks_it_watches_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(logs, "say", said.append)
    stalls = Stalls()
    stalls.keep(tmp_path / "none" / "stacks")
    assert said == [f"{tmp_path}/none/stacks: No such file or directory"]
    stalls.over(time.monotonic() - 1)
    assert stalls.status()["count"] == 1
    stalls.end()
