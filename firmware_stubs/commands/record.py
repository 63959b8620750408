"""Record a real line between a machine and floord, or what passes on a broker."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from pathlib import Path
from urllib.parse import urlsplit

import click

from firmware_stubs.commands._recording import created, floor_text
from firmware_stubs.coupling import Listener
from firmware_stubs.events_wire import EventsWire
from firmware_stubs.floor_file import load_kind
from firmware_stubs.mqtt_wire import MqttWire
from firmware_stubs.sections import FloorError
from firmware_stubs.serve import beside
from firmware_stubs.stub import Piece, as_message
from firmware_stubs.tapping import Tap
from firmware_stubs.topics import matches
from firmware_stubs.wire import Job, PortError, Side, say
from firmware_stubs.wire_recording import DEVICE, HOST, Recorder, Wired, new_header

FAILED, PORT_MISSING = 1, 69


@click.command("record")
@click.option("--device", required=True, metavar="LINK", help="The machine: serial://, tcp://, tcp-listen://; mqtt://.")
@click.option("--host", metavar="LINK", help="For floord: pty:///path, tcp-listen://, tcp://. Not with a broker.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="A new file.")
@click.option("--name", default="line", show_default=True, help="What the line is called: the name of floord's device.")
@click.option("--kind", default="", help="The machine's kind, as in [stub.*]: check then knows what it is told.")
@click.option(
    "--floor", type=click.Path(dir_okay=False, path_type=Path), help="floord's floor file, to be kept with it."
)
@click.option("--topic", "topics", multiple=True, metavar="FILTER", help="On a broker: what is recorded.")
@click.option("--host-topic", "hosts", multiple=True, metavar="FILTER", help="On a broker: which of it floord says.")
@click.option("--events", metavar="mqtt://HOST:PORT", help="Record what floord publishes, and the centre, too.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="So long; without, until Ctrl-C.")
def command(
    device: str,
    host: str | None,
    out: Path,
    name: str,
    kind: str,
    floor: Path | None,
    topics: tuple[str, ...],
    hosts: tuple[str, ...],
    events: str | None,
    seconds: float | None,
) -> None:
    """Record a real line: stand between the machine and floord, hand on what both say, and write it into a file.

    It opens --device as floord would, and floord opens --host: for a serial line write pty:///some/path here, and
    serial:///some/path into the floor file. On a broker nobody need be stood between: it listens to --topic.

    Ctrl-C ends it. docs/wire-recordings.md describes the file.
    """
    on_broker = urlsplit(device).scheme == "mqtt"
    if on_broker != (host is None) or on_broker != bool(topics):
        raise click.UsageError(
            "--device mqtt://… needs --topic and no --host" if on_broker else "--host is needed, and no --topic"
        )
    try:
        if kind:
            load_kind(kind, "--kind")
        with contextlib.ExitStack() as files:
            floors = [floor_text(floor)] if floor else []
            write = created(out, files).write
            header = new_header(time.time() * 1000, {name: Wired(kind, host or device)}, floors)
            recorder = Recorder(write, header, time.monotonic() * 1000)
            links = {DEVICE: device, HOST: host or ""}
            asyncio.run(_record(name, links, recorder, topics, hosts, events, seconds))
    except (FloorError, PortError, OSError) as error:
        say(str(error))
        raise SystemExit(PORT_MISSING if isinstance(error, PortError) else FAILED) from None
    say(f"{recorder.entries:,} entries in {out}")


async def _record(
    name: str,
    links: dict[str, str],
    recorder: Recorder,
    topics: tuple[str, ...],
    hosts: tuple[str, ...],
    events: str | None,
    seconds: float | None,
) -> None:
    loop, jobs = asyncio.get_running_loop(), list[Job]()
    done = asyncio.Event()

    def now() -> float:
        return loop.time() * 1000

    if events:
        jobs += EventsWire(events, recorder, now).jobs()
    if links[HOST]:
        tap = Tap(name, links, recorder, now)
        await tap.open()
        jobs += [*tap.jobs(), tap.run()]
        say(f"ready: floord opens {tap.where}")
    else:
        jobs += _listener(name, links[DEVICE], recorder, topics, hosts).jobs()
        say(f"ready: listens at {links[DEVICE]}")
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, done.set)
    if seconds:
        loop.call_later(seconds, done.set)

    async def until_done() -> None:
        await done.wait()

    await beside(jobs, until_done())


def _listener(name: str, broker: str, listener: Listener, topics: tuple[str, ...], hosts: tuple[str, ...]) -> MqttWire:
    """At a broker. Raises PortError."""
    url, loop = urlsplit(broker), asyncio.get_running_loop()
    if not url.hostname or url.username is not None:
        raise PortError(f"--device {broker}: give mqtt://host:port, without name and password")

    def heard(piece: Piece) -> None:
        message = as_message(piece)
        side = HOST if any(matches(filter_, message.topic) for filter_ in hosts) else DEVICE
        listener.wire(loop.time() * 1000, name, side, message)

    return MqttWire(url.hostname, url.port or 1883, Side(heard, subscriptions=tuple((one, 1) for one in topics)))
