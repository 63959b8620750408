"""Let a running floor stand, go on, or go on for a moment."""

from __future__ import annotations

import click

from firmware_stubs.commands._running import ask, floor_option


@click.command("time")
@click.argument("do", type=click.Choice(["pause", "resume", "step"]))
@click.argument("ms", type=click.FloatRange(0, min_open=True), required=False)
@floor_option
def command(do: str, ms: float | None, floor: str) -> None:
    """Let a running floor stand (pause), go on (resume), or go on for MS milliseconds (step; 100).

    While it stands its machines are silent on their wires, and floord sees what it sees when they hang.
    """
    state = ask(floor, "POST", "/v1/time", {"do": do} | ({} if ms is None else {"ms": ms}))
    stood = f"in all it has stood for {state['stood_ms'] / 1000:.1f} s"
    click.echo(f"the floor {'stands' if state['paused'] else 'goes on'}; {stood}")
