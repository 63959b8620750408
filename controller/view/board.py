"""All that the view knows, and its rows: fed by the stream of the simulator and by floord's answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controller.view import floor_page, notes, wire_rows
from controller.view.facts import Kind, Moment, Plant
from controller.view.hearing import ears
from controller.view.ink import Row, cropped, spread, width_of
from controller.view.lines import LEVELS
from controller.view.menus import SHORTCUTS
from controller.view.notes import Health
from controller.view.wire_log import WireLog

PANES = ("floor", "wire", "machines", "alarms")
TROUBLE = 4
"""Rows below the floor for faults and alarms, where their own pane is not seen."""
KEYS = " ? help  q leave  Space pause  . step  f fault  x end  e j n u l s at once"
MORE_KEYS = (
    KEYS[: KEYS.index("  e j")] + "  at once: " + "  ".join(f"{key} {words}" for key, (_, words) in SHORTCUTS.items())
)


@dataclass
class Board:
    """The state of the view. `why` = why there is no floor, or none any more."""

    daemons: list[Health] = field(default_factory=list)
    plant: Plant = field(default_factory=Plant)
    moment: Moment = field(default_factory=Moment)
    kinds: Sequence[Kind] = ()
    log: WireLog = field(default_factory=WireLog)
    why: str = "looking for floorsim …"
    note: str = ""
    front: str = "floor"
    level: int | None = None
    back: dict[str, int] = field(default_factory=dict)
    """pane -> rows or pages that it was scrolled"""
    _stood_ms: float = 0.0

    def built(self, floor: Mapping[str, Any], settings: Mapping[str, tuple[str, Any]]) -> None:
        """A simulator answers. `settings`: machine -> (kind, settings) in floord's tables. Raises ValueError."""
        self.plant = Plant.model_validate(floor)
        kinds = {name: stub.kind for name, stub in self.plant.stubs.items()}
        self.log.ears = ears(kinds, settings)
        self.why = ""

    def heard(self, line: Mapping[str, Any]) -> None:
        """One line of the stream. Raises ValueError or KeyError for what is none."""
        if "state" in line:
            self.moment = Moment.model_validate(line["state"])
            self._stood_ms = float(line["state"].get("stood_ms", 0))
        elif "wire" in line:
            self.log.add(line["wire"])
        elif "missed" in line:
            self.log.missed += int(line["missed"])

    @property
    def alarms(self) -> dict[str, str]:
        """What stands at every floord."""
        return {name: what for one in self.daemons if one.status for name, what in one.status.get("alarms", {}).items()}

    @property
    def missing(self) -> list[str]:
        """What the view lacks, and what is not well with floord beside its alarms."""
        return [why for why in (self.why, *map(notes.unwell, self.daemons)) if why]

    def head(self, width: int) -> list[Row]:
        """Three rows: what it is and when, figures, what is wrong."""
        moment = self.moment
        tabs: Row = []
        for number, name in enumerate(PANES, 1):
            tabs += [(f" {number} {name} ", "pick" if name == self.front else "dim")]
        clock: Row = [
            (f"  {notes.clock(moment.utc_ms)} UTC ", "dim"),
            (" TIME STANDS " if moment.paused else "", "pick"),
        ]
        room = width - width_of(clock) - width_of(tabs) - 1
        title: Row = [*cropped([(f" {self.plant.title or 'no floor'}", "title")], max(8, room)), *clock]
        statuses = [daemon.status for daemon in self.daemons if daemon.status]
        stands = floor_page.standing(self.plant, moment)
        wrong: Row = [(f" ■ {', '.join(stands)} ", "fault"), (" ", "plain")] if stands else [(" ", "plain")]
        wrong += notes.lights(self.plant, moment)
        wrong += [(f"! {len(moment.faults)} simulated  ", "warn")] if moment.faults else []
        wrong += notes.daemons(self.daemons)
        if self.why and self.plant.lines:
            wrong = [(f" ? {self.why}; this picture is old ", "fault")]
        return [spread(title, tabs, width), cropped(notes.figures(moment, statuses), width), cropped(wrong, width)]

    def foot(self, width: int) -> list[Row]:
        """The keys, or what the last one did."""
        keys = KEYS if width < len(MORE_KEYS) else MORE_KEYS
        return [cropped([(f" {self.note}", "warn") if self.note else (keys, "dim")], width)]

    def floor(self, width: int, height: int, alone: bool) -> list[Row]:
        """The floor; `alone` = with faults and alarms below it."""
        if self.why and not self.plant.lines:
            return [[], [(f" {self.why}", "warn")]]
        below = notes.trouble(self.moment, self.alarms, self.missing, width, TROUBLE) if alone else []
        room = max(1, height - len(below))
        page = self.back.get("floor", 0)
        rows, pages = floor_page.draw(self.plant, self.moment, self.alarms, width, room, page, self.level)
        self.back["floor"] = page % pages
        if pages > 1:
            more = f" page {self.back['floor'] + 1} of {pages}: PgUp PgDn "
            rows[-1] = cropped([(more, "pick"), ("  ", "plain"), *rows[-1]], width)
        return [*rows, *below]

    def wire(self, width: int, height: int) -> list[Row]:
        """What is shown, in words, and below it the pieces."""
        offset = self.moment.utc_ms - self.moment.t - self._stood_ms
        title = cropped([(f" > machine says  < host says   {self.log.filters()}", "dim")], width)
        return [title, *wire_rows.draw(self.log, offset, width, height - 1, self.back.get("wire", 0))]

    def machines(self, width: int, height: int) -> list[Row]:
        """Machines, trouble first."""
        return self._window("machines", notes.machines(self.plant, self.moment, width), height)

    def messages(self, width: int, height: int) -> list[Row]:
        """Faults that stand, alarms in full, the last events."""
        rows = [*notes.faults(self.moment, width), *notes.alarms(self.alarms, self.missing, width)]
        rows = rows or [cropped([(" no fault of the simulator, no alarm of floord", "dim")], width)]
        events = notes.events((event for daemon in self.daemons for event in daemon.events), width)
        return self._window("alarms", [*rows, [], [(" floord's last events, UTC", "title")], *events], height)

    def scroll(self, step: int, height: int) -> None:
        """Page or scroll the pane in front; 0 = back to the start."""
        rows = {"floor": 1, "wire": -max(1, height // 2)}.get(self.front, max(1, height - 1))
        self.back[self.front] = max(0, self.back.get(self.front, 0) + step * rows) if step else 0

    def next_level(self) -> None:
        """As large as fits, and each size."""
        choices: list[int | None] = [None, *LEVELS]
        self.level = choices[(choices.index(self.level) + 1) % len(choices)]

    def _window(self, pane: str, rows: list[Row], height: int) -> list[Row]:
        first = self.back[pane] = max(0, min(self.back.get(pane, 0), len(rows) - height))
        shown = rows[first : first + height]
        if len(rows) > first + height:
            shown[-1] = [(f" {len(rows) - first - height + 1} more below: PgDn", "pick")]
        return shown
