"""The application: sockets in, rows out, keys to the simulator. All that it shows is made by `Board`."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.theme import Theme
from textual.widgets import Input

from controller.view import help
from controller.view.board import PANES, Board
from controller.view.dialogs import Dialog
from controller.view.feed import Feed
from controller.view.interface import Interface, InterfaceError
from controller.view.lines import FULL
from controller.view.menus import ALL, SHORTCUTS, EndMenu, StrikeMenu
from controller.view.palette import GROUND, styles
from controller.view.pane import Pane

Ask: TypeAlias = Callable[[Interface], Awaitable[Any]]
STEP_MS = 100
NOTE_S = 6
WIDE, TALL = 120, 36
"""From so many columns and rows on every pane is seen at once."""


class View(App[None]):
    """`floord view`."""

    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = None
    TITLE = "floord view"
    CSS = """
    Screen { layout: vertical; }
    #head { height: 3; } #foot { height: 1; }
    #floor { height: 1fr; } #lower { height: 1fr; } #side { width: 1fr; }
    #wire { width: 1fr; } #machines, #alarms { height: 1fr; }
    .wide #side { width: 46; }
    .wide #floor, .wide #wire, .wide #machines, .wide #alarms { border-top: solid $foreground 40%; }
    .wide #floor.front, .wide #wire.front, .wide #machines.front, .wide #alarms.front {
        border-top: heavy $foreground; border-title-style: bold; }
    #filter { display: none; height: 1; border: none; }
    Dialog { align: center middle; }
    #dialog { width: 80; max-width: 100%; height: 22; border: round $foreground; background: $background; }
    .plain, .plain Screen, .plain Pane, .plain #dialog { background: ansi_default; color: ansi_default; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(number), f"front('{name}')") for number, name in enumerate(PANES, 1)),
        *(Binding(key, f"strike('{fault}')") for key, (fault, _) in SHORTCUTS.items()),
        Binding("tab", "next_front", priority=True),
        Binding("z", "zoom"),
        Binding("v", "level"),
        Binding("space", "pause"),
        Binding("full_stop", "step"),
        Binding("f", "strike('')"),
        Binding("x", "end"),
        Binding("up,pageup", "scroll(-1)"),
        Binding("down,pagedown", "scroll(1)"),
        Binding("home", "scroll(0)"),
        Binding("d", "stub(1)"),
        Binding("D", "stub(-1)"),
        Binding("slash", "text"),
        Binding("exclamation_mark", "only_bad"),
        Binding("p", "hold"),
        Binding("h", "shows"),
        Binding("c", "clear"),
        Binding("t", "theme"),
        Binding("question_mark", "help"),
        Binding("q", "quit"),
        Binding("ctrl+c", "quit", priority=True),
    ]

    def __init__(self, floor: Path, folder: Path, shade: str, of_demo: bool = False) -> None:
        """`floor`: what --floor says; `folder`: where floorsim's socket is; `shade`: dark or light."""
        self._of_demo = of_demo
        self._colour = "NO_COLOR" not in os.environ
        super().__init__(ansi_color=None if self._colour else True)
        for name, (background, foreground) in GROUND.items():
            theme = Theme(
                name=name,
                dark=name == "dark",
                primary=foreground,
                foreground=foreground,
                background=background,
                surface=background,
                panel=background,
            )
            self.register_theme(theme)
        self.theme = shade
        self.set_class(not self._colour, "plain")
        self.board = Board()
        self._feed = Feed(self.board, floor, folder, self.run_worker, self._redraw, self._arrange)
        self._zoomed = False
        self._note = ("", 0)

    # --- what is shown ---

    def compose(self) -> ComposeResult:
        """Head, the four panes, foot."""
        board = self.board
        yield Pane(lambda width, height: board.head(width), self._inks, id="head")
        yield Pane(lambda width, height: board.floor(width, height, not self._sees_all), self._inks, id="floor")
        with Horizontal(id="lower"):
            yield Pane(board.wire, self._inks, id="wire")
            with Vertical(id="side"):
                yield Pane(board.machines, self._inks, id="machines")
                yield Pane(board.messages, self._inks, id="alarms")
        yield Input(
            placeholder="text or hex, -text leaves it out; Enter keeps the filter, Esc drops it",
            id="filter",
            compact=True,
        )
        yield Pane(lambda width, height: board.foot(width), self._inks, id="foot")

    def on_mount(self) -> None:
        """Begin to follow. Who ends the view from outside gets the terminal back as it was, too."""
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self.exit)
        self._feed.begin()
        self.set_interval(1.0, self._tick)
        self._arrange()

    def on_resize(self, event: Resize) -> None:
        """Another size, perhaps another arrangement."""
        self.call_after_refresh(self._arrange)

    @property
    def _sees_all(self) -> bool:
        width, height = self.size
        return width >= WIDE and height >= TALL and not self._zoomed

    def _arrange(self) -> None:
        """Every pane, or only the one in front."""
        everything, front = self._sees_all, self.board.front
        screen = self.screen_stack[0]
        screen.set_class(everything, "wide")
        for number, name in enumerate(PANES, 1):
            pane = screen.query_one(f"#{name}", Pane)
            pane.display = everything or name == front
            pane.set_class(name == front, "front")
            pane.border_title = f"{number} {name}"
        screen.query_one("#lower").display = everything or front != "floor"
        screen.query_one("#side").display = everything or front in ("machines", "alarms")
        lines = self.board.plant.lines.values()
        need = sum(2 * FULL + 2 + (line.kind == "loop") for line in lines) + 3
        floor = screen.query_one("#floor", Pane)
        floor.styles.height = min(need, self.size.height * 3 // 5) if everything else "1fr"
        self._redraw()

    def _tick(self) -> None:
        """Once a second; what the last key did gives its place to the keys after some of them."""
        self._note = (self.board.note, self._note[1] + 1 if self.board.note == self._note[0] else 0)
        if self._note[1] >= NOTE_S:
            self.board.note = ""
        self._redraw()

    def _redraw(self) -> None:
        for pane in self.screen_stack[0].query(Pane):
            pane.refresh()

    def _inks(self) -> Mapping[str, str]:
        return styles(self.theme, self._colour)

    # --- keys ---

    def action_front(self, name: str) -> None:
        """Another pane."""
        self.board.front = name
        self._arrange()

    def action_next_front(self) -> None:
        """The next pane."""
        self.action_front(PANES[(PANES.index(self.board.front) + 1) % len(PANES)])

    def action_zoom(self) -> None:
        """Only the pane in front, or all."""
        self._zoomed = not self._zoomed
        self._arrange()

    def action_level(self) -> None:
        """Lines larger or smaller."""
        self.board.next_level()
        self._redraw()

    def action_scroll(self, step: int) -> None:
        """The pane in front."""
        self.board.scroll(step, self.query_one(f"#{self.board.front}", Pane).size.height)
        self._redraw()

    def action_stub(self, step: int) -> None:
        """The wire of the next machine."""
        self.board.log.next_stub(list(self.board.plant.stubs), step)
        self.action_front("wire")

    def action_only_bad(self) -> None:
        """Only what is garbled or an error."""
        self.board.log.only_bad = not self.board.log.only_bad
        self.action_front("wire")

    def action_hold(self) -> None:
        """Hold the picture of the wire."""
        self.board.log.pause()
        self.action_front("wire")

    def action_shows(self) -> None:
        """Words and hex, or one of them with more room."""
        self.board.log.next_shows()
        self.action_front("wire")

    def action_clear(self) -> None:
        """No filter."""
        self.board.log.clear_filters()
        self.query_one("#filter", Input).value = ""
        self.action_front("wire")

    def action_text(self) -> None:
        """Ask for the text of the filter."""
        self.action_front("wire")
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """The filter takes effect at once."""
        self.board.log.text = event.value
        self._redraw()

    def on_input_submitted(self) -> None:
        """It stays."""
        self.query_one("#filter", Input).display = False
        self.set_focus(None)

    def key_escape(self) -> None:
        """The filter is left out."""
        self.query_one("#filter", Input).value = ""
        self.on_input_submitted()

    def action_theme(self) -> None:
        """Dark or light."""
        self.theme = "light" if self.theme == "dark" else "dark"
        self._redraw()

    def action_help(self) -> None:
        """Every key and sign."""
        self.push_screen(Dialog("help", help.Page(self._of_demo), self._inks))

    def action_pause(self) -> None:
        """Time stands, or goes on."""
        self._ask(lambda there: there.time("resume" if self.board.moment.paused else "pause"), "")

    def action_step(self) -> None:
        """Time goes on a little."""
        self._ask(lambda there: there.time("step", STEP_MS), f"one step of {STEP_MS} ms")

    def action_strike(self, fault: str) -> None:
        """The menu of faults, or of the targets of one."""
        known = {kind.name for kind in self.board.kinds}
        if not known or (fault and fault not in known):
            self.board.note = f"this floorsim offers no {fault or 'faults'}"
            self._redraw()
            return
        menu = StrikeMenu(self.board.kinds, self.board.plant, fault or None)
        self.push_screen(Dialog("strike a fault", menu, self._inks), self._strike)

    def _strike(self, asked: dict[str, Any] | None) -> None:
        if asked is not None:
            self._ask(lambda there: there.strike(asked), f"{asked['fault']} strikes {asked['target']}; x ends it")

    def action_end(self) -> None:
        """Choose a fault that ends now."""
        self.push_screen(Dialog("end a fault", EndMenu(self.board.moment), self._inks), self._end)

    def _end(self, fault: str | None) -> None:
        if fault is not None:
            self._ask(
                lambda there: there.end(None if fault == ALL else fault),
                "every fault has ended" if fault == ALL else f"fault {fault} has ended",
            )

    def _ask(self, ask: Ask, done: str) -> None:
        self.run_worker(self._asked(ask, done))

    async def _asked(self, ask: Ask, done: str) -> None:
        """Ask the simulator; the foot says what became of it."""
        interface = self._feed.interface
        try:
            if interface is None:
                raise InterfaceError(self.board.why or "floorsim does not answer yet")
            await ask(interface)
            self.board.note = done
        except InterfaceError as error:
            self.board.note = f"refused: {error}"
        self._redraw()
