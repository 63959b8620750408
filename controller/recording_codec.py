"""Inputs and effects of the floor <-> JSON, exactly.

A dataclass or model is an object with the name of its class under `$`; a field that is None by default and None is left
out. Bytes are `{"$hex": …}`, mappings `{"$map": [[key, value], …]}`, tuples are lists. Numbers keep every digit.

Two values are not written as they are: a plan is its text, and the live object of a Keep is left to the end of the
lines that are made at once (recording.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import cache
from types import MappingProxyType
from typing import Any, TypeAlias, cast, get_args, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError

from controller.effects import Keep
from controller.inputs import Input, Loaded
from controller.plan import Plan

Json: TypeAlias = Any
"""None, bool, int, float, str, or lists and objects of them."""

PLAIN = frozenset({str, int, float, bool})

PlanOf: TypeAlias = Callable[[str], Plan]
"""The plan of a text; raises ValueError."""


def encode(value: object) -> Json:
    """A value as JSON. Raises TypeError for what has no form here: every class of an input or effect has one."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, (tuple, list)):
        return [encode(member) for member in value]
    if isinstance(value, bytes):
        return {"$hex": value.hex()}
    if isinstance(value, (dict, MappingProxyType)):
        return {"$map": [[encode(key), encode(member)] for key, member in value.items()]}
    if isinstance(value, Loaded):
        return {"$": "Loaded", "text": value.text}
    if isinstance(value, Keep):
        return {"$": "Keep", "kind": value.kind, "key": value.key, "gone": value.value is None}
    kind: Any = type(value)
    out: dict[str, Json] = {"$": kind.__name__}
    for name, unsaid in _fields(kind):
        member = getattr(value, name)
        if member is not None or not unsaid:
            out[name] = member if type(member) in PLAIN else encode(member)
    return out


def decode(value: Json, plan_of: PlanOf) -> Any:
    """The input that `encode` wrote. Raises ValueError in plain words for what it cannot have written."""
    if isinstance(value, list):
        return tuple(decode(member, plan_of) for member in value)
    if not isinstance(value, dict):
        return value
    if "$hex" in value:
        return bytes.fromhex(_text(value["$hex"]))
    if "$map" in value:
        return dict(decode(value["$map"], plan_of))
    name = value.get("$")
    if name == "Loaded":
        text = _text(value.get("text"))
        return Loaded(plan_of(text), text)
    adapter = _adapters().get(name) if isinstance(name, str) else None
    if adapter is None:
        raise ValueError(f"no input has a part that is called {name!r:.80}")
    fields = {key: decode(member, plan_of) for key, member in value.items() if key != "$"}
    try:
        return adapter.validate_python(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{name}.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def decode_input(value: Json, plan_of: PlanOf) -> Input:
    """An Input and nothing else. Raises ValueError."""
    try:
        found = decode(value, plan_of)
    except TypeError as error:
        raise ValueError(str(error)) from None
    if not isinstance(found, get_args(Input)):
        raise ValueError(f"a {type(found).__name__} is no input")
    return cast(Input, found)


def classes(annotation: Any) -> Iterator[type[Any]]:
    """Every dataclass and model that a value of this type can hold, each once, subclasses of models included."""
    seen: set[object] = set()
    todo = [annotation]
    while todo:
        one = todo.pop()
        if get_args(one):
            todo += get_args(one)
        elif (
            isinstance(one, type) and one not in seen and (dataclasses.is_dataclass(one) or issubclass(one, BaseModel))
        ):
            seen.add(one)
            yield one
            if one is not Loaded:
                todo += get_type_hints(one).values()
            if issubclass(one, BaseModel):
                todo += one.__subclasses__()


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    """Name of a class -> what makes its values."""
    return {kind.__name__: TypeAdapter(kind) for kind in classes(Input) if kind is not Loaded}


@cache
def _fields(kind: type[Any]) -> tuple[tuple[str, bool], ...]:
    """(name, whether None is its default) of every field."""
    if issubclass(kind, BaseModel):
        return tuple((name, info.default is None) for name, info in kind.model_fields.items())
    return tuple((field.name, field.default is None) for field in dataclasses.fields(kind))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.80} is no text")
    return value
