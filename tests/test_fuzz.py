"""Scripts of bytes, silences, commands and confirmations, changed at random: no driver fails, grows or says what no
code may say. `make fuzz` looks further, led by what the code does with them."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest

from tests.ears import ALL_KINDS, held
from tests.fuzz.mutate import changed
from tests.fuzz.script import FEED, Life, Step, Wrong, parsed, run, seeds, written

ROOT = Path(__file__).parents[1]
of_all_kinds = pytest.mark.parametrize("kind", ALL_KINDS)


def test_a_script_is_what_was_written() -> None:
    steps = [Step(FEED, b"a" * 3, 3), Step(FEED, b"b" * 300, 300, take=False), Step(3, number=7)]
    assert list(parsed(written(4, steps))) == steps


@of_all_kinds
def test_what_was_recorded_is_lived_through(kind: str) -> None:
    for seed in seeds(kind):
        run(kind, seed)


FOUND = [line.split(" | ") for line in (ROOT / "tests/fuzz/found.txt").read_text().splitlines() if line[0] != "#"]


@pytest.mark.parametrize(
    ("kind", "script"), [(kind, script) for kind, _, script in FOUND], ids=[one for _, one, _ in FOUND]
)
def test_what_was_found_is_lived_through(kind: str, script: str) -> None:
    run(kind, bytes.fromhex(script))


@of_all_kinds
def test_what_is_changed_is_lived_through(kind: str, full: bool) -> None:
    rng, scripts = Random(kind), seeds(kind)
    for _ in range(20_000 if full else 100):
        script = changed(rng, scripts)
        began = time.process_time()
        try:
            run(kind, script)
        except Exception as error:
            raise AssertionError(f"python -m tests.fuzz --kind {kind} --again {script.hex()}") from error
        assert time.process_time() - began < 10.0, script.hex()


@of_all_kinds
def test_a_long_life_takes_no_more_room_than_a_short_one(kind: str, full: bool) -> None:
    """Nothing is confirmed and nothing taken: the disk and the wire are stuck."""
    rng, scripts = Random(kind), seeds(kind)
    steps = [step for _ in range(20) for step in parsed(changed(rng, scripts)) if step.do == FEED]
    life = Life(kind, 0)
    for _ in range(1000 if full else 20):
        for step in steps:
            life._do(step)
    assert held(life.driver) < 600_000


def test_the_judge_sees_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that keeps all it hears, and one that wants to be woken for ever."""
    from devices.scanners import line

    hoard: list[bytes] = []
    kept = line.Driver.feed

    def feed(self: line.Driver, data: bytes, at: float) -> object:
        hoard.append(data + b"!")
        self.__dict__["hoard"] = hoard
        return kept(self, data, at)

    monkeypatch.setattr(line.Driver, "feed", feed)
    with pytest.raises(Wrong, match="bytes held"):
        run("line", written(0, [Step(FEED, b"x" * 15_000)] * 50))
    monkeypatch.undo()
    monkeypatch.setattr(line.Driver, "next_at", lambda self: 5.0)
    with pytest.raises(Wrong, match="for ever"):
        run("line", written(0, [Step(2, number=3)]))


def test_a_script_is_played_again() -> None:
    assert _fuzz("--again", seeds("line")[0].hex()).returncode == 0


@pytest.mark.skipif(not find_spec("atheris"), reason="atheris is not here: it exists for CPython on Linux x86-64 only")
def test_the_fuzzer_begins_with_the_transcript_and_finds_nothing_at_once(tmp_path: Path) -> None:
    done = _fuzz("--seconds", "1", "--folder", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    scripts, places = re.findall(r"line +([0-9,]+) scripts, +([0-9]+) places", done.stdout)[0]
    assert int(scripts.replace(",", "")) > 50
    assert int(places) > 100
    assert {path.read_bytes() for path in (tmp_path / "line" / "seeds").iterdir()} >= set(seeds("line"))


def _fuzz(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.fuzz", "--kind", "line", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
