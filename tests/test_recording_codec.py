"""Every input, item and effect there is goes into a recording, and every input comes back as it was."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Iterator
from enum import Enum
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from controller.advice import Advice, CustomsRecord, Departure
from controller.effects import Effect, Emit, Keep
from controller.events import EVENTS, Alarm, Data
from controller.inputs import Clock, Heard, Input, Loaded, Ordered
from controller.orders import VERBS, Order
from controller.plan import Plan, plan_of_text
from controller.recording_codec import Json, classes, decode_input, encode
from devices.types import Command, Item, NoRead, Read
from tests.floor_fixture import PLAN, small_floor

CONFIG, DAY = small_floor()
MOMENT = "2026-11-23T18:30:00+01:00"
FILLED: dict[type[Any], dict[str, Any]] = {
    Advice: {"country": "BE", "promise_by": MOMENT, "accepted": MOMENT},
    CustomsRecord: {"scheme": "local"},
    Departure: {"cut_off": MOMENT, "arrives": MOMENT},
}
"""What the sample of a type alone would not pass."""


def plan_of(text: str) -> Plan:
    return plan_of_text(text, "plan", CONFIG)


def through_json(value: Json) -> Json:
    return json.loads(json.dumps(value))


def samples(annotation: Any) -> Iterator[Any]:
    """A value of each kind that a type can hold, the odd ones where there is a choice."""
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation is Loaded:
        yield Loaded(DAY, PLAN)
    elif annotation in (NoneType, bool, int, float, str, bytes):
        yield {NoneType: None, bool: True, int: 7, float: 0.1 + 0.2, str: 'ä"\x1d\n', bytes: b"\x00\xff"}[annotation]
    elif origin is Literal:
        yield from args
    elif origin is tuple:
        yield from ((one,) for one in samples(args[0])) if args[-1] is ... else (tuple(next(samples(a)) for a in args),)
    elif origin is dict:
        yield {next(samples(args[0])): next(samples(args[1]))}
    elif args:
        for member in args:
            yield from samples(member)
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        yield from annotation
    elif isinstance(annotation, type) and (dataclasses.is_dataclass(annotation) or issubclass(annotation, BaseModel)):
        yield from samples_of(annotation)
    else:
        raise AssertionError(f"no sample of {annotation}")


def samples_of(kind: type[Any]) -> Iterator[Any]:
    """One value for each choice in each field, the other fields as the first choice has them."""
    hints = {name: hint for name, hint in get_type_hints(kind).items() if get_origin(hint) is not typing.ClassVar}
    hints.pop("model_config", None)
    choices = {name: [*samples(hint)] for name, hint in hints.items() if not name.startswith("_")}
    first = {name: found[0] for name, found in choices.items()} | FILLED.get(kind, {})
    yield kind(**first)
    for name, found in choices.items():
        for other in found[1:]:
            yield kind(**{**first, name: other})


INPUTS, ITEMS = get_args(Input), get_args(Item)
ORDERS = Order.__subclasses__()


@pytest.mark.parametrize("kind", INPUTS, ids=lambda kind: kind.__name__)
def test_every_input_comes_back_as_it_was(kind: type[Any]) -> None:
    found = [*samples(kind)]
    assert found
    for value in found:
        assert decode_input(through_json(encode(value)), plan_of) == value


@pytest.mark.parametrize("kind", ITEMS, ids=lambda kind: kind.__name__)
def test_every_item_of_a_device_comes_back_with_its_class(kind: type[Any]) -> None:
    for value in samples(kind):
        back = decode_input(through_json(encode(Heard("d-1", value))), plan_of)
        assert isinstance(back, Heard)
        assert type(back.item) is kind
        assert back.item == value


@pytest.mark.parametrize("kind", ORDERS, ids=lambda kind: kind.__name__)
def test_every_command_of_the_centre_comes_back_with_its_class(kind: type[Any]) -> None:
    for value in samples(kind):
        back = decode_input(through_json(encode(Ordered(value))), plan_of)
        assert isinstance(back, Ordered)
        assert type(back.order) is kind
        assert back.order == value


@pytest.mark.parametrize("kind", [*get_args(Effect), *get_args(Command)], ids=lambda kind: kind.__name__)
def test_every_effect_and_command_has_a_form(kind: type[Any]) -> None:
    found = [Keep("lane", "L", None), Keep("lane", "L", object())] if kind is Keep else [*samples_but_data(kind)]
    forms = [json.dumps(encode(value)) for value in found]
    assert len(set(forms)) == len(found)


def samples_but_data(kind: type[Any]) -> Iterator[Any]:
    if kind is not Emit:
        yield from samples(kind)
        return
    for model in set(EVENTS.values()):
        yield from (Emit(1, "a/b", "a/b", 0.5, data) for data in samples_of(model))


def test_no_two_classes_that_are_read_back_have_one_name() -> None:
    assert len(ORDERS) == len(VERBS)
    names = [kind.__name__ for kind in classes(Input)]
    assert sorted(names) == sorted(set(names))
    assert {"Heard", "Arrived", "Code", "TrackOnBelt", "Advice", "Hold", "PlanSwitch", "Departure"} <= set(names)
    assert {kind.__name__ for kind in get_args(Item)} <= set(names)


@given(st.floats(allow_nan=False))
def test_every_number_keeps_its_digits(number: float) -> None:
    back = decode_input(through_json(encode(Clock(number))), plan_of)
    assert repr(back) == repr(Clock(number))


@given(st.binary(max_size=60), st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_bytes_and_text_of_a_scanner_come_back(raw: bytes, text: str) -> None:
    for item in (Read(text, raw, 1.5), NoRead(raw, 1.5, index=0)):
        assert decode_input(through_json(encode(Heard("d-1", item))), plan_of) == Heard("d-1", item)


def test_a_mapping_cannot_be_taken_for_something_else() -> None:
    assert encode(({"$": "Tick", "$hex": "00"},)) == [{"$map": [["$", "Tick"], ["$hex", "00"]]}]


def test_what_is_none_by_default_is_left_out() -> None:
    assert encode(Emit(1, "alarm/raised", "alarm/x", 2.0, Alarm(alarm="x", what="y"))) == {
        "$": "Emit", "seq": 1, "name": "alarm/raised", "subject": "alarm/x", "at": 2.0,
        "data": {"$": "Alarm", "alarm": "x", "what": "y", "priority": "medium"},
    }  # fmt: skip


@pytest.mark.parametrize("value", [{1, 2}, object(), 1j, Data])
def test_what_has_no_form_is_an_error_and_not_a_guess(value: object) -> None:
    with pytest.raises((TypeError, AttributeError)):
        encode((value,))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "a NoneType is no input"),
        ([], "a tuple is no input"),
        ({"$": "Read", "text": "A", "raw": {"$hex": ""}, "at": 1}, "a Read is no input"),
        ({"$": "Nobody"}, "no input has a part that is called 'Nobody'"),
        ({"$": ["Tick"]}, r"no input has a part that is called \['Tick'\]"),
        ({"$": "Heard", "device": "d"}, "Heard.item: "),
        ({"$": "Clock", "utc_ms": "soon"}, "Clock.utc_ms: Input should be a valid number"),
        ({"$": "Heard", "device": {"$hex": "zz"}}, "non-hexadecimal"),
        ({"$": "Heard", "device": {"$hex": 5}}, "5 is no text"),
        ({"$map": [1]}, "cannot convert dictionary update"),
        ({"$": "Loaded"}, "None is no text"),
    ],
)
def test_what_was_never_written_is_refused_in_words(value: Json, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        decode_input(value, plan_of)
