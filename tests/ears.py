"""Every kind of machine there is, found by walking the families, and something that hears it.

A new driver is judged by existing: what tests/wire/<kind>.txt records is its food.
"""

from __future__ import annotations

import dataclasses
import gc
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from controller.commands._texts import settings as settings_of
from devices.driver import kinds, load
from devices.types import Garbled, Item, Kept
from tests import transcripts
from tests.transcripts import WIRE, Recorded

ALL_KINDS = {kind: family for kind, family in kinds().items() if family in ("scanners", "scales", "plcs")}
KINDS = {kind: family for kind, family in ALL_KINDS.items() if not hasattr(load(kind).Driver, "subscriptions")}
"""Those that speak in bytes; a broker carries whole messages, so nothing can be cut there."""
READERS = [kind for kind, family in ALL_KINDS.items() if family != "plcs"]
RECORDED = [(kind, message) for kind in KINDS if (WIRE / f"{kind}.txt").exists() for message in transcripts.read(kind)]

SILENCE = 3000.0
"""Longer than any gap inside a message, shorter than a heartbeat takes to be missed."""


@cache
def _chosen(kind: str, texts: tuple[str, ...]) -> tuple[Any, Any]:
    module = load(kind)
    return module, settings_of(module.Settings, texts)


class Ear:
    """Something that hears a kind: its Sniffer, else its Driver.

    A kind with a Sniffer is heard through it, because its driver says nothing without a session.
    """

    def __init__(self, kind: str, texts: tuple[str, ...]) -> None:
        module, chosen = _chosen(kind, texts)
        self.driver: Any = None
        if hasattr(module, "Sniffer"):
            sniffer = module.Sniffer(chosen)
            self.ear: object = sniffer
            self.feed: Callable[[Any, float], Sequence[Item]] = sniffer.feed
            self.close: Callable[[float], Sequence[Item]] = sniffer.close
        else:
            self.ear = self.driver = module.Driver(chosen)
            self.driver.opened(0.0, Kept())
            self.feed, self.close = self.driver.feed, self.driver.closed

    def bytewise(self, data: bytes) -> list[Item]:
        return [item for byte in data for item in self.feed(bytes([byte]), 1.0)]

    def take(self) -> Any:
        """What it would write; nothing where there is no driver."""
        return self.driver.take() if self.driver is not None else b""

    def quiet(self, now: float) -> list[Item]:
        """What SILENCE ms without a byte do, tick by tick."""
        items: list[Item] = []
        for _ in range(50):
            due = self.driver.next_at() if self.driver is not None else None
            if due is None or due > now + SILENCE:
                return items
            items += self.driver.tick(max(due, now))
        raise AssertionError("it wants to be woken for ever")


def settings_groups(kind: str) -> list[tuple[str, ...]]:
    """The settings under which the transcript of a kind speaks, each once, the first ones first."""
    return list(dict.fromkeys(message.settings for known, message in RECORDED if known == kind)) or [()]


def messages_of(kind: str, texts: tuple[str, ...]) -> list[Recorded]:
    return [message for known, message in RECORDED if known == kind and message.settings == texts]


def conversation_settings(kind: str) -> list[tuple[str, ...]]:
    """The settings under which a kind on a broker speaks in its transcript: those that it states, and its `base`."""
    lines = (WIRE / f"{kind}.txt").read_text().splitlines()
    stated = list(dict.fromkeys(tuple(line[6:].split()) for line in lines if line.startswith("# set:"))) or [()]
    base = f"base={transcripts.conversation(kind)[0].topic.rpartition('/')[0]}"
    wants = any(
        one.name == "base" and one.default is dataclasses.MISSING for one in dataclasses.fields(load(kind).Settings)
    )
    return [texts if not wants or any(one.startswith("base=") for one in texts) else (base, *texts) for texts in stated]


def sound(items: Iterable[Item]) -> list[Item]:
    """All but the Garbled."""
    return [item for item in items if not isinstance(item, Garbled)]


def held(thing: object) -> int:
    """Bytes of memory that belong to an object: itself and what it refers to, without code, modules and classes."""
    seen, waiting, total = {id(thing)}, [thing], 0
    while waiting:
        one = waiting.pop()
        total += sys.getsizeof(one)
        for other in gc.get_referents(one):
            if id(other) not in seen and not isinstance(other, _SHARED):
                seen.add(id(other))
                waiting.append(other)
    return total


_SHARED = (type, ModuleType, FunctionType, BuiltinFunctionType)
