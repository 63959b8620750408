"""What is measured, each as a process of its own: the C echo, which is the limit, and floord on a floor of its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.bench.load import LEFT_MS, PER_PLC, Load
from tests.bench.plc_end import SPEED_MM_S

ROOT = Path(__file__).parents[2]
SITE, NODE = "lgg", "bench"
LANES = ("L01", "L02", "L03", "L04")
COUNTRIES = ("FR", "BE", "DE", "NL")
DEST_BYTES = 91
"""A destination with three lanes as a telegram."""
LOAD_CPU, SUBJECT_CPU = 0, 1
READY_S = 60.0

FLOOR = f"""\
site = "{SITE}"
node = "{NODE}"
mode = "test"
state_dir = "{{state}}"
plan = "plan.toml"
[broker]
url = "{{url}}"
"""

LINE = """\
[line.{line}]
kind = "line"
speed_mm_s = {speed}
length_mm = 5000000
default_lane = "{line}-EX"
[point.{line}-IND]
line = "{line}"
position_mm = 0
induction = true
[point.{line}-DEC]
line = "{line}"
position_mm = 1000
decision = true
[plc.plc-{line}]
kind = "telegram"
link = "serial://{path}?baud=115200"
line = "{line}"
plc = "{plc}"
[lane.{line}-EX]
line = "{line}"
position_mm = 4900000
roles = ["exception", "overflow"]
supervised = true
"""

LANE = '[lane.{line}-{lane}]\nline = "{line}"\nposition_mm = {position}\n'

SCANNER = """\
[point.{line}-T{number}]
line = "{line}"
position_mm = {position}
[scanner.{line}-{number}]
kind = "line"
link = "serial://{path}?baud=115200"
point = "{line}-T{number}"
match = "index"
index_digits = 6
prefix = "\\u0002"
suffix = "\\u0003"
"""


def pinned(cpu: int) -> None:
    """Keep this process on one core, where the machine has two."""
    if os.cpu_count() or 1 > 1:
        os.sched_setaffinity(0, {cpu % (os.cpu_count() or 1)})


def code_of(parcel: int) -> tuple[bytes, bytes]:
    """The two codes of a parcel: S10 with its check digit (UPU S10), and a number of the carrier's own."""
    digits = f"{parcel % 100_000_000:08}"
    rest = 11 - sum(int(digit) * weight for digit, weight in zip(digits, (8, 6, 4, 2, 3, 5, 9, 7), strict=True)) % 11
    return f"LX{digits}{ {10: 0, 11: 5}.get(rest, rest) }BE".encode(), b"JVGL%010d" % parcel


def lane_of(parcel: int) -> str:
    """The lane that its advice and the plan lead to."""
    return LANES[parcel % len(LANES)]


def advice_of(parcel: int) -> dict[str, Any]:
    """What the centre says of it."""
    return {
        "parcel": f"P{parcel:08}",
        "aliases": [code.decode() for code in code_of(parcel)],
        "country": COUNTRIES[parcel % len(COUNTRIES)],
        "customs": "none",
    }


@dataclass(frozen=True)
class Terminals:
    """Lines, and the paths of their scanners in order of the lines, then of their PLCs."""

    lines: Sequence[str]
    paths: Sequence[str]


