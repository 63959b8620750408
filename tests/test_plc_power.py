"""A full belt when the power goes or the disk stalls: every item ends once, and arrivals are answered in time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.plc_answers import Answers
from tests.plc_power import CASES, FLOOR, ITEMS, LINE, SLOW_DISK, run
from tests.sim.broken import Broken
from tests.sim.hub import START_MS, Hub, settle

PLCS = ("telegram", "mqtt_json", "modbus-tcp", "modbus-rtu")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("plc", PLCS)
def test_every_item_ends_once(plc: str, case: str, full: bool) -> None:
    for seed in (1, 2, 3) if full else (1,):
        found = run(plc, case, seed)
        assert not found.broken
        assert found.on_belt >= ITEMS
        assert sum(found.ends.values()) >= found.items > ITEMS
        assert (found.answered > ITEMS) == (case == SLOW_DISK)


def test_a_floor_that_waits_for_its_disk_answers_late() -> None:
    found = run("telegram", SLOW_DISK, 1, replace(FLOOR, durable_first=True))
    assert found.broken.startswith("P5: track")


# What the judge says when something is wrong


@pytest.fixture
def judged(tmp_path: Path) -> tuple[Hub, Answers]:
    hub = Hub(tmp_path, FLOOR, 1)
    answers = Answers(hub, LINE)
    hub.run(START_MS + 3000)
    hub.induct()
    hub.run(START_MS + 12_000)
    hub.inducting = False
    settle(hub, 60_000)
    answers.check_items()
    answers.check_decisions()
    return hub, answers


def tell(hub: Hub, **entry: Any) -> None:
    for listener in hub.watch.listeners:
        listener({"line": LINE, "t": hub.clock.now, **entry})


def test_an_item_without_an_end_is_seen(judged: tuple[Hub, Answers]) -> None:
    tell(judged[0], what="inducted", parcel="P-X", epoch=1, track=999)
    with pytest.raises(Broken, match="conservation: P-X"):
        judged[1].check_items()


@pytest.mark.parametrize(("epoch", "lanes"), [(1, ["S1-BOND"]), (2, None)])
def test_a_destination_of_another_parcel_is_seen(
    judged: tuple[Hub, Answers], epoch: int, lanes: list[str] | None
) -> None:
    hub, answers = judged
    first = next(body.dest for body in hub.watch.bodies.values() if body.dest)
    told = {**first, "epoch": epoch, "t": hub.clock.now}
    told["lanes"] = lanes or told["lanes"]
    tell(hub, **told)
    with pytest.raises(Broken, match=f"P6: track {first['track']} of epoch {epoch}"):
        answers.check_decisions()


def test_an_arrival_without_an_answer_is_seen(judged: tuple[Hub, Answers]) -> None:
    hub, answers = judged
    count, slowest = answers.check_answered(START_MS, hub.clock.now, 3000.0)
    assert count > 20
    assert slowest < 100
    tell(hub, what="arrived", epoch=1, track=999)
    with pytest.raises(Broken, match="P5: track 999"):
        answers.check_answered(START_MS, hub.clock.now, 3000.0)
