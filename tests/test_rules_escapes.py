"""What lies where it may not: who is told of it, and what keeps its container from leaving."""

from __future__ import annotations

import pytest

from controller import ending
from controller.inputs import Ordered
from controller.orders import ContainerClose, RecallClear
from devices import types as said
from tests.floor_fixture import UTC, Bench, advice, ready, ride


def rel(**fields: object) -> Bench:
    """A parcel that has its release, and a bag at the first lane."""
    bench = ready(parcels=(advice(**fields),))  # type: ignore[arg-type]
    bench.plc(said.ContainerSeen("S1-L01", "P", said.Code(b"BAG"), bench.now, bench.now))
    bench.customs("release")
    bench.head()
    return bench


def order(bench: Bench, kind: type[ContainerClose] | type[RecallClear], **fields: str) -> str | None:
    """Why the command was refused, None = done."""
    utc = UTC + bench.now
    times = {"id": f"O{len(bench.events)}", "actor": "ann", "issued": int(utc), "expires": int(utc + 60_000)}
    bench.step(Ordered(kind.model_validate({**times, **fields})))
    return bench.events[-1].data.why  # type: ignore[attr-defined, no-any-return]


def close(bench: Bench) -> str | None:
    return order(bench, ContainerClose, lane="S1-L01")


def clear(bench: Bench) -> str | None:
    return order(bench, RecallClear, travel=bench.terminals()[-1][1].travel or "", place="HOSPITAL")


def test_a_conflict_that_came_too_late_for_the_gate_has_escaped() -> None:
    bench = rel()
    bench.advise(advice("P2"))
    ride(bench)
    bench.answer()
    bench.plc(said.Codes("S1-DEC", 1, "R", (said.Code(b"CP2"),), bench.now))
    bench.answer("LATE")
    bench.divc(1, "S1-L01")
    assert bench.named("parcel/held_escaped")


def test_a_copy_that_was_noticed_too_late_for_the_gate_has_escaped() -> None:
    bench = rel()
    ride(bench)
    bench.answer()
    ride(bench, 2)
    bench.divc(1, "S1-L01")
    assert bench.last("parcel/held_escaped").parcel == "P1"
    assert "customs unknown" in (close(bench) or ""), "nobody knows which of the two it is"


def test_a_lane_that_the_floor_does_not_know_is_not_supervised() -> None:
    bench = ready(parcels=(advice(),))
    ride(bench)
    bench.answer()
    bench.divc(1, "S1-L99", 1, "MI")
    assert bench.last("parcel/held_escaped").lane == "S1-L99"


def test_a_released_parcel_in_a_lane_that_the_floor_does_not_know_can_be_recalled() -> None:
    bench = rel()
    ride(bench)
    bench.answer()
    bench.divc(1, "S1-L99", 1, "MI")
    assert not bench.named("parcel/held_escaped")
    bench.customs("hold", 2)
    assert bench.last("parcel/recall").lane == "S1-L99"


@pytest.mark.parametrize("code", [None, "CP9"])
def test_who_escaped_unidentified_keeps_its_container_until_it_is_found(code: str | None) -> None:
    bench = rel()
    ride(bench, code=code)
    bench.answer()
    bench.divc(1, "S1-L01", 1, "MI")
    assert "customs unknown" in (close(bench) or "")
    assert clear(bench) is None
    assert close(bench) is None


def test_a_release_does_not_free_who_was_doubtful_when_it_fell() -> None:
    bench = rel()
    ride(bench)
    bench.answer()
    bench.stat("LINE", "ESTP")
    bench.answer("LATE")
    bench.divc(1, "S1-L01")
    bench.customs("hold", 2)
    assert len(bench.named("parcel/recall")) == 1
    bench.customs("release", 3)
    assert "customs unknown" in (close(bench) or ""), "it may be another parcel"
    assert clear(bench) is None
    assert close(bench) is None


def test_who_may_leave_needs_no_clearing() -> None:
    bench = rel()
    ride(bench)
    bench.answer()
    bench.divc(1, "S1-L01")
    assert "not recalled" in (clear(bench) or "")
    assert close(bench) is None


def test_of_too_many_drops_the_recalled_ones_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "DROPS_KEPT", 2)
    bench = rel()
    for number in range(1, 5):
        bench.advise(advice(f"P{number}"))
        bench.customs("release", 2, ("parcel", f"P{number}"))
        ride(bench, number, f"CP{number}")
        bench.answer()
        bench.divc(number, "S1-L01")
        if number == 1:
            bench.customs("hold", 3)
    assert [drop.parcel for drop in bench.floor.drops.values()] == ["P1", "P4"]
    assert "P1" in (close(bench) or "")
