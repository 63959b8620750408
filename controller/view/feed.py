"""What feeds the board: floorsim's stream and every floord of the floor, each for as long as the view runs. An edge."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from controller import config
from controller.view.board import Board
from controller.view.facts import Kind
from controller.view.health import Daemon
from controller.view.interface import Interface, InterfaceError
from controller.view.places import FLOORSIM, floor_files, state_dirs

RETRY_S = 0.5


class Feed:
    """The simulator and the daemons, which may come and go. `interface` = the simulator's while it answers."""

    def __init__(
        self,
        board: Board,
        floor: Path,
        folder: Path,
        start: Callable[[Coroutine[Any, Any, None]], object],
        changed: Callable[[], None],
        built: Callable[[], None],
    ) -> None:
        """`start` runs a coroutine beside all else; `changed` and `built` are told of news, and of another floor."""
        self.interface: Interface | None = None
        self._board = board
        self._folder = folder
        self._start = start
        self._changed = changed
        self._built = built
        self._floor = floor

    def begin(self) -> None:
        """From now on."""
        self._know([self._floor])
        self._start(self._follow())

    async def _follow(self) -> None:
        while True:
            try:
                async with Interface(self._folder / FLOORSIM) as interface:
                    await self._meet(interface)
                    async for line in interface.stream():
                        self._heard(line)
                self._board.why = "floorsim has ended"
            except InterfaceError as error:
                self._board.why = str(error)
            self.interface = None
            self._changed()
            await asyncio.sleep(RETRY_S)

    async def _meet(self, interface: Interface) -> None:
        """A simulator answers: its floor, its faults, the daemons of its floor files."""
        floor = await interface.floor()
        files = floor_files(self._folder, floor.get("files", ()))
        try:
            self._board.built(floor, _settings(files))
        except ValueError as error:
            raise InterfaceError(f"floorsim describes its floor in a way that cannot be read: {error}") from None
        self.interface = interface
        self._know(files)
        try:
            kinds = (await interface.faults()).get("kinds", ())
            self._board.kinds = [Kind.model_validate(kind) for kind in kinds]
        except (InterfaceError, ValueError) as error:
            self._board.kinds = ()
            self._board.note = f"no faults at hand: {error}"
        self._built()

    def _know(self, floors: list[Path]) -> None:
        """Watch every floord of these floors that is not watched yet."""
        known = {daemon.where.absolute() for daemon in self._board.daemons}
        for path in state_dirs(floors):
            if path.absolute() not in known:
                daemon = Daemon(path)
                self._board.daemons.append(daemon)
                self._start(daemon.watch())
                self._start(daemon.listen())

    def _heard(self, line: dict[str, Any]) -> None:
        try:
            self._board.heard(line)
        except (ValueError, KeyError, TypeError) as error:
            self._board.note = f"a line of the stream cannot be read: {error}"
        if "state" in line:
            self._changed()


def _settings(files: list[Path]) -> dict[str, tuple[str, Any]]:
    """Machine -> (kind, settings of its driver), as far as floord's tables can be read."""
    found: dict[str, tuple[str, Any]] = {}
    for file in files:
        floor = config.read(file)
        found |= {name: (one.kind, one.settings) for name, one in floor.scanner.items()}
        found |= {name: (one.kind, one.settings) for name, one in floor.plc.items()}
    return found
