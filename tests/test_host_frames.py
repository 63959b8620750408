"""tests/wire/<kind>_host.txt: its form, what stub and driver of the kind say of it.

The stub says what the scanner says there, whole and byte by byte; the driver says only what the host says there.
"""

from __future__ import annotations

import dataclasses
import importlib
from contextlib import suppress
from typing import Any

import pytest

from controller.commands._texts import settings as settings_of
from devices.driver import kinds, load
from devices.types import Kept, Trigger
from tests import host_frames
from tests.ears import settings_groups
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


def stub_of(kind: str) -> Any:
    return importlib.import_module(f"firmware_stubs.{kinds()[kind]}.{kind}")


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
    bench: Bench | None = None
    steps = host_frames.read(kind)
    for step, following in zip(steps, [*steps[1:], Step("end", "", b"", "", "")], strict=True):
        if step.what == "set":
            bench = Bench(stub_of(kind), step.words, bytewise)
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


@pytest.mark.parametrize(
    ("kind", "texts"), [(kind, texts) for kind in host_frames.KINDS for texts in settings_groups(kind)], ids=str
)
def test_a_driver_says_only_what_stands_there(kind: str, texts: tuple[str, ...]) -> None:
    driver = load(kind).Driver(settings_of(load(kind).Settings, texts))
    known = {field.name for field in dataclasses.fields(stub_of(kind).Settings)}
    words = " ".join(text for text in texts if text.partition("=")[0] in known)
    bench = Bench(stub_of(kind), words, bytewise=False)
    host = {step.raw for step in host_frames.read(kind) if step.what == "C"}
    driver.opened(0.0, Kept())
    told = 0
    for command, now in ((Trigger(True), 100.0), (Trigger(False), 3000.0)):
        driver.tick(now)  # a machine that answers nothing has had its time
        with suppress(TypeError):
            driver.send(command, now, None)
        while said := driver.take():
            assert said in host
            told += 1
            bench.hear(said)
            driver.feed(bench.stub.take(), now)
    assert told > 1 or kind in ("datalogic", "cubiscan"), "nothing is told to the one, and the other has nothing to end"
