"""The ready floors: both programs take them, their arithmetic is true, and docs/floors.md says the same."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from controller.plans import load_floor
from firmware_stubs import floor_file, floors
from firmware_stubs.__main__ import main
from firmware_stubs.cables import Cables
from firmware_stubs.faults import scenario
from firmware_stubs.faults.engine import Engine
from firmware_stubs.lockstep import Lockstep
from firmware_stubs.sections import FloorError
from firmware_stubs.several_floors import load_all
from firmware_stubs.world import World
from tests.rehearsed import NOW, UTC_MS, Coupled, Published, Rehearsed

DOCS = (Path(__file__).parents[1] / "docs" / "floors.md").read_text()
PLACE = floors.Place("/run/hub", "mqtt://127.0.0.1:1883", "lgg")
FILES = [(name, file) for name in floors.names() for file in floors.load(name).FLOORS]
LINES = {
    ("wheel-30", "floor.toml"): 5000,
    ("shoe-import", "floor.toml"): 8640,
    ("loop-400", "floor.toml"): 11_000,
    ("liege", "sorter-1.toml"): 10_000,
    ("liege", "sorter-2.toml"): 10_000,
    ("bagging", "floor.toml"): 3000,
    ("old-cell", "floor.toml"): 3600,
    ("bad-night", "floor.toml"): 3000,
}
"""floor file with a belt -> parcels an hour"""
MINUTES = 6


def document(name: str, file: str) -> dict[str, Any]:
    return tomllib.loads(floors.load(name).texts(PLACE)[file])


@pytest.mark.parametrize(("name", "file"), FILES)
def test_floord_and_floorsim_take_it(tmp_path: Path, name: str, file: str) -> None:
    paths = floors.write(name, tmp_path / "floor")
    config, plans = load_floor(tmp_path / "floor" / file)
    assert config.mode == "simulated"
    assert plans
    simulated = load_all(paths)
    ours = {path: floor_file.load(path) for path in paths}
    assert len(simulated.stubs) == sum(len(floor.stubs) for floor in ours.values())
    named = {stub.name for stub in ours[tmp_path / "floor" / file].stubs} - {"centre"}
    assert named == {*config.scanner, *config.plc}


def test_together_the_files_of_a_floor_have_one_centre() -> None:
    for name in floors.names():
        texts = [document(name, file) for file in floors.load(name).FLOORS]
        assert sum("centre" in text["stub"] for text in texts) == 1, name


@pytest.mark.parametrize(("name", "file"), LINES)
def test_as_many_parcels_come_onto_it_as_it_says(name: str, file: str) -> None:
    ledger: list[dict[str, Any]] = []
    world = World(floor_file.read(document(name, file)), ledger.append, seed=0, now=0.0, utc_offset_ms=0.0)
    world.advance(0.0)
    world.release(0.0)
    world.advance(MINUTES * 60_000.0)
    inducted = Counter(entry["point"] for entry in ledger if entry["what"] == "inducted")
    assert sum(inducted.values()) * 60 / MINUTES == pytest.approx(LINES[name, file], rel=0.05)
    for count in inducted.values():  # and each induction has its share of it
        assert count == pytest.approx(sum(inducted.values()) / len(inducted), rel=0.15)


def test_every_floor_with_a_belt_is_counted() -> None:
    assert {(name, file) for name, file in FILES if "line" in document(name, file)} == set(LINES)


def test_a_cargo_station_is_shown_what_it_says() -> None:
    ledger: list[dict[str, Any]] = []
    world = World(floor_file.read(document("liege", "cargo.toml")), ledger.append, seed=0, now=0.0, utc_offset_ms=0.0)
    world.advance(0.0)
    world.release(0.0)
    world.advance(MINUTES * 60_000.0)
    shown = Counter(entry["point"] for entry in ledger if entry["what"] == "shown")
    every_s = {f"PORTAL-{number}": 43.2 for number in range(1, 7)}  # 20,000 / 40 = 500 an hour over 6
    every_s |= {"UNLOAD": 45 / 16, "PUT": 45 / 8, "LOAD": 45 / 12, "INSPECT": 45 / 4}
    assert shown == pytest.approx({point: MINUTES * 60 / seconds for point, seconds in every_s.items()}, abs=1)


def _row(name: str, file: str) -> str:
    """What the table of docs/floors.md says of a floor's line, from its floor file alone."""
    floor = document(name, file)
    ((line, of_line),) = floor["line"].items()
    speed, length, carriers = of_line["speed_mm_s"], of_line["length_mm"], of_line.get("carriers", 0)
    per_s = sum(induction["rate_per_s"] for induction in floor["induction"].values())
    pitch = length / carriers if carriers else speed / per_s
    chutes = [lane for lane in floor["lane"] if re.fullmatch(f"{line}-L[0-9]+", lane)]
    cells = (
        f"`{name}`", line, f"{length / 1000:g} m", f"{speed / 1000:g} m/s", f"{carriers or '-'}", f"{pitch:.0f} mm",
        f"{length / speed:.1f} s", f"{len(floor['induction'])}", f"{len(chutes)}", f"{round(per_s * 3600, -1):,.0f}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize(("name", "file"), LINES)
def test_the_table_of_the_document_is_that_of_the_file(name: str, file: str) -> None:
    assert _row(name, file) in DOCS.splitlines()


def test_the_document_has_every_floor() -> None:
    for name in floors.names():
        assert f"`{name}`" in DOCS


def test_each_destination_has_a_chute_and_each_chute_is_somebodys() -> None:
    for name, file in LINES:
        floor, texts = document(name, file), floors.load(name).texts(PLACE)
        plan = tomllib.loads(texts[floor["plan"]])
        lanes = [lane for lanes in plan["waves"]["day"].values() for lane in lanes]
        assert set(lanes) == set(floor["lane"]), name
        assert {rule["destination"] for rule in plan["rule"]} <= set(plan["waves"]["day"])


@pytest.mark.parametrize("name", ["wheel-30", "old-cell"])
def test_floord_sorts_what_comes(tmp_path: Path, name: str) -> None:
    (path,) = floors.write(name, tmp_path / "floor")
    published = Published()
    coupled = Coupled(path, seed=3, listener=published)
    coupled.run(5)
    coupled.world.release(coupled.lockstep.now)
    coupled.run(120)
    coupled.world.hold()
    coupled.run(40)
    events, counts = published.names(), coupled.world.counts()
    ends = [events[f"parcel/{end}"] for end in ("sorted", "rejected")]
    assert counts["inducted"] == pytest.approx(LINES[name, "floor.toml"] / 30, rel=0.1)
    assert sum(ends) == events["parcel/inducted"] == counts["inducted"] == counts["in_lanes"]
    assert events["parcel/sorted"] > 0.9 * counts["inducted"]
    assert not events["alarm/raised"]


def test_new_writes_a_floor_once(tmp_path: Path) -> None:
    folder, run = tmp_path / "hub", CliRunner().invoke
    done = run(main, ["new", "liege", str(folder), "--broker", "mqtt://10.0.0.1:1884", "--site", "cdg"])
    assert done.exit_code == 0
    written = [folder / file for file in ("sorter-1.toml", "sorter-2.toml", "cargo.toml")]
    assert done.stdout.splitlines() == [
        *(f"floord run {file}" for file in written),
        f"floorsim run {' '.join(map(str, written))}",
    ]
    config, _ = load_floor(written[2])
    assert (config.site, config.broker.url) == ("cdg", ("mqtt://10.0.0.1:1884",))
    assert {device.link for device in config.scanner.values()} == {"mqtt://10.0.0.1:1884"}
    again = run(main, ["new", "liege", str(folder)])
    assert again.exit_code == 1
    assert f"{written[0]} is there already" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["wheel30", "hub"], "no ready floor is called 'wheel30'; did you mean 'wheel-30'?"),
        (["x", "hub"], "no ready floor is called 'x'; there are bad-night, "),
        (["wheel-30", "my hub"], "choose a folder whose path has none but"),
        (["wheel-30", "hub", "--broker", "mqtts://broker"], "'mqtts://broker': write the broker as mqtt://host:port"),
        (["wheel-30", "hub", "--site", "l g g"], "'l g g' is no site"),
    ],
)
def test_new_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["new", *arguments])
    assert done.exit_code == 2
    assert words in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_mistake_in_a_row_is_found(tmp_path: Path) -> None:
    (path,) = floors.write("wheel-30", tmp_path / "floor")
    lines = path.read_text().splitlines()
    (number,) = [number for number, line in enumerate(lines) if line.startswith("W1-L07 ")]
    lines[number] = lines[number].replace("position_mm = ", "position_mm = 9")
    path.write_text("\n".join(lines))
    with pytest.raises(FloorError, match=rf"floor.toml:{number + 1}: \[lane.W1-L07\] position_mm: 9"):
        floor_file.load(path)


