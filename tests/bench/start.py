"""From the start of the process to the first divert, and the memory that floord takes.

Ports are three scanners to each PLC, serial lines and telegrams; what is installed is compiled, so compiled files lie
ready. A new journal is an empty folder. One with history has some thousand lives in it, and the advice of their
parcels. Memory is what the kernel says of the process: resident, and its share of what it has in common with others.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

from controller import broker
from tests.bench.divert import stocked
from tests.bench.figures import Figure, Options
from tests.bench.start_load import Machines, everything, supervised
from tests.bench.subjects import LOAD_CPU, Subject, code_of, lane_of, pinned, write_floor

NOWHERE = "mqtt://127.0.0.1:1"
FIRST_MS, SMALL_MB, WHOLE_MB = 400.0, 60.0, 90.0
PORTS = (8, 32, 128, 256)
RATE = 700.0
"""Lives a second, which floord takes without a queue."""
ADVISED = 15_000
"""Parcels; more than any journal here is asked for."""
SAME = 2000
SETTLED_S, IDLE_S = 0.7, 3.0
ALONE = {
    "the interpreter alone": "pass",
    "and pydantic": "import pydantic",
    "and the other libraries": (
        "import asyncio, click, paho.mqtt.client, pydantic, serial, sqlite3, tomllib\n"
        "class A(pydantic.BaseModel):\n a: int"
    ),
}

Values = defaultdict[str, list[float]]


@contextmanager
def compiled(folder: Path) -> Iterator[None]:
    """Everything that is imported in here finds compiled files, as where it is installed, whatever the shell says."""
    before = {key: os.environ.pop(key, None) for key in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")}
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    try:
        yield
    finally:
        del os.environ["PYTHONPYCACHEPREFIX"]
        os.environ.update({key: value for key, value in before.items() if value is not None})


class Running(Subject):
    """floord, from its spawning to its first divert: `first_ms`."""

    def __init__(self, load: Machines, floor: Path, python: Sequence[str] = ()) -> None:
        load.restart()
        began = time.monotonic_ns()
        super().__init__([sys.executable, *python, "-m", "controller", "run", floor], floor.with_name("floord.log"))
        try:
            self.first_ms = (load.first() - began) / 1e6
        except BaseException as error:
            self.__exit__(None, None, None)
            raise RuntimeError(f"floord diverts nothing: {self.log}") from error

    def memory_mb(self) -> tuple[float, float]:
        """Resident, and its proportional share of it."""
        rollup = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        rss, pss = (int(rollup.split(f"\n{key}:")[1].split()[0]) / 1024 for key in ("Rss", "Pss"))
        return rss, pss


def measure(options: Options) -> Iterable[Figure]:
    """Start, memory and what it costs to do nothing."""
    pinned(LOAD_CPU)
    values: Values = defaultdict(list)
    with ExitStack() as stack:
        stack.enter_context(compiled(options.folder))
        load = Machines(8, code_of, lane_of)
        stack.callback(load.close)
        lives = 500 if options.quick else 3000
        _modules(load, _folder(options), values)  # and everything is compiled by now
        for number in range(options.rounds):
            options.say(f"start, round {number + 1}: alone, and until the first divert")
            for what, text in ALONE.items():
                began = time.monotonic_ns()
                subprocess.run([sys.executable, "-c", text], check=True)
                values[what].append((time.monotonic_ns() - began) / 1e6)
            _starts(load, _folder(options), lives, values)
            options.say(f"start, round {number + 1}: memory")
            _away(load, _folder(options), 2000 if options.quick else 10_000, values)
            _whole(load, _folder(options), lives, values)
            _many(_folder(options), values)
    yield from _figures(values)


def _folder(options: Options) -> Path:
    made = options.folder / f"floor-{time.monotonic_ns()}"
    made.mkdir()
    return made


def _modules(load: Machines, folder: Path, values: Values) -> None:
    log = folder / "floord.log"
    for _ in range(2):  # the first one compiles
        log.unlink(missing_ok=True)
        with Running(load, write_floor(folder, load, NOWHERE), ("-X", "importtime")):
            lines = log.read_text().splitlines()
    values["modules"].append(sum(line.startswith("import time:") for line in lines) - 1)


def _starts(load: Machines, folder: Path, lives: int, values: Values) -> None:
    _start(load, folder, NOWHERE, lives, values)
    with broker.start_mosquitto(folder) as child:  # it knows a journal by its id, and each here has the same
        _start(load, folder, child.url, lives, values)


def _start(load: Machines, folder: Path, broker_url: str, lives: int, values: Values) -> None:
    where = "no broker" if broker_url == NOWHERE else "a broker"
    state = folder / where.replace(" ", "-")
    floor = write_floor(folder, load, broker_url, str(state / "new"))
    with Running(load, floor) as floord:
        values[f"new, {where}"].append(floord.first_ms)
        load.stand(SETTLED_S)
        rss, pss = floord.memory_mb()
        values["idle rss"].append(rss)
        values["idle pss"].append(pss)
    stocked(state / "old", ADVISED)
    floor = write_floor(folder, load, broker_url, str(state / "old"))
    with Running(load, floor) as floord:
        load.lives(RATE, lives, Random(1))
        load.stand(SETTLED_S)
        values[f"busy, {where}"].append(floord.memory_mb()[0])
    with Running(load, floor) as floord:
        values[f"old, {where}"].append(floord.first_ms)


def _away(load: Machines, folder: Path, lives: int, values: Values) -> None:
    """Without a broker: what waits for it lies on the disk. The same parcels come again and again, into lanes of which
    nothing is remembered: what grows then is no knowledge about the floor."""
    stocked(folder / "state", ADVISED)
    floor = write_floor(folder, load, NOWHERE)
    supervised(floor)
    load.parcels = SAME
    with Running(load, floor) as floord:
        for share in (0.1, 0.5, 0.4):
            load.lives(RATE, int(lives * share), Random(1))
            load.stand(SETTLED_S)
            values[f"away {share}"].append(floord.memory_mb()[0])
    load.parcels = 0
    values["waiting"] = [lives * 5]


def _whole(load: Machines, folder: Path, lives: int, values: Values) -> None:
    with ExitStack() as stack:
        stocked(folder / "state", ADVISED)
        url = stack.enter_context(broker.start_mosquitto(folder)).url
        floor = write_floor(folder, load, url)
        everything(floor, url, stack)
        floord = stack.enter_context(Running(load, floor))
        load.stand(SETTLED_S)
        values["whole idle"].append(floord.memory_mb()[0])
        load.lives(RATE, lives, Random(1))
        values["whole busy"].append(floord.memory_mb()[0])


def _many(folder: Path, values: Values) -> None:
    for ports in PORTS:
        load = Machines(ports, code_of, lane_of)
        try:
            (folder / f"{ports}").mkdir()
            with Running(load, write_floor(folder / f"{ports}", load, NOWHERE)) as floord:
                values[f"first {ports}"].append(floord.first_ms)
                load.stand(SETTLED_S)
                values[f"ports {ports}"].append(floord.memory_mb()[0])
                before = floord.cpu_s()
                load.stand(IDLE_S)
                values[f"cpu {ports}"].append((floord.cpu_s() - before) / IDLE_S * 100)
        finally:
            load.close()
    spread = PORTS[-1] - PORTS[0]
    values["slope"].append((values[f"ports {PORTS[-1]}"][-1] - values[f"ports {PORTS[0]}"][-1]) * 1024 / spread)


def _figures(values: Values) -> Iterable[Figure]:
    def of(name: str, what: str, unit: str, target: float | None = None, note: str = "") -> Figure:
        return Figure(what, unit, tuple(values[name]), target, note=note)

    for name in ALONE:
        yield of(name, f"a start: {name}", "ms", note="the limit of a start")
    yield of("modules", "a start: modules imported", "")
    for journal, words in (("new", "new journal"), ("old", "with history")):
        for where in ("no broker", "a broker"):
            yield of(f"{journal}, {where}", f"to first divert: {words}, {where}", "ms", FIRST_MS)
    yield of(f"first {PORTS[-1]}", f"to first divert: {PORTS[-1]} ports", "ms")
    yield of("idle rss", "RSS: serial and telegram, idle", "MB", SMALL_MB)
    yield of("idle pss", "PSS: serial and telegram, idle", "MB")
    yield of("busy, a broker", "RSS: serial and telegram, after parcels", "MB", SMALL_MB)
    yield of("away 0.4", f"RSS: {values['waiting'][0]:.0f} events wait for a broker", "MB", SMALL_MB)
    grown = [last - first for first, last in zip(values["away 0.1"], values["away 0.4"], strict=True)]
    yield Figure("RSS: more than at a tenth of these", "MB", tuple(grown))
    yield of("whole idle", "RSS: every kind of machine, idle", "MB", WHOLE_MB)
    yield of("whole busy", "RSS: every kind of machine, after parcels", "MB", WHOLE_MB)
    for ports in PORTS:
        yield of(f"ports {ports}", f"RSS: {ports} ports", "MB", SMALL_MB)
    yield of("slope", "RSS: each port", "kB")
    for ports in (PORTS[0], PORTS[-1]):
        yield of(f"cpu {ports}", f"idle: {ports} ports, of a core", "%")


def main() -> None:
    """This scenario alone."""
    import tempfile

    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        options = Options(rounds, "quick" in sys.argv, Path(folder), lambda text: print(text, file=sys.stderr))
        for figure in measure(options):
            told = " ".join(f"{value:.1f}" for value in figure.values)
            print(f"{figure.what:60} {figure.median:8.1f} {figure.unit:3} met={figure.met}  [{told}]")


if __name__ == "__main__":
    main()
