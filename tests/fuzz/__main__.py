"""python -m tests.fuzz: drivers under a fuzzer that is led by what the code does with its bytes (atheris).

Each kind gets a process of its own for --seconds, and begins with its transcript. What makes a driver fail, hang, grow
or say what no code may say is printed and kept in --folder; `--kind KIND --again HEX` plays it again, without atheris.
Exit code 1: something was found. 2: atheris is not here; there are wheels for CPython on Linux x86-64 only.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.ears import ALL_KINDS
from tests.fuzz.script import run, seeds

ROOT = Path(__file__).parents[2]
MOST_MB = 1500
"""A process that wants more memory has found something."""

HANGS_S = 20


def main() -> int:
    """0: nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--kind", action="append", choices=ALL_KINDS, help="only this one; may be repeated")
    parser.add_argument("--seconds", type=int, default=5, help="for each kind (5)")
    parser.add_argument("--folder", type=Path, help="keeps what was tried and found; else it is forgotten")
    parser.add_argument("--again", help="play this script, in hex, and nothing else")
    wanted = parser.parse_args()
    kinds = wanted.kind or list(ALL_KINDS)
    if wanted.again is not None:
        run(kinds[0], bytes.fromhex(wanted.again))
        return 0
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed: it exists for CPython on Linux x86-64 only (tests/test_fuzz.py runs anywhere)")
        return 2
    with TemporaryDirectory() as forgotten:
        found = [fuzz(kind, (wanted.folder or Path(forgotten)) / kind, wanted.seconds) for kind in kinds]
    return int(any(found))


def fuzz(kind: str, folder: Path, seconds: int) -> bool:
    """One kind; True = something was found, and printed."""
    (folder / "seeds").mkdir(parents=True, exist_ok=True)
    for seed in seeds(kind):
        (folder / "seeds" / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    earlier = set(folder.glob("*-*"))
    flags = [f"-max_total_time={seconds}", f"-timeout={HANGS_S}", f"-rss_limit_mb={MOST_MB}", "-max_len=4096"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.coverage", kind, str(folder), *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds + 120,
        check=False,
    )
    runs = re.findall(r"^#(\d+)\s.*?cov: (\d+)", done.stderr, re.MULTILINE)
    tried, covered = runs[-1] if runs else ("0", "0")
    print(f"{kind:<12} {int(tried):>9,} scripts, {covered:>5} places of the code, exit {done.returncode}", flush=True)
    new = sorted(set(folder.glob("*-*")) - earlier)
    for one in new:
        print(f"{one.name}: python -m tests.fuzz --kind {kind} --again {one.read_bytes().hex()}", flush=True)
    if done.returncode:
        stack = [line for line in done.stdout.splitlines() if not line.startswith("INFO: ")]
        print("\n".join([*stack[-40:], *done.stderr.splitlines()[-10:]]), flush=True)
    return bool(new) or done.returncode != 0


if __name__ == "__main__":
    sys.exit(main())
