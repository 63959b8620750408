"""python -m tests.sim: run many seeds of the simulated hub, print what was covered, shrink what fails.

A failing seed is printed with its story in the floor's words, shrunk to the blows that matter; with --keep it is
written to tests/sim/stories/, where a test replays it for ever.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

from tests.sim import floor_text
from tests.sim.faults import KINDS
from tests.sim.floor_text import PLCS
from tests.sim.many import Report, run
from tests.sim.shrink import shrink
from tests.sim.story import Story, Told, play

STORIES = Path(__file__).parent / "stories"
BEFORE_MIDNIGHT_MS = 1_790_020_800_000.0 + 86_400_000 - 4 * 3_600_000
"""UTC of 20:00, so that 8 hours go over midnight."""


def main() -> int:
    """0 when everything held."""
    wanted = _arguments()
    if wanted.story is not None:
        return _replay(wanted.story)
    stories = [_story(wanted, seed) for seed in range(wanted.first, wanted.first + wanted.seeds)]
    begin, failed, report = time.monotonic(), [], Report()
    for told in run(stories, wanted.processes, wanted.kinds):
        report.add(told)
        if told.broken:
            failed.append(told)
            print(f"seed {told.story.seed} at {told.at_ms / 1000:.1f} s: {told.broken}", flush=True)
            if wanted.stop:
                break
    print(report.text(time.monotonic() - begin))
    for told in failed[: wanted.shrink]:
        _explain(told, wanted.keep)
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.sim", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20, help="so many runs")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--minutes", type=float, default=5.0, help="of each run; nothing goes wrong in the last 40 s")
    parser.add_argument("--hours", type=float, help="instead: over midnight, all counters just before their wraps")
    parser.add_argument("--processes", type=int, default=2, help="runs at a time")
    parser.add_argument(
        "--lines", type=_lines, default=floor_text.Floor().lines, help="some of S1,S2,S3,S4; the loop is always there"
    )
    parser.add_argument(
        "--plcs", type=_plcs, default=floor_text.Floor().plcs, help=f"what the PLCs speak, in turn: {', '.join(PLCS)}"
    )
    parser.add_argument("--paced", action="store_true", help="serial lines of PLCs carry 115,200 bit/s")
    parser.add_argument("--kinds", type=_kinds, help="draw these kinds of faults in every run: kill,cable late,…")
    parser.add_argument("--rate", type=int, default=floor_text.PARCELS_PER_HOUR, help="parcels an hour")
    parser.add_argument("--stop", action="store_true", help="stop at the first that fails")
    parser.add_argument("--shrink", type=int, default=3, help="so many failing seeds are shrunk to a short story")
    parser.add_argument("--keep", action="store_true", help="write shrunk stories to tests/sim/stories/")
    parser.add_argument("--story", type=Path, help="replay this story")
    wanted = parser.parse_args()
    if wanted.story is not None and not wanted.story.is_file():
        parser.error(f"--story: there is no file {wanted.story}; tests/sim/stories/ has some")
    return wanted


def _lines(text: str) -> tuple[str, ...]:
    return _known(text, floor_text.Floor().lines)


def _plcs(text: str) -> tuple[str, ...]:
    return _known(text, PLCS)


def _kinds(text: str) -> tuple[str, ...]:
    return _known(text, tuple(sorted(KINDS)))


def _known(text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for part in found:
        if part not in known:
            raise argparse.ArgumentTypeError(f"there is no {part!r}; write some of {', '.join(known)}")
    return found


def _story(wanted: argparse.Namespace, seed: int) -> Story:
    floor = floor_text.Floor(lines=wanted.lines, parcels_per_hour=wanted.rate).speaking(*wanted.plcs)
    floor = replace(floor, paced=wanted.paced)
    if wanted.hours is None:
        return Story(seed, wanted.minutes, floor)
    floor = replace(floor, counters=floor_text.AT_THEIR_WRAPS)
    return Story(seed, wanted.hours * 60, floor, utc_ms=BEFORE_MIDNIGHT_MS, boot=0xFFFF - 1)


def _replay(path: Path) -> int:
    told = play(Story.from_json(path.read_text()))
    print("\n".join(told.tale))
    print(told.broken or "it held")
    return 1 if told.broken else 0


def _explain(told: Told, keep: bool) -> None:
    short = shrink(told)
    print(f"\nseed {told.story.seed}: {short.broken}")
    print(f"{short.story.minutes:g} minutes, lines {' '.join(short.story.floor.lines)}; what went wrong there:")
    print("\n".join(short.tale) or "  nothing")
    if keep:
        path = STORIES / f"{short.broken.split(':')[0].lower()}-seed-{told.story.seed}.json"
        path.write_text(short.story.to_json() + "\n")
        print(f"kept as {path}")


if __name__ == "__main__":
    sys.exit(main())
