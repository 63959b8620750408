"""The view under a pilot: on a fake simulator, at a size, its screen as text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from controller.view.app import View
from tests.view_fake import FakeSimulator

TURNS, TURN_S = 500, 0.02
"""The view has so many turns to come to what is awaited."""


def screen(view: View) -> list[str]:
    """Its rows as text, without spaces at their ends."""
    return [strip.text.rstrip() for strip in view.screen._compositor.render_strips(view.size)]


async def until(pilot: Pilot[Any], done: Callable[[], Any], what: str) -> None:
    """Let the view go on until something is so."""
    for _ in range(TURNS):
        await pilot.pause()
        if done():
            return
        await asyncio.sleep(TURN_S)
    raise AssertionError(f"never: {what}")


@asynccontextmanager
async def viewing(
    folder: Path, fake: FakeSimulator | None = None, size: tuple[int, int] = (80, 24), shade: str = "dark"
) -> AsyncIterator[tuple[View, Pilot[Any]]]:
    """The view of a folder, and of the simulator in it once it has said all that it has."""
    view = View(folder / "floor.toml", folder, shade)
    if fake is None:
        async with view.run_test(size=size) as pilot:
            yield view, pilot
        return
    async with fake.serving(folder / "floorsim.sock"), view.run_test(size=size) as pilot:
        await until(pilot, lambda: view.board.moment.t and len(view.board.log.shown()) == len(fake.wire), "a state")
        yield view, pilot


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Keys, one after the other, and what follows from them."""
    for key in keys:
        await pilot.press(key)
    await pilot.pause()
