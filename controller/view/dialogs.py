"""Menus and help over the floor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from textual.app import ComposeResult
from textual.events import Key
from textual.screen import ModalScreen

from controller.view.help import Page
from controller.view.ink import Row
from controller.view.menus import EndMenu, StrikeMenu
from controller.view.pane import Pane

Inks = Callable[[], Mapping[str, str]]


class Dialog(ModalScreen[Any]):
    """A box that takes every key until something is chosen (its result), or Esc (None)."""

    def __init__(self, title: str, menu: StrikeMenu | EndMenu | Page, inks: Inks) -> None:
        super().__init__()
        self._title = title
        self._menu = menu
        self._pane = Pane(self._rows, inks, id="dialog")

    def compose(self) -> ComposeResult:
        """The box."""
        self._pane.border_title = self._title
        yield self._pane

    def on_key(self, event: Key) -> None:
        """A key for the menu."""
        event.stop()
        event.prevent_default()
        if event.key == "escape" or isinstance(self._menu, Page):
            self.dismiss(None)
            return
        chosen = self._menu.key(event.character if event.character and event.is_printable else event.key)
        if chosen is not None:
            self.dismiss(chosen)
        self._pane.refresh()

    def _rows(self, width: int, height: int) -> list[Row]:
        return self._menu.rows(width, height)
