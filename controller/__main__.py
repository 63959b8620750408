"""`floord`: the daemon of a parcel hub's floor and its tools.

Each verb is one module `controller/commands/<verb>.py` with a click command named `command`; `_` in the file's name is
`-` in the verb, and a module whose name begins with `_` is no verb. Nothing is registered: a verb is imported when it
is called, and the others are not (`--help` reads the first line of each and so imports all).
"""

from __future__ import annotations

import importlib
import pkgutil

import click

from controller import commands

EXIT_CODES = """\b
Exit codes, the same for every command:
  0   done
  1   failed, or the answer is no
  2   wrong usage
  65  a recording is none, or is damaged
  69  a broker, a port or the daemon is not available
  70  the journal's disk failed
  71  an error in hubfloor itself; the log has the stack
  72  the daemon stood still for 10 s; the log has every stack
  75  already running
  78  the configuration or the plan is wrong
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
    """Runs the floor of a parcel hub: machines in, decisions out in time, every event to the broker."""


if __name__ == "__main__":
    main(prog_name="floord")
