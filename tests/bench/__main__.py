"""`make bench`: what hubfloor costs on this machine, as one table and as JSON.

No figure fails anything; the exit code is 1 only where something was lost or broken. A scenario that cannot run here
says why and is left out.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import shutil
import sys
import sysconfig
import tempfile
import time
import traceback
from collections.abc import Iterable
from pathlib import Path

from controller import __version__
from tests.bench.figures import Figure, Options
from tests.bench.scenarios import SCENARIOS

WIDTH = 42
HEAD = f"{'':<{WIDTH}} {'median':>8} {'least':>8} {'most':>8} {'':<5}{'target':>7}"


def main() -> int:
    """0 where nothing was lost or broken."""
    wanted = _arguments()
    machine = _machine()
    print(f"hubfloor {__version__}; " + "; ".join(f"{name}: {value}" for name, value in machine.items()))
    noise = _noise(wanted.rounds)
    print(f"noise: a loop of fixed work took {noise[0]:.1f} ms at best and {noise[1] - 1:.0%} more at worst\n\n{HEAD}")
    found: dict[str, list[Figure]] = {}
    broken: dict[str, str] = {}
    began = time.monotonic()
    for name in wanted.only or SCENARIOS:
        print(f"{name}: {SCENARIOS[name]}", flush=True)
        try:
            with tempfile.TemporaryDirectory(prefix="bench-", dir=wanted.folder) as folder:
                options = Options(wanted.rounds, wanted.quick, Path(folder), _progress)
                module = importlib.import_module(f"tests.bench.{name}")
                note = ""
                for figure in module.measure(options):
                    found.setdefault(name, []).append(figure)
                    print(_row(figure, figure.note != note), flush=True)
                    note = figure.note
        except Exception as error:
            broken[name] = f"{type(error).__name__}: {error}"
            print(f"  BROKEN: {broken[name]}", flush=True)
            traceback.print_exc()
    wanted.json.parent.mkdir(parents=True, exist_ok=True)
    wanted.json.write_text(_json(machine, noise, found, broken))
    missed = [figure for figures in found.values() for figure in figures if figure.met is False]
    met = sum(figure.met is True for figures in found.values() for figure in figures)
    print(f"\n{met} targets met, {len(missed)} missed; {time.monotonic() - began:.0f} s; {wanted.json}")
    return 1 if broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", type=lambda text: text.split(","), help=f"some of {','.join(SCENARIOS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a short look at everything, not for comparing")
    parser.add_argument("--folder", type=Path, help="on the disk to be measured; default: where temporary files are")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"))
    wanted = parser.parse_args()
    if unknown := [name for name in wanted.only or () if name not in SCENARIOS]:
        parser.error(f"--only {','.join(unknown)}: write some of {','.join(SCENARIOS)}")
    return wanted


def _machine() -> dict[str, str]:
    cpu = next((line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if "model name" in line), "?")
    built = sysconfig.get_config_var("CONFIG_ARGS") or ""
    optimised = "optimised" if "--enable-optimizations" in built else "not optimised (no PGO)"
    return {
        "CPU": f"{os.cpu_count()} x {cpu}",
        "kernel": platform.release(),
        "Python": f"{platform.python_version()} {optimised}",
        "broker": "mosquitto" if shutil.which("mosquitto") or Path("/usr/sbin/mosquitto").exists() else "nats-server",
        "load before": " ".join(f"{one:.2f}" for one in os.getloadavg()),
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _noise(rounds: int) -> tuple[float, float]:
    """ms that fixed work takes at best, and how many times that at worst."""
    times = []
    for _ in range(10 * rounds):
        began = time.perf_counter()
        sum(number * number for number in range(100_000))
        times.append((time.perf_counter() - began) * 1000)
    return min(times), max(times) / min(times)


def _progress(text: str) -> None:
    print(f"  … {text}", file=sys.stderr, flush=True)


def _row(figure: Figure, noted: bool) -> str:
    """A line of the table, and a second one for its note where the line before had another."""
    target = ""
    if figure.target is not None:
        target = f"{'≥' if figure.least else '≤'}{_number(figure.target)}"
    mark = {True: "", False: " missed", None: ""}[figure.met]
    values = f"{_number(figure.median):>8} {_number(min(figure.values)):>8} {_number(max(figure.values)):>8}"
    note = f"\n    ({figure.note})" if figure.note and noted else ""
    return f"{_cut('  ' + figure.what):<{WIDTH}} {values} {figure.unit:<5}{target:>7}{mark}{note}"


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def _number(value: float) -> str:
    """Three digits, or whole numbers."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def _json(
    machine: dict[str, str], noise: tuple[float, float], found: dict[str, list[Figure]], broken: dict[str, str]
) -> str:
    def told(figures: Iterable[Figure]) -> list[dict[str, object]]:
        return [
            {
                "what": one.what,
                "unit": one.unit,
                "values": [round(value, 4) for value in one.values],
                "median": round(one.median, 4),
                "target": one.target,
                "least": one.least,
                "met": one.met,
                "note": one.note,
            }
            for one in figures
        ]

    body = {
        "version": __version__,
        "machine": machine,
        "noise": {"ms": round(noise[0], 3), "worst": round(noise[1], 3)},
        "scenarios": {name: told(figures) for name, figures in found.items()},
        "broken": broken,
    }
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
