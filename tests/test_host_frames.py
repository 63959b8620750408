"""tests/wire/<kind>_host.txt: its form, and the stub of the kind says what it says there, whole and byte by byte."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from controller.commands._texts import settings as settings_of
from tests import host_frames
from tests.host_frames import Step


@pytest.mark.parametrize("kind", host_frames.KINDS)
def test_a_talk_begins_with_a_scanner_and_both_sides_speak(kind: str) -> None:
    steps = host_frames.read(kind)
    assert steps[0].what == "set"
    assert {"C", "S"} <= {step.what for step in steps}
    assert all(step.raw and step.source for step in steps if step.what in "CS")
    assert all(int(step.words) > 0 for step in steps if step.what == "wait")


@pytest.mark.parametrize(
    "line",
    ["02 03 | C a command", "02 03 | X a command | guess", "02 03 | C | guess", "02 0 | C a command | guess", "02 03"],
)
def test_a_line_of_another_form_is_refused_with_its_place(line: str) -> None:
    with pytest.raises(ValueError, match=r"^here:7: "):
        host_frames._frame(line, "here:7")


class Bench:
    """A stub, its clock, and what it has said since it was last asked."""

    def __init__(self, module: Any, texts: str, bytewise: bool) -> None:
        self.stub = module.Scanner(settings_of(module.Settings, tuple(texts.split())), 1, 0.0)
        self.now = 0.0
        self.bytewise = bytewise

    def hear(self, raw: bytes) -> None:
        for piece in [raw[at : at + 1] for at in range(len(raw))] if self.bytewise else [raw]:
            self.stub.feed(piece, self.now)

    def wait(self, ms: float) -> None:
        end = self.now + ms
        while (due := self.stub.next_at()) is not None and due <= end:
            self.now = max(self.now, due)
            self.stub.tick(self.now)
        self.now = end
        self.stub.tick(end)


@pytest.mark.parametrize("bytewise", [False, True])
@pytest.mark.parametrize("kind", host_frames.KINDS)
def test_the_stub_talks_as_it_stands_there(kind: str, bytewise: bool) -> None:
    module = importlib.import_module(f"firmware_stubs.scanners.{kind}")
    bench: Bench | None = None
    steps = host_frames.read(kind)
    for step, following in zip(steps, [*steps[1:], Step("end", "", b"", "", "")], strict=True):
        if step.what == "set":
            bench = Bench(module, step.words, bytewise)
        assert bench
        if step.what == "C":
            bench.hear(step.raw)
        elif step.what == "gate":
            bench.stub.gate([code.encode("latin-1") for code in step.words.split()], bench.now)
        elif step.what == "wait":
            bench.wait(float(step.words))
        said = step.raw if step.what == "S" else b""
        if following.what != "S" or step.what == "S":
            assert (step.place, bench.stub.take()) == (step.place, said)
