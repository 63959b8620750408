"""Scenario files: faults at their times, and what floord must publish meanwhile. TOML, read and checked.

Every error is a FaultError with file, line, key and what to write instead. Whether the targets are on the floor is
checked when it is scheduled into an engine (`Engine.schedule`).
"""

from __future__ import annotations

import dataclasses
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware_stubs.faults.kind import FaultError
from firmware_stubs.faults.registry import check_kind
from firmware_stubs.sections import FloorError, make_settings, only

_TABLES = ("step", "expect", "drill")
_FREE = ("settings", "where", "answers")  # keys whose values are tables of any keys
_EVENT = re.compile(r"[a-z_]+/[a-z_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A fault that begins `at_s` after the start; `line` is where it stands in the file."""

    at_s: float
    fault: str
    target: str
    for_s: float | None = None
    count: int | None = None
    hidden: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """An event `family/name` between these times, whose data have these members; a text that ends with `*` says how the
    member begins."""

    event: str
    where: Mapping[str, Any] = field(default_factory=dict)
    after_s: float = 0.0
    by_s: float = math.inf
    line: int = 0

    def fits(self, at_s: float, event: str, data: Mapping[str, Any]) -> bool:
        """Whether this event is one of those."""
        if event != self.event or not self.after_s <= at_s <= self.by_s:
            return False
        return all(key in data and _alike(data[key], wanted) for key, wanted in self.where.items())


@dataclass(frozen=True, slots=True)
class Hidden:
    """A fault to be found. `faults`: its name, and others that nobody could tell from it; broken from `from_s` on."""

    faults: tuple[str, ...]
    target: str
    from_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """What a trainee is told: a task, hints one by one, which faults to find; `par_s`: what a good technician needs."""

    task: str
    par_s: float
    hints: tuple[str, ...] = ()
    answers: tuple[Hidden, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One file. `floor`: a ready floor's name, or a path as the file has it."""

    title: str
    floor: str
    minutes: float
    seed: int = 0
    steps: tuple[Step, ...] = ()
    expects: tuple[Expect, ...] = ()
    drill: Drill | None = None
    path: str = ""


def load(path: Path) -> Scenario:
    """Raises FaultError on anything that cannot be run as written."""
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:  # tomllib raises other ValueErrors than its own, too
        raise FaultError(f"{path}: {error}") from error
    return read(document, text, str(path))


def read(document: Mapping[str, Any], text: str = "", path: str = "scenario") -> Scenario:
    """A parsed file; `text` tells its lines. Raises FaultError."""
    try:
        scenario = _read(document, text, path)
    except (FloorError, FaultError) as error:
        words = re.sub(r"^\[([a-z]+)(?: (\d+))?\] ?", lambda found: f"[{found[1]}] ", str(error)).removeprefix("[top] ")
        raise FaultError(f"{path}:{_line(text, str(error))}: {words}") from error
    return scenario


def judge(expects: Iterable[Expect], events: Iterable[tuple[float, str, Mapping[str, Any]]]) -> list[float | None]:
    """For each expectation when it was fulfilled first, in s after the start; None = never. `events`: time, event and
    data, in order."""
    came = list(events)
    return [next((at for at, event, data in came if one.fits(at, event, data)), None) for one in expects]


def _read(document: Mapping[str, Any], text: str, path: str) -> Scenario:
    head = {key: value for key, value in document.items() if key not in _TABLES}
    only(
        head, "top", [one.name for one in dataclasses.fields(Scenario) if one.name not in ("steps", "expects", "path")]
    )
    found: Scenario = make_settings(Scenario, "top", head)
    if not 0 < found.minutes <= 1440:
        raise FaultError("[top] minutes: give a number above 0, and at most 1440")
    end_s = found.minutes * 60
    steps = tuple(_step(one, number, text, end_s) for number, one in enumerate(_tables(document, "step"), 1))
    _apart(steps)
    expects = tuple(_expect(one, number, text, end_s) for number, one in enumerate(_tables(document, "expect"), 1))
    drill = _drill(document["drill"], steps) if "drill" in document else None
    return dataclasses.replace(found, steps=steps, expects=expects, drill=drill, path=path)


def _step(section: Mapping[str, Any], number: int, text: str, end_s: float) -> Step:
    step: Step = _section(Step, f"step {number}", section, text)
    where = f"[step {number}]"
    if not 0 <= step.at_s < end_s:
        raise FaultError(f"{where} at_s: {step.at_s:g} is not before the end, which is after {end_s:g} s")
    try:
        check_kind(step.fault, for_s=step.for_s, count=step.count, settings=step.settings)
    except FaultError as error:
        raise FaultError(f"{where} {_about(str(error), step)}") from error
    return step


def _about(words: str, step: Step) -> str:
    """The words of an error behind the key that they are about."""
    for key in ("for_s", "count"):
        if f"{key} =" in words:
            return f"{key}: {words}"
    return f"fault: {words}" if words.startswith("no fault") else f"settings: {words}"


def _expect(section: Mapping[str, Any], number: int, text: str, end_s: float) -> Expect:
    expect: Expect = _section(Expect, f"expect {number}", section, text)
    where = f"[expect {number}]"
    if not _EVENT.fullmatch(expect.event):
        raise FaultError(f'{where} event: {expect.event!r} is none; write family/name, as "alarm/raised"')
    last = min(expect.by_s, end_s)
    if not 0 <= expect.after_s <= last:
        raise FaultError(f"{where} after_s: must be from 0 to by_s and the end, {last:g} s")
    return dataclasses.replace(expect, by_s=last)


def _drill(section: Any, steps: Iterable[Step]) -> Drill:
    if not isinstance(section, dict):
        raise FaultError("[drill] must be a table")
    found = section.get("answers")
    if not isinstance(found, list) or not found:
        raise FaultError('[drill] answers: write a list of { fault = "…", target = "…" }')
    drill: Drill = make_settings(Drill, "drill", {key: value for key, value in section.items() if key != "answers"})
    if not 0 < drill.par_s < math.inf:
        raise FaultError("[drill] par_s: give the seconds that a good technician needs")
    if not drill.task.strip():
        raise FaultError("[drill] task: say what the trainee is to do")
    return dataclasses.replace(drill, answers=tuple(_hidden(one, steps) for one in found))


def _hidden(answer: Any, steps: Iterable[Step]) -> Hidden:
    """One answer; the first of its names must be a hidden step's."""
    if not isinstance(answer, dict) or set(answer) != {"fault", "target"}:
        raise FaultError('[drill] answers: each is { fault = "…", target = "…" }')
    names = answer["fault"] if isinstance(answer["fault"], list) else [answer["fault"]]
    for name in names:
        if not isinstance(name, str):
            raise FaultError(f"[drill] answers: fault is a name or a list of names, not {name!r}")
        try:
            check_kind(name, for_s=None, count=None, settings={})
        except FaultError as error:
            raise FaultError(f"[drill] answers: {error}") from error
    begins = [one.at_s for one in steps if one.hidden and [one.fault] == names[:1] and one.target == answer["target"]]
    if not begins:
        what = f"{names[0] if names else 'nothing'} at {answer['target']}"
        raise FaultError(f"[drill] answers: {what} is no [[step]] with hidden = true")
    return Hidden(tuple(names), answer["target"], min(begins))


def _section(shape: type, where: str, section: Mapping[str, Any], text: str) -> Any:
    names = [one.name for one in dataclasses.fields(shape) if one.name != "line"]
    only(section, where, names)
    free = {key: section[key] for key in _FREE if key in section}
    for key, value in free.items():
        if not isinstance(value, dict):
            raise FaultError(f"[{where}] {key}: must be a table, {{ name = value }}, not {value!r}")
    made = make_settings(shape, where, {key: value for key, value in section.items() if key not in free})
    return dataclasses.replace(made, **free, line=_line(text, f"[{where}]"))


def _tables(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = document.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise FaultError(f"[{name}] must be written as [[{name}]]")
    return found


def _apart(steps: Iterable[Step]) -> None:
    """Of a group only one stands at the same target at a time."""
    until: dict[tuple[str, str], tuple[float, int]] = {}
    for number, step in sorted(enumerate(steps, 1), key=lambda one: one[1].at_s):
        kind = check_kind(step.fault, for_s=step.for_s, count=step.count, settings=step.settings)
        key = kind.group or kind.name, step.target
        end, other = until.get(key, (-math.inf, 0))
        if step.at_s < end:
            raise FaultError(f"[step {number}] at_s: step {other} still stands at {step.target}, until {end:g} s")
        until[key] = step.at_s + kind.lasts_s(step.for_s, step.count), number


def _alike(value: object, wanted: object) -> bool:
    if isinstance(wanted, str) and wanted.endswith("*"):
        return isinstance(value, str) and value.startswith(wanted[:-1])
    return value == wanted


def _line(text: str, words: str) -> int:
    """Where the table and key that `words` begin with stand in the file: `[step 2] at_s …`; tomllib does not say."""
    named = re.match(r"\[([a-z]+)(?: (\d+))?\](?: (\w+))?", words)
    table, number, key = named.groups() if named else ("top", None, None)
    header, current, seen = 1, "top", 0
    for at, line in enumerate(text.splitlines(), 1):
        if opened := re.match(r"\s*\[+([a-z]+)", line):
            seen += opened[1] == table
            current = opened[1] if opened[1] != table or number is None or seen == int(number) else ""
            header = at if current == table else header
        elif key and current == table and re.match(rf"\s*{key}\s*=", line):
            return at
    return header
