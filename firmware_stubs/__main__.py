"""`floorsim`: the hardware of a parcel hub without the hardware.

Each verb is one module `firmware_stubs/commands/<verb>.py` with a click command named `command`; `_` in the file's
name is `-` in the verb, and a module whose name begins with `_` is no verb. Nothing is registered: a verb is imported
when it is called, and the others are not (`--help` reads the first line of each and so imports all).
"""

from __future__ import annotations

import importlib
import pkgutil

import click

from firmware_stubs import commands

EXIT_CODES = """\b
Exit codes, the same for every command:
  0   done
  1   failed, or the answer is no
  2   wrong usage
  65  a recording is none, or is damaged
  69  a broker or a port is not available, or a node in production is at the broker
  75  already running
  78  the floor file, or the scenario, is wrong
"""


class Verbs(click.Group):
    """A group whose commands are the modules of a package."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every verb, by name."""
        found = [info.name for info in pkgutil.iter_modules(commands.__path__)]
        return sorted(name.replace("_", "-") for name in found if not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a verb, imported now; None when there is no such verb."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{commands.__name__}.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command


@click.group(cls=Verbs, epilog=EXIT_CODES)
@click.version_option(package_name="hubfloor")
def main() -> None:
    """Simulated scanners, PLCs and belts on real wires: serial ports, ptys, TCP, RFC 2217, MQTT."""


if __name__ == "__main__":
    main(prog_name="floorsim")
