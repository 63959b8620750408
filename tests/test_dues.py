"""Which of many is due first, against searching all of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.dues import Dues

NAMES = st.sampled_from("abcde")
CHANGES = st.lists(st.tuples(NAMES, st.none() | st.integers(0, 20).map(float)), max_size=60)


@given(CHANGES, st.sets(NAMES), st.floats(0, 20))
def test_the_first_is_the_least_of_all_that_are_set(
    changes: list[tuple[str, float | None]], forgotten: set[str], now: float
) -> None:
    dues: Dues[str] = Dues()
    model: dict[str, float | None] = {}
    for name, due in changes:
        dues.set(name, due)
        model[name] = due
        assert dues.first() == min((due for due in model.values() if due is not None), default=None)
    for name in forgotten:
        dues.forget(name)
        model.pop(name, None)
    assert dues.first() == min((due for due in model.values() if due is not None), default=None)
    assert dues.due(now) == [name for name, due in model.items() if due is not None and due <= now]
    assert [name in dues for name in "abcde"] == [name in model for name in "abcde"]


def test_what_moves_on_with_each_message_is_not_piled_up() -> None:
    dues: Dues[int] = Dues()
    for moment in range(10_000):
        dues.set(moment % 8, float(moment + 1000))
        dues.first()
    assert len(dues._heap) <= 16
