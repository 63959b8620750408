"""Modbus frames and the turn on the wire: noise, late answers, several units on one bus, any bytes."""

from __future__ import annotations

import asyncio
import logging
import struct
import subprocess
import sys
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from devices.plcs.modbus import Driver, Settings, join
from devices.types import (
    Answered,
    Arrived,
    Garbled,
    GivenUp,
    Item,
    Kept,
    Passed,
    SessionBegun,
    SessionLost,
    Synchronised,
)
from tests.modbus_line import (
    DEST,
    KEPT,
    NUMBERS,
    Line,
    Plc,
    Port,
    arrv,
    bus,
    kinds,
    mbap,
    only,
    passed,
    reading,
    rtu,
)

Answers = list[tuple[float, bytes]]


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_settings", "told"),
    [
        ({"unit": 0}, "unit = 0: write the PLC's address, 1 to 247"),
        ({"unit": 248, "transport": "tcp"}, "unit = 248"),
        ({"transport": "mqtt"}, "transport = 'mqtt': write 'serial' (RTU) or 'tcp'"),
        ({"baud": 10}, "baud = 10"),
        ({"poll_ms": 0}, "poll_ms = 0"),
        ({"timeout_ms": 5}, "timeout_ms = 5"),
        ({"numbers": {"A": 1}}, "numbers: A = 1: this is LINE, the line itself: write another number"),
        ({"numbers": {"A": 2, "B": 2}}, "numbers: B and A are both 2"),
        ({"numbers": {"A": 0}}, "numbers: A = 0: write a number from 1 to 65535"),
        ({"numbers": {"A": 65_536}}, "numbers: A = 65536"),
        ({"numbers": {"a b": 2}}, "numbers: 'a b': write 1 to 12 characters"),
        ({"numbers": {"LINE": 2}}, "numbers: LINE = 2: it is always 1"),
        ({"lines": {"LINE2": 2}}, "lines: 'LINE2': write 1 to 4 characters"),
        ({"lines": {"LN1": 1, "LN2": 1}}, "lines: LN2 and LN1 are both 1"),
    ],
)
def test_settings_that_cannot_be(given_settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError) as raised:
        Settings(**given_settings)
    assert told in str(raised.value)


def test_settings_that_can_be() -> None:
    assert Settings(unit=255, transport="tcp").unit == 255
    chosen = Settings(numbers={"LINE": 1, **NUMBERS})
    assert chosen.unmapped(["LINE", "L07", "L77", "IND-1", "P9"]) == ["L77", "P9"]
    assert Settings().unmapped(["LINE"]) == []


# --- frames and timing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("baud", "poll"), [(9600, 35.5), (19_200, 17.8), (115_200, 3.0)])
def test_polls_as_fast_as_the_wire_allows_and_with_the_pause_of_3_5_characters(baud: int, poll: float) -> None:
    line = Line("serial", baud=baud).normal()
    start = len(line.sent)
    line.run(480)
    polls = [(at, data) for at, data in line.sent[start:] if len(data) == 8 and data[1] == 3]
    gaps = [b - a for (a, _), (b, _) in pairwise(polls)]
    pause = max(1.75, 3.5 * 11_000 / baud)
    assert min(gaps) == pytest.approx(poll + 4.0 + pause, abs=0.1)


def test_tcp_is_polled_every_20_ms() -> None:
    line = Line().normal()
    start = len(line.sent)
    line.run(1000)
    polls = [at for at, data in line.sent[start:] if data[7] == 3]
    assert 48 <= len(polls) <= 51


@pytest.mark.parametrize("noise", [b"\x00", b"\xff", b"\x01\x03", b"\x01\x03\x12", b"\x01" * 9, bytes(range(40))])
@pytest.mark.parametrize("after", [False, True])
def test_noise_beside_an_answer_costs_nothing(noise: bytes, after: bool) -> None:
    line = Line("serial").normal()
    line.fault = lambda request, answers: [(at, data + noise if after else noise + data) for at, data in answers]
    items = line.told(arrv(), ms=400)
    assert kinds(items) == ["Arrived"]
    assert "no answer" not in line.driver.counters.noted


