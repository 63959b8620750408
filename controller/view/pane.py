"""A part of the screen that shows rows with ink."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rich.text import Text
from textual.app import RenderResult
from textual.widget import Widget

from controller.view.ink import Row

Drawer = Callable[[int, int], list[Row]]


class Pane(Widget):
    """Rows of a drawer, which is asked for (width, height) of them whenever the pane is refreshed."""

    def __init__(self, drawer: Drawer, inks: Callable[[], Mapping[str, str]], id: str | None = None) -> None:
        super().__init__(id=id)
        self._drawer = drawer
        self._inks = inks

    def render(self) -> RenderResult:
        """The rows as they are now."""
        width, height = self.size
        text = Text(no_wrap=True, end="")
        styles = self._inks()
        for number, row in enumerate(self._drawer(width, height)[:height]):
            text.append("\n" * bool(number))
            for part, ink in row:
                text.append(part, styles[ink])
        return text
