"""Many links at once, and links that come and go: room for descriptors, and a log that stays readable."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys

from controller.flaps import Flaps
from tests.ports_load import measure
from tests.test_links import Witness, linked, run
from tests.test_serial_ports import until


def test_256_ports_in_one_process_lose_nothing() -> None:
    outcome = asyncio.run(measure(256, 4.0, 3))
    assert (outcome.lost, outcome.twice, outcome.garbled, outcome.downs) == (0, 0, 0, []), outcome.shown()


def test_a_machine_that_calls_twenty_times_a_second_costs_no_descriptor(full: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    async def scenario() -> None:
        witness, before = Witness(), len(os.listdir("/proc/self/fd"))
        async with linked(f"tcp-listen://127.0.0.1:{port}", witness):
            calls = 0
            while calls < (100 if full else 12):
                await asyncio.sleep(0.05)
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except ConnectionRefusedError:
                    continue  # it does not listen yet
                calls += 1
                writer.close()
            await until(lambda: len(os.listdir("/proc/self/fd")) <= before + 3)
            assert witness.ups
        await until(lambda: len(os.listdir("/proc/self/fd")) <= before)

    run(scenario)


def room(soft: int, hard: int, links: int) -> tuple[int, str]:
    """The soft limit afterwards, and what was said, in a process of its own."""
    code = (
        "import resource; from controller.descriptors import make_room; "
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard})); said = make_room({links}); "
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0]); print(said)"
    )
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, timeout=60, check=True)
    limit, said = done.stdout.split("\n", 1)
    return int(limit), said.strip()


def test_the_own_limit_of_descriptors_is_raised_and_a_low_one_above_it_is_said() -> None:
    assert room(100, 4000, 256) == (576, "")
    assert room(1024, 4000, 256) == (1024, "")
    limit, said = room(100, 200, 256)
    assert limit == 200
    assert said == (
        "256 links need 576 file descriptors and this process may have 200: links will stay away; "
        "write LimitNOFILE=576 in its unit, or call ulimit -Hn 576 as root before the start"
    )


def test_a_link_that_comes_and_goes_does_not_fill_the_log() -> None:
    flaps, said = Flaps(), []
    for number in range(200):  # 20 times a second, 10 s
        said += [flaps.down("t", "hung up", number * 50.0), flaps.up("t", number * 50.0 + 20)]
        said += flaps.due(number * 50.0 + 20)
    told = [line for line in said if line]
    assert told[:2] == ["t: hung up; trying again", "t: back after 0.0 s"]
    assert len(told) == 2 * 6
    assert flaps.down("t", "hung up", 25_000.0) == "t: hung up; trying again; lost 194 times more since the last line"
    assert flaps.up("t", 25_100.0) == "t: back after 0.1 s"


def test_what_the_log_tells_last_of_a_link_is_true() -> None:
    flaps = Flaps()
    for number in range(20):
        flaps.down("t", "hung up", number * 50.0)
        flaps.up("t", number * 50.0 + 20)
    assert flaps.down("t", "unplugged", 1000.0) == ""
    assert flaps.due(3_900.0) == []
    assert flaps.due(4_000.0) == ["t: unplugged; trying again; lost 14 times more since the last line"]
    assert flaps.due(5_000.0) == []
    assert flaps.up("t", 9_000.0) == "t: back after 8.0 s"
    assert flaps.down("t", "hung up", 9_100.0) == ""
    assert flaps.up("t", 9_200.0) == ""
    assert flaps.due(69_000.0) == []
    assert flaps.due(69_200.0) == ["t: has held for a minute; had been lost 1 time more"]
    assert flaps.due(70_000.0) == []


def test_links_are_told_each_for_itself() -> None:
    flaps = Flaps()
    assert flaps.up("a", 0.0) == "a: connected"
    for number in range(50):
        flaps.down("a", "hung up", float(number))
        flaps.up("a", float(number))
    assert flaps.down("b", "not there", 100.0) == "b: not there; trying again"
    flaps.forget("a")
    assert flaps.up("a", 200.0) == "a: connected"