def test_a_damaged_answer_is_given_up_by_silence_not_by_time_out() -> None:
    line = Line("serial").normal()
    broken = iter([True])

    def fault(request: bytes, answers: Answers) -> Answers:
        return [(at, data[:-1] + b"\0" if next(broken, False) else data) for at, data in answers]

    line.fault = fault
    start = line.now
    items = line.told(passed(1), ms=100)
    assert kinds(items) == ["Garbled", "Passed"]
    assert only(items, Passed).at - start < 100
    assert line.driver.counters.garbled == {"bytes that are no answer": 1}


def test_an_answer_in_pieces() -> None:
    for transport in ("serial", "tcp"):
        line = Line(transport).normal()
        line.fault = lambda request, answers: [
            (at + i * 0.2, data[i : i + 1]) for at, data in answers for i in range(len(data))
        ]
        assert kinds(line.told(arrv(), passed(418), ms=500)) == ["Arrived", "Passed"]
        assert line.driver.counters.garbled == {}


@pytest.mark.parametrize("late_ms", [310, 320, 330, 350, 400, 700, 1300])
def test_a_late_answer_over_a_serial_line_is_never_taken_for_another(late_ms: float) -> None:
    """Every third answer is late; what it says of the clock is old. No edge is ever younger than it was."""
    line = Line("serial").normal()
    count = 0

    def fault(request: bytes, answers: Answers) -> Answers:
        nonlocal count
        count += 1
        return [(at + late_ms if count % 3 == 0 else at, data) for at, data in answers]

    line.fault = fault
    edges = {}
    for track in range(1, 60):
        edges[track] = line.now
        line.told(arrv(track, line.plc.clock(line.now)), ms=37)
    line.fault = None
    line.run(8000)
    arrived = {item.track: item for item in line.items[1] if isinstance(item, Arrived)}
    assert len(arrived) == 59
    for track, item in arrived.items():
        assert item.edge is None or item.edge <= edges[track] + 1.01


def test_block_0_is_asked_for_in_another_length_after_a_time_out() -> None:
    line = Line("serial").normal()
    line.fault = lambda request, answers: []
    line.run(2500)
    lengths = [count for _, address, count, _ in line.plc.asked[-6:] if address == 0]
    assert len(set(lengths)) == len(lengths) >= 5
    assert set(lengths) <= set(range(9, 16))


def test_an_answer_nobody_waits_for_voids_what_was_read() -> None:
    line = Line("serial").normal()
    line.run(1)
    sent = len(line.sent)
    line.plc.event(arrv())
    while len(line.sent) < sent + 3:
        line.step(line.now + 100)
    line.say(0.0, rtu(1, reading([1] * 7)))
    line.run(200)
    assert line.driver.counters.noted["an answer nobody waits for"] >= 1
    assert kinds(line.items[1]) == ["Arrived"]


def test_late_answers_on_tcp_are_known_by_their_transaction() -> None:
    line = Line().normal()
    line.fault = lambda request, answers: [(at + 320, data) for at, data in answers]
    line.run(1500)
    line.fault = None
    line.told(arrv(), ms=700)
    assert kinds(line.items[1])[-1] == "Arrived"
    assert line.driver.counters.noted["no answer"] >= 3


def test_tcp_that_is_no_modbus_is_dropped_and_the_session_goes_on() -> None:
    line = Line().normal()
    line.say(0.5, b"GET / HTTP/1.1\r\n\r\n")
    items = line.run(1000)
    assert kinds(items) == ["Garbled"]
    assert kinds(line.told(arrv())) == ["Arrived"]


