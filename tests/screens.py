"""The screens in docs/view.md, taken of a real floor: `make screens`.

    python -m tests.screens [--floor FOLDER]

Runs `floord demo` for a minute, or looks at the floor that runs in FOLDER, lets faults strike it, and writes each
screen as text into its place in docs/view.md (below `<!-- screen NAME -->`), some in colour into docs/screens/NAME.svg.
The loop is no floor that runs: its state is made up (view_fake.py).
"""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from controller.view.interface import Interface
from tests.view_app import press, screen, until, viewing
from tests.view_fake import FakeSimulator, loop, standing, state

ROOT = Path(__file__).parent.parent
PAGE, FOLDER = ROOT / "docs" / "view.md", ROOT / "docs" / "screens"
SMALL, LARGE = (80, 24), (160, 50)
ENOUGH = 60
"""Parcels in lanes before the first screen is taken."""
STARTS_S = 60.0


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
    parser = argparse.ArgumentParser(prog="python -m tests.screens", description=__doc__.partition("\n")[0])
    parser.add_argument("--floor", type=Path, help="the folder of a floor of two lines that runs already")
    chosen: Path | None = parser.parse_args().floor
    if chosen:
        taken = asyncio.run(of_floor(chosen))
    else:
        with tempfile.TemporaryDirectory() as folder, demo(Path(folder) / "floor") as floor:
            taken = asyncio.run(of_floor(floor))
    taken |= asyncio.run(of_loop())
    PAGE.write_text(written(PAGE.read_text(), taken))
    print(f"{len(taken)} screens in {PAGE.relative_to(ROOT)}")


@contextmanager
def demo(folder: Path) -> Iterator[Path]:
    """A floor that runs."""
    command = [sys.executable, "-m", "controller", "demo", "--keep", str(folder), "--rate", "4", "--seed", "7"]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield folder
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(STARTS_S)


async def of_floor(folder: Path) -> dict[str, list[str]]:
    """Screens of two lines: as they run, and with an emergency stop and a stuck photo-eye."""
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


async def of_loop() -> dict[str, list[str]]:
    """A loop of 400 m, with a full chute."""
    floor = loop()
    now = state(floor, faults=[standing("1", "lane_full", "L1-C017")])
    now["lanes"]["L1-C017"]["state"] = "FULL"
    with tempfile.TemporaryDirectory() as folder:
        async with viewing(Path(folder), FakeSimulator(floor, now), LOOP.size) as (view, _):
            return {LOOP.name: screen(view)}


async def take(shot: Shot, folder: Path) -> list[str]:
    """One screen, once enough has happened."""
    async with viewing(folder, size=shot.size) as (view, pilot):
        for _ in range(int(STARTS_S / 10)):
            try:
                await until(pilot, lambda: view.board.moment.counts.get("in_lanes", 0) >= ENOUGH, "parcels in lanes")
                break
            except AssertionError:
                continue
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
