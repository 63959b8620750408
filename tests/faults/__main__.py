"""python -m tests.faults: the faults of docs/faults.md one by one, at every place and in full length.

For each row of the table the tests that it names are run with `--full`, and a line is printed. With --quick they are
run as `make test` runs them.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "faults.md"
STATES = ("tested", "not applicable", "later", "site")
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+) \|$")
TEST = re.compile(r"`(test_\w+\.py|faults/test_\w+\.py)(?:::(\w+))?`")


@dataclass(frozen=True)
class Row:
    """A fault. `tests`: (file below tests/, name of a test or "" = all of it)."""

    number: int
    fault: str
    state: str
    how: str

    @property
    def tests(self) -> list[tuple[str, str]]:
        """What shows it."""
        return [(found[1], found[2] or "") for found in TEST.finditer(self.how)]

    @property
    def targets(self) -> list[str]:
        """The same for pytest."""
        return [f"tests/{file}::{name}" if name else f"tests/{file}" for file, name in self.tests]


def rows() -> Iterator[Row]:
    """The table."""
    for line in TABLE.read_text().splitlines():
        if found := ROW.match(line):
            yield Row(int(found[1]), found[2], found[3], found[4])


def main() -> int:
    """0 when every row that is run holds."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--row", type=int, action="append", help="only this one; may be repeated")
    parser.add_argument("--quick", action="store_true", help="as in make test")
    wanted, failed = parser.parse_args(), 0
    for row in rows():
        if wanted.row and row.number not in wanted.row:
            continue
        if row.state != "tested":
            print(f"{row.number:3}  {row.state:<15} {row.fault}", flush=True)
            continue
        begin = time.monotonic()
        how = [] if wanted.quick else ["--full", "--timeout", "1200", "-o", "faulthandler_timeout=1300"]
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs", *how, *row.targets]
        run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = run.stdout.strip().splitlines()[-1:] or ["nothing was said"]
        print(f"{row.number:3}  {'held' if run.returncode == 0 else 'FAILED':<15} {row.fault}", flush=True)
        print(f"     {said[0].strip('= ')} ({time.monotonic() - begin:.0f} s)", flush=True)
        skipped = [line for line in run.stdout.splitlines() if line.startswith("SKIPPED")]
        print("".join(f"     {line}\n" for line in skipped), end="")
        if run.returncode:
            failed += 1
            print(run.stdout, flush=True)
    print(f"{failed} rows failed" if failed else "all held")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
