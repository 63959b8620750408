"""P17 and recalls in every order of four steps; `python -m tests.customs_orders 7` judges all orders of seven."""

from __future__ import annotations

from tests.customs_orders import Case, failure, orders


def test_every_order_of_four_steps() -> None:
    wrong = [found for order in orders(4) if (found := failure(order))]
    assert wrong == []


def test_a_released_parcel_is_sorted_and_recalled_when_a_hold_follows() -> None:
    case = Case()
    for step in ("advice", "read", "release", "decision", "drop", "hold"):
        assert case.do(step) is None
    assert case.model.dropped_in == "S1-L01"
    assert [data.lane for data in case.bench.named("parcel/recall")] == ["S1-L01"]
