"""The commands: found by name, imported by need, the same exit codes everywhere."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import controller.__main__
import firmware_stubs.__main__
from tests.floor_fixture import write

PROGRAMS = {"controller": ("floord", controller.__main__), "firmware_stubs": ("floorsim", firmware_stubs.__main__)}


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *args], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("package", PROGRAMS)
def test_runs_as_a_module(package: str) -> None:
    program, _ = PROGRAMS[package]
    done = run("-m", package, "--version")
    assert (done.returncode, done.stdout) == (0, f"{program}, version {version('hubfloor')}\n")


@pytest.mark.parametrize("package", PROGRAMS)
def test_help_names_every_verb_and_the_exit_codes(package: str) -> None:
    program, module = PROGRAMS[package]
    done = CliRunner().invoke(module.main, ["--help"], prog_name=program)
    assert done.exit_code == 0, done.output
    verbs = module.main.list_commands(click.Context(module.main))
    listed = done.output.partition("Commands:")[2]
    assert [verb for verb in verbs if f"\n  {verb}" not in listed] == []
    assert "78  the" in done.output


@pytest.mark.parametrize("package", PROGRAMS)
def test_every_verb_is_a_command_of_its_name(package: str) -> None:
    _, module = PROGRAMS[package]
    context = click.Context(module.main)
    for verb in module.main.list_commands(context):
        command = module.main.get_command(context, verb)
        assert isinstance(command, click.Command), verb
        assert command.help, verb


@pytest.mark.parametrize("package", PROGRAMS)
@pytest.mark.parametrize("verb", ["nonsense", "__init__", "..config", ""])
def test_an_unknown_verb_is_wrong_usage(package: str, verb: str) -> None:
    _, module = PROGRAMS[package]
    done = CliRunner().invoke(module.main, [verb])
    assert done.exit_code == 2
    assert "No such command" in done.output


@pytest.mark.parametrize("package", PROGRAMS)
def test_a_verb_imports_no_other_verb(package: str) -> None:
    _, module = PROGRAMS[package]
    verbs = module.main.list_commands(click.Context(module.main))
    for verb in verbs:
        script = (
            f"import sys; from {package}.__main__ import main; main(['{verb}', '--help'], standalone_mode=False);"
            f"print(*sorted(m for m in sys.modules if m.startswith('{package}.commands.')), file=sys.stderr)"
        )
        imported = run("-c", script).stderr.split()
        assert [name for name in imported if "._" not in name] == [f"{package}.commands.{verb.replace('-', '_')}"]


def test_a_start_imports_what_its_floor_names_and_builds_no_event(tmp_path: Path) -> None:
    done = run(
        "-c",
        "import sys; from controller import daemon, events, plans; from controller.commands import run;"
        f"plans.load_floor({str(write(tmp_path))!r}, start=True);"
        "print(*(name for name, one in vars(events).items() if getattr(one, '__pydantic_complete__', False)));"
        "print(*sys.modules)",
    )
    assert done.returncode == 0, done.stderr
    built, imported = done.stdout.splitlines()
    assert built == ""
    assert "devices.plcs.telegram" in imported.split()
    libraries = {"aiohttp", "aiomqtt", "biip", "pymodbus", "serialx", "textual"}
    kinds = {"devices.plcs.modbus", "devices.plcs.mqtt_json", "devices.scanners.zebra_ssi", "devices.scales.mda"}
    assert not (libraries | kinds).intersection(imported.split())