def write_floor(folder: Path, load: Terminals | Load, url: str, state: str = "state") -> Path:
    """The floor of these terminals, and its plan."""
    scanners = len(load.lines) * PER_PLC
    text = FLOOR.format(state=state, url=url)
    for number, line in enumerate(load.lines):
        text += LINE.format(line=line, speed=SPEED_MM_S, path=load.paths[scanners + number], plc=f"P{number + 1:03}")
        text += "".join(
            LANE.format(line=line, lane=lane, position=4_000_000 + 10_000 * place) for place, lane in enumerate(LANES)
        )
        for place in range(PER_PLC):
            path, position = load.paths[number * PER_PLC + place], 3_000_000 + 1000 * place
            text += SCANNER.format(line=line, number=place + 1, position=position, path=path)
    rules = "".join(f'[[rule]]\ncountry = "{country}"\ndestination = "D{country}"\n' for country in COUNTRIES)
    waves = ""
    for place, country in enumerate(COUNTRIES):
        lanes = [f"{line}-{LANES[(place + more) % 4]}" for line in load.lines for more in (0, 1)]
        waves += f"D{country} = {json.dumps(lanes)}\n"
    out = json.dumps([f"{line}-EX" for line in load.lines])
    special = "".join(f'{what} = "OUT"\n' for what in ("held", "unknown", "no_read", "overflow"))
    (folder / "plan.toml").write_text(
        f'plan = "day"\nversion = "1"\nwave = "w1"\n{rules}[special]\n{special}[waves.w1]\n{waves}OUT = {out}\n'
    )
    floor = folder / "floor.toml"
    floor.write_text(text)
    return floor


def echo_binary(folder: Path) -> Path:
    """The C echo, compiled here and now. Raises FileNotFoundError where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise FileNotFoundError("no C compiler: the echo that a figure is compared with cannot be made")
    made = folder / "echo"
    subprocess.run([compiler, "-O2", "-o", made, Path(__file__).with_name("echo.c")], check=True)
    return made


class Subject:
    """A process on a core of its own; a context manager that ends it."""

    def __init__(self, command: Sequence[str | Path], log: Path, cpu: int = SUBJECT_CPU) -> None:
        self._log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out, preexec_fn=lambda: pinned(cpu)
            )

    @property
    def log(self) -> str:
        """The end of what it said."""
        return self._log.read_text(errors="replace")[-2000:]

    def cpu_s(self) -> float:
        """CPU time of all its threads so far (proc(5): schedstat, ns)."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def rss_mb(self) -> float:
        """Its resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def wait_for(self, there: Any, what: str) -> None:
        """Until `there()` is true. Raises RuntimeError with its log."""
        until = time.monotonic() + READY_S
        while not there():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{what}: not so; it said {self.log}")
            time.sleep(0.01)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def echo(load: Load, folder: Path) -> Subject:
    """The C echo at the near ends of a load."""
    load.no_plcs()
    log = folder / "echo.log"
    log.unlink(missing_ok=True)
    scanners = len(load.lines) * PER_PLC
    paths = [*load.paths[:scanners], "--", *load.paths[scanners:]]
    subject = Subject([echo_binary(folder), str(DEST_BYTES), str(PER_PLC), *paths], log)
    subject.wait_for(lambda: "ready" in log.read_text(), "the echo is ready")
    return subject


class Floord(Subject):
    """floord on the floor of a load, synchronised. `more`: before `run` on its command line."""

    def __init__(
        self, load: Load, folder: Path, floor: Path, state: Path, command: Sequence[str] = ("-m", "controller")
    ):
        load.restart()
        self._socket = state / "control.sock"
        super().__init__([sys.executable, *command, "run", floor], folder / "floord.log")
        try:
            load.synchronise()
            self.wait_for(lambda: self.status()["ok"], "floord is well")
        except BaseException as error:
            self.__exit__(None, None, None)
            raise RuntimeError(f"floord does not run: {self.log}") from error

    def status(self) -> dict[str, Any]:
        """What the control socket says; {"ok": False} where nobody is there yet."""
        try:
            with socket.socket(socket.AF_UNIX) as control:
                control.settimeout(10)
                control.connect(str(self._socket))
                control.sendall(b'{"do": "status"}\n')
                with control.makefile("rb") as lines:
                    answer: dict[str, Any] = json.loads(lines.readline())
                    return answer
        except (OSError, ValueError):
            return {"ok": False}


__all__ = ["LEFT_MS", "Floord", "Subject", "advice_of", "code_of", "echo", "lane_of", "pinned", "write_floor"]
