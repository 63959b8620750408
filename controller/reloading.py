"""What a changed floor file changes: told before it is done, and what cannot be done without a new start. Pure.

A reload makes the floor anew out of the journal, as a start does: the same path, walked without leaving the process. So
whatever may be changed by a restart may be changed by a reload, except what the journal and the outside know the
node by.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import PurePath

from pydantic import BaseModel

from controller.config import Config
from controller.plan import Plan
from controller.toml_lines import KeyPath
from controller.wording import dotted

NEEDS_START = frozenset(("site", "node", "mode", "state_dir"))
"""Keys of the floor file that only a new start changes: they name the node and its journal."""

LONGEST = 60
SHOWN = 200
"""Changes that are told one by one."""


@dataclass(frozen=True, slots=True)
class Change:
    """One key that is not what it was. `before` and `after` are texts, "" where it is absent."""

    path: KeyPath
    before: str
    after: str

    def __str__(self) -> str:
        name = dotted(self.path)
        if not self.before or not self.after:
            return f"+ {name} = {self.after}" if self.after else f"- {name}"
        return f"~ {name}: {self.before} -> {self.after}"


def difference(
    before: Config, after: Config, plans_before: Mapping[str, Plan], plans_after: Mapping[str, Plan]
) -> list[Change]:
    """Every key that differs, in the order of the file. A section that comes or goes is one change."""
    return [*_differs((), before, after), *_plans(plans_before, plans_after)]


def refused(changes: Iterable[Change]) -> list[str]:
    """Why these changes cannot be made by a reload; none = they can."""
    names = sorted({str(change.path[0]) for change in changes} & NEEDS_START)
    return [f"{name}: a reload cannot change it; stop floord and start it again" for name in names]


def told(changes: list[Change]) -> list[str]:
    """The changes in rows, not too many."""
    rows = [str(change) for change in changes[:SHOWN]]
    return rows if len(changes) <= SHOWN else [*rows, f"and {len(changes) - SHOWN} more"]


def _differs(path: KeyPath, before: object, after: object) -> Iterator[Change]:
    old, new = _members(before), _members(after)
    if before == after:
        return
    if old is None or new is None:
        yield Change(path, _text(before), _text(after))
        return
    for key in dict.fromkeys((*old, *new)):
        if key in old and key in new:
            # the settings of a device's kind stand beside its other keys
            yield from _differs(path if key == "settings" else (*path, key), old[key], new[key])
        else:
            yield Change((*path, key), _text(old.get(key)), _text(new.get(key)))


def _members(value: object) -> Mapping[str, object] | None:
    if isinstance(value, BaseModel):
        return dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return value if isinstance(value, Mapping) else None


def _text(value: object) -> str:
    if value is None:
        return ""
    if _members(value) is not None:
        return "…"
    text = _toml(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _toml(value: object) -> str:
    """As it would stand in the file."""
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [_toml(one) for one in value]
        return f"[{', '.join(sorted(items) if isinstance(value, (set, frozenset)) else items)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if _members(value) is not None:
        return "{…}"
    return json.dumps(str(value), ensure_ascii=False) if isinstance(value, (str, PurePath)) else str(value)


def _plans(before: Mapping[str, Plan], after: Mapping[str, Plan]) -> Iterator[Change]:
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name), after.get(name)
        if _content(old) != _content(new):
            path = ("plan", name) if old and new else ("plans", name)
            yield Change(path, old.version if old else "", _version(old, new))


def _content(plan: Plan | None) -> object:
    """What is written in it; the lines of its lanes stand in the floor file."""
    return plan and (plan.plan, plan.version, plan.wave, plan.rules, plan.special, plan.waves, plan.shares)


def _version(old: Plan | None, new: Plan | None) -> str:
    if new is None:
        return ""
    return new.version if old is None or old.version != new.version else f"{new.version} with another text"
