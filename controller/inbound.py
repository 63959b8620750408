"""Messages of the centre -> inputs of the floor.

What does not fit is refused with the field's name; in an array the good elements are taken all the same, because the
message is acknowledged and does not come again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from controller.advice import Advice, CustomsHead, CustomsRecord, items
from controller.advices import Advices
from controller.inputs import Advised, Input, Told

TOPICS = ("advice", "customs", "customs/head")
"""Below `hub/v1/{site}/`."""

M = TypeVar("M", bound=BaseModel)


@dataclass(slots=True)
class Understood:
    """What a message means: inputs in order, advice to be stored (parcel, aliases, JSON), and what was refused."""

    inputs: list[Input] = field(default_factory=list)
    advice: list[tuple[str, tuple[str, ...], bytes]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def read(name: str, payload: bytes, advices: Advices) -> Understood:
    """Understand one message of the topic `name`. Never raises."""
    understood = Understood()
    if not payload:  # somebody cleared a retained message
        return understood
    try:
        found = items(payload)
    except ValueError as error:
        understood.refused.append(f"not JSON: {error}")
        return understood
    if name == "advice":
        taken = tuple(advice for advice in _valid(Advice, found, understood) if advices.take(advice))
        understood.advice = [(each.parcel, each.aliases, each.model_dump_json().encode()) for each in taken]
        understood.inputs.append(Advised(taken))
    elif name == "customs":
        understood.inputs += [Told(record) for record in _valid(CustomsRecord, found, understood)]
    elif name == "customs/head":
        if len(found) != 1:
            understood.refused.append("one beat is one message")
        understood.inputs += [Told(head) for head in _valid(CustomsHead, found[:1], understood)]
    else:
        understood.refused.append("this node does not know the topic")
    return understood


def _valid(model: type[M], found: list[Any], understood: Understood) -> list[M]:
    good = []
    for number, value in enumerate(found, 1):
        try:
            good.append(model.model_validate(value, strict=False))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            which = f"element {number}: " if len(found) > 1 else ""
            understood.refused.append(f"{which}{where or 'message'}: {first['msg']}")
    return good