def test_an_answer_of_another_unit_or_shape_is_not_believed() -> None:
    for wrong in (mbap(0, 9, reading([1] * 9)), mbap(0, 1, reading([1] * 8)), mbap(0, 1, b"\x04\x02\x00\x01")):
        line = Line().normal()
        line.fault = lambda request, answers, wrong=wrong: [(2.0, request[:2] + wrong[2:])]
        line.run(500)
        line.fault = None
        assert kinds(line.run(500)) == []
        assert kinds(line.told(arrv())) == ["Arrived"]


# --- several units on one bus -----------------------------------------------------------------------------------------


def test_ten_lines_on_one_bus_take_turns() -> None:
    port = bus(range(1, 11))
    port.run(3000)
    for unit, plc in port.plcs.items():
        assert kinds(port.items[unit])[-1] == "Synchronised", unit
        plc.event(*[passed(track) for track in range(unit * 100, unit * 100 + 50)])
    for driver in port.drivers:
        driver.send(DEST, port.now, None)
    port._after()
    port.run(5000)
    for unit in port.plcs:
        passes = [item.track for item in port.items[unit] if isinstance(item, Passed)]
        assert passes == list(range(unit * 100, unit * 100 + 50))
        assert len([item for item in port.items[unit] if isinstance(item, Answered)]) == 1
    polled = {unit: len([1 for one in plc.asked if one[1] == 0]) for unit, plc in port.plcs.items()}
    assert max(polled.values()) < 1.3 * min(polled.values())
    frames = [len(data) for _, data in port.sent]
    assert len(frames) > 700
    pauses = [b - a for (a, _), (b, _) in pairwise(port.sent)]
    assert min(pauses) > 1.75 + 16 * port.char_ms


def test_a_command_goes_before_polls() -> None:
    port = bus([1, 2, 3], baud=9600)
    port.run(3000)
    port.drivers[2].send(DEST, port.now, None)
    port._after()
    sent = len(port.sent)
    port.run(400)
    units = [(data[0], data[1]) for _, data in port.sent[sent - 1 :]][:3]
    assert (3, 16) in units[:2]


def gaps(port: Port, unit: int, start: float) -> list[float]:
    polls = [at for at, address, _, _ in port.plcs[unit].asked if address == 0 and at >= start]
    return [b - a for a, b in pairwise(polls)]


