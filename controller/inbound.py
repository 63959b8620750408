"""Messages of the centre -> inputs of the floor.

What does not fit is refused with the field's name; in an array the good elements are taken all the same, because the
message is acknowledged and does not come again.

A retained message comes again with every connection, however old it is. So what is not protected by a version, a time
or an id is refused when it came so: commands, plans, and customs records (one that is no longer in force would count
for a node that never heard its successor).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from controller import acks
from controller.acks import Ack, NodeState
from controller.advice import (
    Advice,
    AskAnswer,
    ContainerRecord,
    CustomsHead,
    CustomsRecord,
    Departure,
    items,
)
from controller.advices import Advices
from controller.closure import Layout
from controller.inputs import Advised, Input, Loaded, Ordered, Planned, Replied, Stood, Told
from controller.orders import VERBS, Subject
from controller.plan import plan_of_text
from controller.sheet import ConfigErrors

TOPICS = ("advice", "customs", "customs/head", "departure", "container", "plan", "answer")
"""Below `hub/v1/{site}/`."""

COMMAND = "command/"
"""Below `hub/v1/{site}/{node}/`, with the verb behind it."""

NOT_RETAINED = ("customs", "plan")

ATTESTED = frozenset(("hold", "release", "recall_clear", "container_close", "identify"))
"""Commands whose messages are kept as evidence, as those on `customs` are."""

PROBLEMS_SAID, PROBLEM_LENGTH = 50, 300
"""Of a message that is wrong in more places, so many are told."""

SUBJECTS = get_args(Subject)

M = TypeVar("M", bound=BaseModel)


@dataclass(slots=True)
class Understood:
    """What a message means: inputs in order, advice to be stored (parcel, aliases, JSON), and what was refused.

    `reply`: (verb, id) of a command that is refused here and can be answered. `evidence`: the message itself is to be
    kept, about these subjects (`kind/id`); None = it is not. `acks` and `state` are not for the floor: how far
    consumers have heard this node, and its own state as the broker has it.
    """

    inputs: list[Input] = field(default_factory=list)
    advice: list[tuple[str, tuple[str, ...], bytes]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    reply: tuple[str, str] | None = None
    evidence: tuple[str, ...] | None = None
    acks: list[Ack] = field(default_factory=list)
    state: NodeState | None = None


def name_of(topic: str, site: str, node: str) -> str:
    """What `read` is told of a whole topic; "" for one that is not addressed to this node."""
    own = topic.removeprefix(f"hub/v1/{site}/{node}/")
    if own.startswith(COMMAND) or own in acks.TOPICS:
        return own
    name = topic.removeprefix(f"hub/v1/{site}/")
    return name if name in TOPICS else ""


def read(name: str, payload: bytes, advices: Advices, layout: Layout, *, retained: bool = False) -> Understood:
    """Understand one message of the topic `name`: one of `TOPICS`, of those of acks.py, `command/{verb}`. Never raises.

    `layout`: the floor for which a plan must be valid.
    """
    understood = Understood()
    if not payload:  # somebody cleared a retained message
        return understood
    if name.startswith(COMMAND):
        _command(name.removeprefix(COMMAND), payload, retained, understood)
    elif name not in TOPICS and name not in acks.TOPICS:
        understood.refused.append("this node does not know the topic")
    elif retained and name in NOT_RETAINED:
        understood.refused.append("it came retained, and may be old: publish it without retain")
        if name == "customs":
            understood.evidence = _named(_items(payload, understood) or [])
    elif name == "plan":
        _plan(payload, layout, understood)
    else:
        found = _items(payload, understood)
        if found is not None:
            _READERS[name](found, understood, advices)
        elif name == "customs":
            understood.evidence = ()
    return understood


def _items(payload: bytes, understood: Understood) -> list[Any] | None:
    try:
        return items(payload)
    except ValueError as error:
        understood.refused.append(str(error))
        return None


def _advice(found: list[Any], understood: Understood, advices: Advices) -> None:
    _store(_valid(Advice, found, understood), understood, advices)


def _answer(found: list[Any], understood: Understood, advices: Advices) -> None:
    answers = _valid(AskAnswer, found, understood)
    _store((answer.advice for answer in answers if answer.advice is not None), understood, advices)
    understood.inputs += [Replied(answer.code, answer.advice is not None) for answer in answers]


def _store(news: Iterable[Advice], understood: Understood, advices: Advices) -> None:
    taken = tuple(advice for advice in news if advices.take(advice))
    understood.advice = [(each.parcel, each.keys[1:], each.body) for each in taken]
    understood.inputs.append(Advised(taken))


def _customs(found: list[Any], understood: Understood, advices: Advices) -> None:
    records = []
    for record in _valid(CustomsRecord, found, understood):
        if record.scheme == "local":
            understood.refused.append("scheme: hold and release of scheme local come as commands")
        else:
            records.append(record)
    understood.inputs += [Told(record) for record in records]
    understood.evidence = _named(found)


def _named(found: list[Any]) -> tuple[str, ...]:
    """The subjects of customs records, of refused ones as far as they can be made out."""
    pairs = ((one.get("subject_kind"), one.get("subject_id")) for one in found if isinstance(one, dict))
    named = (
        f"{kind}/{name}" for kind, name in pairs if kind in SUBJECTS and isinstance(name, str) and 0 < len(name) <= 64
    )
    return tuple(dict.fromkeys(named))


def _head(found: list[Any], understood: Understood, advices: Advices) -> None:
    if len(found) != 1:
        understood.refused.append("one beat is one message")
    understood.inputs += [Told(head) for head in _valid(CustomsHead, found[:1], understood)]


def _departure(found: list[Any], understood: Understood, advices: Advices) -> None:
    departures = tuple(_valid(Departure, found, understood))
    if departures:
        understood.inputs.append(Planned(departures))


def _container(found: list[Any], understood: Understood, advices: Advices) -> None:
    containers = tuple(_valid(ContainerRecord, found, understood))
    if containers:
        understood.inputs.append(Stood(containers))


def _ack(found: list[Any], understood: Understood, advices: Advices) -> None:
    understood.acks = _valid(Ack, found, understood)


def _own_state(found: list[Any], understood: Understood, advices: Advices) -> None:
    """Whoever writes there is not complained about: what cannot be read proves nothing."""
    try:
        understood.state = NodeState.model_validate(found[0]) if found else None
    except ValidationError:
        pass


_READERS: dict[str, Callable[[list[Any], Understood, Advices], None]] = {
    "advice": _advice,
    "customs": _customs,
    "customs/head": _head,
    "departure": _departure,
    "container": _container,
    "answer": _answer,
    "ack": _ack,
    "state/node": _own_state,
}


def _plan(payload: bytes, layout: Layout, understood: Understood) -> None:
    """The payload is the plan's text, TOML in UTF-8."""
    try:
        text = payload.decode()
        plan = plan_of_text(text, "plan", layout)
    except UnicodeDecodeError:
        understood.refused.append("not UTF-8")
    except ConfigErrors as errors:
        said = [str(problem)[:PROBLEM_LENGTH] for problem in errors.problems[:PROBLEMS_SAID]]
        more = len(errors.problems) - len(said)
        understood.refused.append(" | ".join(said) + (f" | and {more} more" if more else ""))
    else:
        understood.inputs.append(Loaded(plan, text))


