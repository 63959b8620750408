"""What a start falls back on: the texts that were in force, and never others."""

from __future__ import annotations

from pathlib import Path

from controller import last_good
from controller.plans import load_floor
from tests.floor_fixture import FLOOR, PLAN


def test_what_was_in_force_is_found_and_nothing_else(tmp_path: Path) -> None:
    floor = tmp_path / "floor.toml"
    (tmp_path / "plan.toml").write_text(PLAN)
    floor.write_text(FLOOR)
    config, plans = load_floor(floor)
    config.state_dir.mkdir()
    assert last_good.found(floor) is None, "it never ran"
    last_good.keep(floor, config)
    for saved in (FLOOR.replace("[line.S1]", "[line.S1"), FLOOR.replace("capacity = 2", "capacity = 3")):
        floor.write_text(saved)
        last_good.keep(floor, config)  # somebody saved it after the daemon had read it
        good = last_good.found(floor)
        assert good is not None
        assert good == (config, plans)


def test_what_is_damaged_is_no_floor(tmp_path: Path) -> None:
    floor = tmp_path / "floor.toml"
    (tmp_path / "plan.toml").write_text(PLAN)
    floor.write_text(FLOOR)
    config, _ = load_floor(floor)
    config.state_dir.mkdir()
    last_good.keep(floor, config)
    kept = config.state_dir / last_good.GOOD
    whole = kept.read_bytes()
    for damaged in (b"", b"{}", whole[: len(whole) // 2], whole.replace(b"speed_mm_s", b"speed"), b"\xff" + whole):
        kept.write_bytes(damaged)
        assert last_good.found(floor) is None