def test_floors_has_a_line_for_each() -> None:
    lines = CliRunner().invoke(main, ["floors"]).stdout.splitlines()
    assert [line.split()[0] for line in lines] == floors.names()
    assert all(len(line) <= 120 for line in lines)


def test_a_bad_night_brings_what_it_expects(tmp_path: Path) -> None:
    (path,) = floors.write("bad-night", tmp_path / "floor")
    night = scenario.load(path.with_name("scenario.toml"))
    assert {expect.after_s for expect in night.expects} == {step.at_s for step in night.steps}
    floor, heard, ledger = floor_file.load(path), Published(), list[dict[str, Any]]()
    world = World(floor, ledger.append, seed=night.seed, now=NOW, utc_offset_ms=UTC_MS - NOW)
    cables = Cables(world.stubs, ["centre"], seed=night.seed)
    daemon = Rehearsed(*load_floor(path))
    lockstep = Lockstep(world, floor.wires(), [daemon], now=NOW, cables=cables, listener=heard)
    lockstep.engine = Engine(world, cables, lockstep, ledger.append, night.seed)
    lockstep.run(NOW + 5000)
    start = lockstep.now
    world.release(start)
    lockstep.engine.schedule(night, start)
    lockstep.run(start + night.minutes * 60_000)
    events = [
        ((at - start) / 1000, topic.split("/event/")[1], json.loads(payload)["data"])
        for at, topic, payload, _ in heard.all
        if "/event/" in topic
    ]
    came = scenario.judge(night.expects, events)
    assert [expect for expect, at in zip(night.expects, came, strict=True) if at is None] == []