def _command(verb: str, payload: bytes, retained: bool, understood: Understood) -> None:
    attested = verb in ATTESTED
    understood.evidence = () if attested else None
    found = _items(payload, understood)
    if found is None:
        return
    value = found[0] if len(found) == 1 else None
    if not isinstance(value, dict):
        understood.refused.append("one command is one JSON object")
        return
    if verb in VERBS:
        order = _first(VERBS[verb].validate_python, value, understood)
        if order is not None:
            understood.inputs.append(Ordered(order, retained))
            understood.evidence = order.about if attested else None
            return
    else:
        understood.refused.append(f"there is no command {verb[:64]!r}; commands are: {', '.join(VERBS)}")
    name = value.get("id")
    if isinstance(name, str) and 0 < len(name) <= 256 and re.fullmatch("[a-z_]{1,32}", verb):
        understood.reply = verb, name


def _valid(model: type[M], found: list[Any], understood: Understood) -> list[M]:
    several = len(found) > 1
    made = (_first(model.model_validate, value, understood, number * several) for number, value in enumerate(found, 1))
    good = [value for value in made if value is not None]
    more = len(understood.refused) - PROBLEMS_SAID
    if more > 0:
        understood.refused[PROBLEMS_SAID:] = [f"and {more} more"]
    return good


R = TypeVar("R")


def _first(make: Callable[[Any], R], value: Any, understood: Understood, number: int = 0) -> R | None:
    """`make(value)`; else None, and its first problem is noted with the field's name, and which of several it is."""
    try:
        return make(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        which = f"element {number}: " if number else ""
        understood.refused.append(f"{which}{where or 'message'}: {first['msg']}")
        return None
