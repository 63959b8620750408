"""A bad cable, by chance but always the same: nothing lost, nothing twice, no destination after its time."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from devices.types import Answered, Arrived, Discharged, GivenUp, Passed
from tests.modbus_line import DEST, Line, arrv, passed


class BadCable:
    """Loses, delays, doubles and damages answers; a request that is lost is not seen by the PLC."""

    def __init__(self, line: Line, seed: int) -> None:
        self._line = line
        self._rng = Random(seed)
        self._answer = line.plc.answer
        line.fault = self
        line.plc.answer = self._maybe  # type: ignore[method-assign]

    def _maybe(self, pdu: bytes, now: float) -> bytes:
        return b"" if self._rng.random() < 0.05 else self._answer(pdu, now)

    def __call__(self, request: bytes, answers: list[tuple[float, bytes]]) -> list[tuple[float, bytes]]:
        (later, data), chance = answers[0], self._rng.random()
        if len(data) < 6 + 3 * self._line.tcp:  # the request was lost
            return []
        if chance < 0.06:
            return []
        if chance < 0.10:
            return [(later + self._rng.choice([50.0, 290.0, 330.0, 500.0]), data)]
        if chance < 0.13 and not self._line.tcp:
            at = self._rng.randrange(len(data))
            return [(later, data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])]
        if chance < 0.15:
            return [(later, data), (later + 1.0, data)]
        return [(later, data)]

    def repair(self) -> None:
        self._line.fault = None
        self._line.plc.answer = self._answer  # type: ignore[method-assign]


@pytest.mark.parametrize("transport", ["tcp", "serial"])
def test_a_bad_cable(transport: str, full: bool) -> None:
    for seed in range(20 if full else 3):
        _over_a_bad_cable(transport, seed)


def _over_a_bad_cable(transport: str, seed: int) -> None:
    line, rng = Line(transport).normal(), Random(seed)
    cable, expires, taken = BadCable(line, seed), {}, 1
    edges: dict[int, float] = {}
    ids: list[int] = []
    late: list[int] = []
    for number in range(1, 121):
        edges[number] = line.now
        line.plc.event(
            arrv(number, line.plc.clock(line.now)) if number % 2 else passed(number, line.plc.clock(line.now))
        )
        track = 1000 + number
        expires[track] = line.now + rng.choice([30.0, 120.0, 400.0, 2000.0])
        ids.append(line.driver.send(replace(DEST, track=track), line.now, expires[track]))
        line._after()
        for _ in range(20):
            line.run(rng.choice([1.0, 3.0, 6.0]))
            for values in line.plc.commands[taken:]:
                if values[0] == 6 and line.now > expires[values[2]] + 20.0:
                    late.append(values[2])
            taken = len(line.plc.commands)
    cable.repair()
    line.run(15_000)
    seen = [item.track for item in line.items[1] if isinstance(item, Arrived | Passed | Discharged)]
    assert seen == list(range(1, 121)), "each event once and in order"
    for item in line.items[1]:
        if isinstance(item, Arrived | Passed) and item.edge is not None:
            assert item.edge <= edges[item.track] + 301, (
                "an edge is newer by no more than an answer in time may be late"
            )
    ended = [item.id for item in line.items[1] if isinstance(item, Answered | GivenUp)]
    assert sorted(ended) == ids, "each command ends once"
    destinations = [values[2] for values in line.plc.commands if values[0] == 6]
    assert len(set(destinations)) == len(destinations), "no command is taken twice"
    assert late == [], "none is taken after its time, beyond the time on the wire"
    assert len(destinations) > 30
