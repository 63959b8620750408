"""`floord ports`: the serial ports of this machine, and what speaks on one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from controller.commands import _ports_heard, _ports_list
from controller.listening import Listening, local
from controller.ports_guess import judge
from controller.wording import counted
from devices.serial_link import PortUnusable

EXIT_UNAVAILABLE = 69


@click.command("ports")
@click.option(
    "-f",
    "--floor",
    type=click.Path(path_type=Path),
    envvar="FLOORD_FLOOR",
    help="Say which device of this floor file is where.  [env: FLOORD_FLOOR; default: floor.toml where there is one]",
)
@click.option("--listen", metavar="PORT", help="Listen to a port: a path, serial://… or usb://…, with ?baud=…")
@click.option("--seconds", type=click.FloatRange(0.1, 3600), default=15.0, show_default=True, help="How long.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for scripts.")
def command(floor: Path | None, listen: str | None, seconds: float, as_json: bool) -> None:
    """List serial ports: stable names, adapters, who holds them, whether we may, and who uses them.

    With --listen show what comes on one of them, and guess which kind of machine speaks. Nothing is written to it; a
    port that a program holds is refused, but not the pty of a stub of floorsim. Exit code 0: there are ports, or what
    was heard is understood. 1: none, or nobody understands it. 69: the port cannot be used.
    """
    if listen is not None:
        sys.exit(_listen(listen, seconds, as_json))
    path = floor or (Path("floor.toml") if Path("floor.toml").exists() else None)
    found, missing = _ports_list.gathered(path)
    if as_json:
        click.echo(json.dumps({"ports": found, "missing": missing}, indent=2, ensure_ascii=True))
    else:
        click.echo("\n".join(_ports_list.shown(found, missing)))
    sys.exit(0 if found else 1)


def _listen(port: str, seconds: float, as_json: bool) -> int:
    try:
        url = local(port)
        listening = Listening(url)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    except PortUnusable as error:
        click.echo(f"Error: {_ports_list.safe(str(error))}", err=True)
        return EXIT_UNAVAILABLE
    heard: list[tuple[bytes, float]] = []
    rows = _ports_heard.Rows()
    if not as_json:
        click.echo(
            f"{_ports_list.safe(listening.path)}: {_ports_heard.settings(url)}, listening for {seconds:g} s; "
            "Ctrl-C ends it"
        )
    try:
        for data, at in listening.pieces(seconds):
            heard.append((data, at))
            for row in rows.of(data, at) if not as_json else ():
                click.echo(row)
    except KeyboardInterrupt:
        pass
    finally:
        errors = listening.errors()
        listening.close()
    verdict = judge(heard, url.baud, errors)
    if as_json:
        data = b"".join(piece for piece, _ in heard)
        said: dict[str, Any] = {"port": listening.path, "bytes": len(data), "hex": data.hex(), "errors": errors}
        click.echo(json.dumps(said | _ports_heard.as_json(verdict), indent=2, ensure_ascii=True))
    else:
        click.echo(f"heard {counted(sum(len(data) for data, _ in heard), 'byte')}")
        click.echo("\n".join(_ports_heard.words(verdict)))
    return 0 if verdict.sure != "no" else 1
