"""Only additions are made within version 1 of the events: who was written for an older hubfloor goes on reading."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from controller.envelope import schema
from tests.contract.__main__ import PROMISED

Json = Any
WORDS = ("description", "title")


def promised() -> Json:
    return json.loads(PROMISED.read_text())


def broken(before: Json, after: Json, at: str = "") -> Iterator[str]:
    """What a reader of `before` could stumble over in `after`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before:
            if key in WORDS:
                continue
            if key not in after:
                yield f"{at}/{key} is gone"
            elif key in ("required", "enum", "oneOf"):
                have = [json.dumps(_bare(one), sort_keys=True) for one in after[key]]
                yield from (
                    f"{at}/{key}: no {one}" for one in before[key] if json.dumps(_bare(one), sort_keys=True) not in have
                )
            else:
                yield from broken(before[key], after[key], f"{at}/{key}")
    elif before != after:
        yield f"{at}: {before!r} became {after!r}"


def _bare(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _bare(member) for key, member in value.items() if key not in WORDS}
    return value


def test_nothing_that_was_promised_is_gone() -> None:
    assert list(broken(promised(), schema())) == []


def test_what_was_added_is_promised_from_now_on() -> None:
    assert list(broken(schema(), promised())) == [], "write it down: python -m tests.contract"


def _drop(found: Json) -> None:
    del found["$defs"]["Ended"]["properties"]["lane"]


def _turn(found: Json) -> None:
    found["$defs"]["Ended"]["properties"]["lap"]["type"] = "string"


def _loosen(found: Json) -> None:
    found["$defs"]["Ended"]["required"].remove("track")


def _forget(found: Json) -> None:
    found["oneOf"] = found["oneOf"][1:]


def _narrow(found: Json) -> None:
    found["$defs"]["Alarm"]["properties"]["priority"]["enum"].remove("high")


@pytest.mark.parametrize("change", [_drop, _turn, _loosen, _forget, _narrow])
def test_each_kind_of_break_is_seen(change: Callable[[Json], None]) -> None:
    changed = copy.deepcopy(schema())
    change(changed)
    assert len(list(broken(promised(), changed))) == 1


def test_an_addition_is_none() -> None:
    changed = copy.deepcopy(schema())
    changed["$defs"]["Ended"]["properties"]["colour"] = {"type": "string"}
    changed["$defs"]["Alarm"]["properties"]["priority"]["enum"].append("deafening")
    changed["$defs"]["Ended"]["description"] = "Other words."
    assert list(broken(promised(), changed)) == []
