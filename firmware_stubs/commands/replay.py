"""Play one side of a recorded line to the real other side."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from firmware_stubs.commands._recording import whole
from firmware_stubs.notice import notice_at
from firmware_stubs.playing import Played, Player, Playing
from firmware_stubs.sections import FloorError
from firmware_stubs.serve import beside
from firmware_stubs.wire import PortError, say
from firmware_stubs.wire_recording import DEVICE, HOST, NotARecordingError, Recording

EXIT_DIFFERENT, EXIT_DATA, EXIT_PORT = 1, 65, 69
SHOWN = 20


@click.command("replay")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--as", "role", required=True, type=click.Choice((DEVICE, HOST)), help="Which side is played.")
@click.option(
    "--link", required=True, help="Where: pty:///path, tcp-listen://, tcp://, mqtt://, serial:///dev/…?baud=."
)
@click.option("--name", help="Which link of the recording; needed where it has several.")
@click.option("--real", is_flag=True, help="Allow serial:// links, and what is called on other machines.")
@click.option("--speed", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True, help="Times faster.")
def command(file: Path, role: str, link: str, name: str | None, real: bool, speed: float) -> None:
    """Play one side of a link in the wire recording FILE, and say what the other side answered.

    As device: answers of the machine repeat the numbers of what is asked now, where its kind has numbers, and what
    floord answers is compared by its meaning. As host: the bytes are played as they are, and what the machine says is
    compared as it is.

    Exit code 0: all that was recorded of the other side came. 1: something of it did not, or was different. 65: FILE
    is no recording, or is damaged. 69: the port is not available.
    """
    try:
        recording = whole(file)
        named = _link(recording, name)
        played = asyncio.run(_play(Player(recording, named, role, speed), link, speed, real, {named: role}))
    except OSError as error:
        raise click.UsageError(f"{file}: {(error.strerror or str(error)).lower()}") from None
    except (NotARecordingError, FloorError) as error:
        say(f"{file}: {error}")
        sys.exit(EXIT_DATA)
    except PortError as error:
        say(str(error))
        sys.exit(EXIT_PORT)
    for line in told(played, role):
        click.echo(line)
    sys.exit(EXIT_DIFFERENT if played.differences else 0)


def _link(recording: Recording, name: str | None) -> str:
    links = list(recording.header.links)
    if name is None and len(links) == 1:
        return links[0]
    if name not in links:
        raise click.UsageError(f"--name: the recording has the links {', '.join(links)}; name one")
    return name


async def _play(player: Player, link: str, speed: float, real: bool, simulated: Mapping[str, str]) -> Played:
    playing = Playing(player, speed)
    notice = notice_at(link, simulated)
    wire = await playing.open(link, real=real, allowed=notice.allowed if notice else None)
    loop, found = asyncio.get_running_loop(), list[Played]()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    say(f"ready: {wire.where}")

    async def run() -> None:
        found.append(await playing.run())

    async def until_stopped() -> None:
        await stopped.wait()

    try:
        looks = [notice.run()] if notice else []
        await beside([*wire.jobs(), *looks, until_stopped()], run())
    finally:
        playing.close()
    return found[0] if found else playing.so_far()


def told(played: Played, role: str) -> list[str]:
    """How it went, in words."""
    other = HOST if role == DEVICE else DEVICE
    rows = [f"said {played.said:,}; of the {other} {played.recorded:,} were recorded, {played.came:,} came"]
    if not played.differences:
        return [*rows, "all that was recorded came"]
    rows.append(f"{len(played.differences):,} differ:")
    for one in played.differences[:SHOWN]:
        rows += [f"  {one.t / 1000:.3f} s  {one.fact.about}"]
        rows += [f"    recorded  {one.recorded.text if one.recorded else 'nothing'}"]
        rows += [f"    came      {one.now.text if one.now else 'nothing'}"]
    return rows + ([f"  and {len(played.differences) - SHOWN:,} more"] if len(played.differences) > SHOWN else [])
