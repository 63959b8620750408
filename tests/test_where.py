"""Which daemon a command speaks to, also while its floor file is not what it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller.__main__ import main
from tests.floord import floord
from tests.test_journal import opened
from tests.test_journal_salvage import EVENTS, written

VERBS = (("reload",), ("status",), ("tail", "--since", "1"), ("trace", "P1"))


def said(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "floor.toml cannot be read: no such file or directory"),
        (b"", "floor.toml names no state_dir"),
        (b"state_dir = 5", "floor.toml names no state_dir"),
        (b"a = = b", "floor.toml is not TOML: Invalid value (at line 1, column 5)"),
        (b'state_dir = "none"\na = = b', "floor.toml is not TOML: Invalid value (at line 2, column 5)"),
        (b"\xff\xfe", "floor.toml is not TOML: "),
    ],
)
def test_it_says_first_what_to_write(tmp_path: Path, verb: tuple[str, ...], text: bytes | None, why: str) -> None:
    floor = tmp_path / "floor.toml"
    if text is not None:
        floor.write_bytes(text)
    for named in (floor, tmp_path):
        result = said(*verb, "--floor", named)
        assert result.exit_code == (78 if verb == ("reload",) else 2)
        assert result.stderr.startswith(f"Error: write --floor /path/of/state_dir, for {tmp_path}/{why}")
        assert "Usage" not in result.stderr
        assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_in_a_folder_without_floor_toml_it_names_the_floor_files(tmp_path: Path, verb: tuple[str, ...]) -> None:
    for name in ("cargo", "belt"):
        (tmp_path / f"{name}.toml").write_text(f'node = "{name}"\nstate_dir = "{name}"\n')
    (tmp_path / "plan.toml").write_text('plan = "day"\n[[rule]]\nnode = "cargo"\n')
    (tmp_path / "broken.toml").write_text("node = = 5\n")
    (tmp_path / "latin.toml").write_bytes(b'node = "\xff"\n')
    (tmp_path / "folder.toml").mkdir()
    result = said(*verb, "--floor", tmp_path)
    assert result.exit_code == (78 if verb == ("reload",) else 2)
    both = f"--floor {tmp_path}/belt.toml, --floor {tmp_path}/cargo.toml"
    assert result.stderr == f"Error: there are several floors in {tmp_path}: write one of {both}\n"
    (tmp_path / "belt.toml").unlink()
    result = said(*verb, "--floor", tmp_path)
    assert result.stderr == f"Error: {tmp_path} has no floor.toml: write --floor {tmp_path}/cargo.toml\n"


def test_tail_ends_with_what_is_recorded_while_the_daemon_runs(tmp_path: Path) -> None:
    with floord(tmp_path) as one:
        one.start().ready()
        assert one.status()["told"] == []
        every = said("tail", "--no-follow", "--json", "--floor", one.floor)
        assert every.exit_code == 0
        assert int(json.loads(every.stdout.splitlines()[0])["sequence"]) == 1
        none = said("tail", "--no-follow", "--since", "1000000", "--floor", one.floor)
        assert (none.exit_code, none.output) == (0, "")


def test_a_running_daemon_is_found_by_a_file_that_is_no_toml_any_more(tmp_path: Path) -> None:
    with floord(tmp_path) as one:
        one.start().ready()
        good = one.floor.read_text()
        one.floor.write_text(f"{good}\n[lane.S1-L03\n")
        result = said("reload", "--floor", one.floor)
        assert result.exit_code == 78
        assert f"{one.floor}:" in result.stdout
        assert result.stdout.endswith("nothing was changed\n")
        assert "alarm    configuration: " in said("status", "--floor", one.floor).stdout
        one.floor.write_text(good.replace('state_dir = "state"', 'state_dir = "other"'))
        elsewhere = said("status", "--floor", one.floor)
        assert elsewhere.exit_code == 69
        assert "write --floor /path/of/state_dir" in elsewhere.stderr
        one.floor.unlink()
        assert said("reload", "--floor", one.state).exit_code == 78
        assert said("status", "--floor", one.state).stdout.startswith("lgg/n1 ")
        one.floor.write_text(good)
        assert said("reload", "--floor", one.floor).stdout == "nothing has changed\n"


def test_a_damaged_journal_is_told_in_words(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        written(journal, 1, EVENTS)
    with path.open("r+b") as file:
        file.seek(30 * 4096)
        file.write(bytes(20 * 4096))
    for verb in VERBS[2:]:
        result = said(*verb, "--floor", tmp_path)
        assert result.exit_code == 1
        assert result.stderr.startswith(f"Error: {path}: ")
        assert result.stderr.endswith("the next start of floord salvages what can be read of it\n")
