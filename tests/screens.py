"""The screens in docs/view.md, taken of a real floor: `make screens`.

    python -m tests.screens [--floor FOLDER] [--loop FOLDER]

Runs `floord demo`, of its own two lines and of loop-400, or looks at those that run in these folders; lets faults
strike and end, and writes each screen as text into its place in docs/view.md (below `<!-- screen NAME -->`), some in
colour into docs/screens/NAME.svg.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from controller.view.interface import Interface
from tests.view_app import press, screen, until, viewing

ROOT = Path(__file__).parent.parent
PAGE, FOLDER = ROOT / "docs" / "view.md", ROOT / "docs" / "screens"
SMALL, LARGE = (80, 24), (160, 50)
ENOUGH = 60
"""Parcels in lanes before the first screen is taken."""
ENDS_S, AGAIN_S = 20.0, 1.0
PATIENCE = 12
"""Times that a demo is waited for."""


@dataclass(frozen=True)
class Shot:
    """A screen: its size, the keys that lead to it, and whether it is kept in colour, too."""

    name: str
    size: tuple[int, int]
    keys: tuple[str, ...] = ()
    svg: bool = False


RUNNING = (Shot("floor", SMALL), Shot("wire", SMALL, ("2",)), Shot("fault", SMALL, ("f", "down", "right", "down")))
STANDING = (Shot("stands", SMALL, svg=True), Shot("all", LARGE, svg=True))
LOOP = Shot("loop", SMALL)
SHOTS = (*RUNNING, *STANDING, LOOP)


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(prog="python -m tests.screens", description=str(__doc__).partition("\n")[0])
    parser.add_argument("--floor", type=Path, help="the folder of a demo of two lines that runs already")
    parser.add_argument("--loop", type=Path, help="the folder of a demo of loop-400 that runs already")
    chosen = parser.parse_args()
    with running(chosen.floor, "--rate", "4", "--seed", "7") as floor:
        write(asyncio.run(of_floor(floor)))
    with running(chosen.loop, "--floor", "loop-400") as floor:
        write(asyncio.run(of_loop(floor)))


def write(taken: dict[str, list[str]]) -> None:
    """Screens into their places in the page."""
    PAGE.write_text(written(PAGE.read_text(), taken))
    print(f"{', '.join(taken)}: in {PAGE.relative_to(ROOT)}")


@contextmanager
def running(folder: Path | None, *options: str) -> Iterator[Path]:
    """The folder of a demo that runs already, or of one that runs meanwhile."""
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "floor"
        command = [sys.executable, "-m", "controller", "demo", "--no-view", "--keep", str(folder), *options]
        log = Path(place) / "demo.log"
        with log.open("wb") as errors:
            child = subprocess.Popen(command, stdout=errors, stderr=errors)
        try:
            yield folder
        finally:
            if child.poll() is not None:
                print(f"the demo has ended by itself:\n{log.read_text()[-1000:]}", file=sys.stderr)
            for _ in range(2):  # the second one: nobody waits for the belts to run empty
                child.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(AGAIN_S)
            child.wait(ENDS_S)


async def of_floor(folder: Path) -> dict[str, list[str]]:
    """Screens of two lines: as they run, and with an emergency stop and a stuck photo-eye."""
    await enough(folder)
    taken = {shot.name: await take(shot, folder) for shot in RUNNING}
    async with Interface(folder / "floorsim.sock") as there:
        for fault, target in (("estop", "S2"), ("eye_stuck", "S1-DEC")):
            await there.strike({"fault": fault, "target": target, "for_s": 60})
        try:
            for shot in STANDING:
                taken[shot.name] = await take(shot, folder)
        finally:
            await there.end(None)
    return taken


async def of_loop(folder: Path) -> dict[str, list[str]]:
    """The loop of 400 m, with a full chute."""
    async with Interface(folder / "floorsim.sock") as there:
        await enough(folder)
        await there.strike({"fault": "lane_full", "target": "O1-L017", "for_s": 60})
        try:
            return {LOOP.name: await take(LOOP, folder)}
        finally:
            await there.end(None)


async def enough(folder: Path) -> None:
    """Wait for parcels in lanes."""
    async with viewing(folder, size=SMALL) as (view, pilot):
        for _ in range(PATIENCE):
            with suppress(AssertionError):
                await until(pilot, lambda: view.board.moment.counts.get("in_lanes", 0) >= ENOUGH, "parcels in lanes")
                return
    raise SystemExit(f"never {ENOUGH} parcels in the lanes of {folder}")


async def take(shot: Shot, folder: Path) -> list[str]:
    """One screen, once enough has happened."""
    async with viewing(folder, size=shot.size) as (view, pilot):
        await until(pilot, lambda: len(view.board.log.shown()) > shot.size[1] // 2, "talk on the wires")
        await press(pilot, *shot.keys)
        if shot.svg:
            FOLDER.mkdir(exist_ok=True)
            svg = view.export_screenshot(title=f"floord view, {shot.size[0]} x {shot.size[1]}")
            (FOLDER / f"{shot.name}.svg").write_text(plain(svg))
        return screen(view)


def plain(svg: str) -> str:
    """Without fonts from elsewhere, and with the same names whenever it is made."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"terminal-\d+", "terminal", svg).replace("Fira Code", "DejaVu Sans Mono, Menlo, Consolas")
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def written(page: str, taken: dict[str, list[str]]) -> str:
    """The page with these screens in their places. Raises ValueError for one that has none."""
    for name, rows in taken.items():
        place = re.compile(rf"(<!-- screen {name} -->\n```text\n).*?(```\n)", re.DOTALL)
        text = "".join(f"{row}\n" for row in rows)
        page, found = place.subn(lambda at, text=text: f"{at[1]}{text}{at[2]}", page)  # type: ignore[misc]
        if found != 1:
            raise ValueError(
                f"docs/view.md: <!-- screen {name} --> and ```text must stand there once, not {found} times"
            )
    return page


if __name__ == "__main__":
    main()