@pytest.mark.parametrize("dead", [[2], [2, 3, 4, 5, 6]])
def test_dead_units_do_not_starve_the_others(dead: list[int]) -> None:
    port = bus([1, *dead, 7])
    port.run(4000)
    dead_frames = lambda request, answers: [] if request[0] in dead else answers  # noqa: E731
    port.fault = dead_frames
    port.run(10_000)
    start = port.now
    port.run(10_000)
    for unit in (1, 7):
        assert "SessionLost" not in kinds(port.items[unit])
        between = gaps(port, unit, start)
        assert max(between) < 300 + 60
        assert sorted(between)[len(between) // 2] < 30
    probes = [data[0] for at, data in port.sent if at >= start and data[0] in dead]
    assert 9 <= len(probes) <= 11
    assert set(probes) == set(dead)
    port.fault = None
    port.run(12_000)
    for unit in dead:
        assert kinds(port.items[unit])[-1] == "Synchronised"


def test_one_unit_that_dies_does_not_take_the_others_with_it() -> None:
    port = bus(range(1, 6), baud=19_200)
    port.run(5000)
    start = port.now
    port.fault = lambda request, answers: [] if request[0] == 3 else answers
    port.run(5000)
    for unit in (1, 2, 4, 5):
        assert "SessionLost" not in kinds(port.items[unit])
        assert max(gaps(port, unit, start)) < 2 * (300 + 60) + 5 * 60
    assert "SessionLost" in kinds(port.items[3])


def test_a_babbling_unit_and_a_late_one_disturb_only_for_a_while() -> None:
    port = bus([1, 2])
    port.run(3000)
    for i in range(3000):
        port.say(i * 1.0, b"\x55")
    sent = len(port.sent)
    port.run(3000)
    assert 4 <= len(port.sent) - sent <= 40, "it is tried, for the babble may be no louder than an answer"
    port.run(17_000)
    for unit in (1, 2):
        port.plcs[unit].event(arrv(unit))
    port.run(500)
    assert [kinds(port.items[unit])[-1] for unit in (1, 2)] == ["Arrived", "Arrived"]


def test_whoever_gives_the_turn_an_expired_command_is_not_written() -> None:
    port = bus([1, 2])
    port.run(3000)
    first, second = port.drivers
    while not port._coming:
        port.step(port.now + 100)
    number = second.send(DEST, port.now, port.now + 20)
    at, _, data = port._coming.pop()
    first.feed(data, at)
    first.tick(at + 30)
    assert second.take()[:2] in (b"", b"\x02\x03")
    assert [item.id for item in second.tick(at + 30) if isinstance(item, GivenUp)] == [number]


def test_one_line_of_a_bus_closed_leaves_the_others_their_turns() -> None:
    port = bus([1, 2, 3])
    port.run(3000)
    port.drivers[0].closed(port.now)
    port.drivers.pop(0)
    port.plcs[2].event(arrv())
    port.run(1000, 2)
    assert kinds(port.items[2])[-1] == "Arrived"
    assert "SessionLost" not in kinds(port.items[3])


def test_who_cannot_share_a_port() -> None:
    join([])
    with pytest.raises(ValueError, match="unit 1 stands twice"):
        join([Driver(Settings()), Driver(Settings())])
    with pytest.raises(ValueError, match="one port has one speed"):
        join([Driver(Settings()), Driver(Settings(unit=2, baud=9600))])
    with pytest.raises(ValueError, match="only on a serial line"):
        join([Driver(Settings(transport="tcp")), Driver(Settings(unit=2))])


# --- any bytes --------------------------------------------------------------------------------------------------------

FRAMES = [
    rtu(1, reading([1, 0x1A, 5, 7, 1, 99, 2500, 1, 0])),
    rtu(1, reading([0] * 16)),
    rtu(1, reading([65_535] * 9)),
    rtu(1, b"\x83\x02"),
    rtu(1, b"\x10\x04\x00\x00\x08"),
    mbap(1, 1, reading([1, 0x1A, 5, 7, 1, 99, 2500, 1, 0])),
    mbap(2, 1, reading([0] * 8)),
    mbap(3, 1, b"\x90\x06"),
    mbap(3, 1, b"\x03"),
    b"\x00\x01\x00\x00\x00\x01\x01",
]


@given(
    transport=st.sampled_from(["tcp", "serial"]),
    normal=st.booleans(),
    chunks=st.lists(
        st.tuples(
            st.one_of(st.binary(max_size=300), st.sampled_from(FRAMES)),
            st.sampled_from([0.0, 1.0, 25.0, 310.0, 3200.0]),
        ),
        max_size=12,
    ),
)
@settings(max_examples=60, deadline=None)
def test_no_bytes_raise_log_or_grow(transport: str, normal: bool, chunks: list[tuple[bytes, float]]) -> None:
    heard: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.addFilter(lambda one: heard.append(one) or False)  # type: ignore[func-returns-value]
    logging.getLogger().addHandler(handler)
    try:
        line = Line(transport, poll_ms=100)
        if normal:
            line.normal()
        line.fault = lambda request, answers: []
        for data, pause in chunks:
            line.say(0.0, data)
            line.run(pause)
            assert len(cast(Any, line.driver._channel.bus.wire)._arrived) <= 600
        line.fault = None
        line.plcs[1] = line.plc = Plc(epoch=77)
        line.items[1].clear()
        for _ in range(12):
            if "Synchronised" not in kinds(line.items[1]):
                line.run(1000)
        assert "Synchronised" in kinds(line.items[1]), line.items[1]
        assert all(not isinstance(item, Garbled) or len(item.raw) <= 64 for item in line.items[1])
    finally:
        logging.getLogger().removeHandler(handler)
    assert heard == []


@given(
    registers=st.lists(st.integers(0, 65_535), min_size=9, max_size=9),
    ring=st.lists(st.one_of(st.integers(0, 20), st.integers(0, 65_535)), min_size=512, max_size=512),
)
@settings(max_examples=25, deadline=None)
def test_no_registers_raise_or_loop(registers: list[int], ring: list[int]) -> None:
    line = Line().normal()
    line.plc.runs = False
    line.plc.r.update(dict(enumerate([1, registers[1], *registers[2:]])))
    line.plc.r.update({16 + i: value for i, value in enumerate(ring)})
    line.run(700)
    line.plc.r.update({1: 0x1A, 3: (line.plc.r[1031] + registers[3] % 33) & 0xFFFF, 7: 1})
    line.run(1500)
    assert len(line.sent) < 1000


# --- a foreign peer, and what it costs --------------------------------------------------------------------------------


class Simulated:
    """pymodbus's own server; what its registers do is done by `Plc`."""

    def __init__(self) -> None:
        self.plc = Plc()

    async def action(
        self, function: int, start: int, address: int, count: int, registers: list[int], values: list[Any] | None
    ) -> ExcCodes | None:
        loop = asyncio.get_running_loop()
        if values:
            self.plc.r.update({address + i: int(value) for i, value in enumerate(values)})
        self.plc.scan(loop.time() * 1000)
        for at in range(address, address + count):
            registers[at - start] = self.plc.r.get(at, 0)
        return None


def test_pymodbus_as_a_foreign_plc_on_loopback() -> None:
    async def story() -> list[Item]:
        simulated = Simulated()
        device = SimDevice(1, [SimData(0, count=1296, values=0, datatype=DataType.REGISTERS)], action=simulated.action)
        server = ModbusTcpServer(device, address=("127.0.0.1", 0))
        await server.serve_forever(background=True)
        port = cast(Any, server.transport).sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        loop = asyncio.get_running_loop()
        driver = Driver(Settings(numbers=NUMBERS, transport="tcp"))
        driver.opened(loop.time() * 1000, KEPT)
        items: list[Item] = []
        simulated.plc.event(arrv())
        end = loop.time() + 4.0
        while loop.time() < end and not any(isinstance(item, Answered) for item in items):
            writer.write(driver.take())
            due = driver.next_at()
            wait = 0.05 if due is None else max(0.0, due / 1000 - loop.time())
            try:
                data = await asyncio.wait_for(reader.read(4096), min(wait, 0.05))
                fresh = driver.feed(data, loop.time() * 1000)
            except TimeoutError:
                fresh = driver.tick(loop.time() * 1000)
            items += fresh
            for item in fresh:
                if isinstance(item, Synchronised):
                    driver.send(DEST, loop.time() * 1000, None)
        writer.close()
        await cast(Any, server).shutdown()
        return items

    items = asyncio.run(story())
    assert kinds(items) == ["SessionBegun", "Speed", "Arrived", "Synchronised", "Answered"]
    assert only(items, Answered).refusal is None


def test_the_import_opens_no_server_and_no_client() -> None:
    code = "import sys, devices.plcs.modbus; print([m for m in sys.modules if m.startswith('pymodbus.')])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pymodbus.pdu" in loaded
    for part in ("client", "server", "transport", "serial"):
        assert f"pymodbus.{part}" not in loaded
    assert struct.calcsize(">HHH") == 6


def test_kept_and_lost_are_what_they_say() -> None:
    line = Line(kept=Kept())
    begun = only(line.run(500), SessionBegun)
    assert begun.new_epoch
    assert not [item for item in line.items[1] if isinstance(item, SessionLost)]
