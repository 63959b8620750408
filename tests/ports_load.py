"""`make ports-load`: many scanners on ports of one process. Prints what was lost, and what it cost.

Another process writes codes into the far ends of pseudo-terminals, each code with the time at which it was written.
Links and drivers are the daemon's own, so a scan's time runs from the write to the Read that the driver gives.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import resource
import sys
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass, field

from controller import descriptors
from devices.driver import Driver, make
from devices.links import Link, open_link
from devices.scanners.line import Settings
from devices.types import Kept, Message, Read

PATIENCE_S = 20.0


@dataclass
class Outcome:
    """What came of `sent` scans on `ports` ports."""

    ports: int
    sent: int
    took_s: float = 0.0
    cpu_s: float = 0.0
    rss_mb: float = 0.0
    downs: list[str] = field(default_factory=list)
    garbled: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    late_ms: list[float] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Scans that never came."""
        return self.sent - len(self.seen)

    @property
    def twice(self) -> int:
        """Scans that came more than once."""
        return sum(count - 1 for count in self.seen.values())

    def shown(self) -> str:
        """For people."""
        late = sorted(self.late_ms) or [0.0]
        p50, p99 = (late[min(len(late) - 1, int(len(late) * share))] for share in (0.5, 0.99))
        share, each = self.cpu_s / max(self.took_s, 0.001), self.cpu_s / max(self.sent, 1)
        return (
            f"{self.ports} ports, {self.sent} scans in {self.took_s:.1f} s: {self.lost} lost, {self.twice} twice, "
            f"{self.garbled} garbled, {len(self.downs)} hang-ups\n"
            f"CPU {share * 100:.1f} % of a core, {each * 1e6:.0f} µs a scan; RSS {self.rss_mb:.0f} MB; "
            f"from the write to the item p50 {p50:.2f} ms, p99 {p99:.2f} ms, "
            f"at most {late[-1]:.2f} ms"
        )


class Desk:
    """Handler of all links: each has a driver of its own."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self.drivers: dict[str, Driver] = {}
        self.up_now: set[str] = set()
        self.changed = asyncio.Event()

    def up(self, link_name: str, at: float) -> None:
        """It is open."""
        self.drivers[link_name].opened(at, Kept())
        self.up_now.add(link_name)
        self.changed.set()

    def down(self, link_name: str, why: str, at: float) -> None:
        """It must not be."""
        self._outcome.downs.append(f"{link_name}: {why}")
        self.changed.set()

    def received(self, link_name: str, data: bytes | Message, at: float) -> None:
        """Codes, each with its time."""
        for item in self.drivers[link_name].feed(data, at):
            if isinstance(item, Read):
                self._outcome.late_ms.append((time.monotonic_ns() - int(item.text.partition("T")[2])) / 1e6)
                self._outcome.seen[item.text] = self._outcome.seen.get(item.text, 0) + 1
            else:
                self._outcome.garbled += 1
        self.changed.set()

    async def until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait; Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


async def measure(ports: int, rate: float, scans: int) -> Outcome:
    """`scans` on each of so many ports, `rate` a second on each."""
    outcome = Outcome(ports, ports * scans)
    if problem := descriptors.make_room(2 * ports):
        raise SystemExit(problem)
    desk, loop = Desk(outcome), asyncio.get_running_loop()
    far, links = [], list[Link]()
    for number in range(ports):
        master, slave = os.openpty()
        tty.setraw(slave)
        far.append(master)
        name = f"p{number}"
        desk.drivers[name] = make("line", Settings(prefix="\x02", suffix="\x03"))
        links.append(open_link(name, f"serial://{os.ttyname(slave)}", desk, loop, random.Random(number)))
        links[-1].start()
        os.close(slave)
    sender = None
    try:
        await desk.until(lambda: len(desk.up_now) == ports or bool(outcome.downs), PATIENCE_S)
        before, begun = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
        sender = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.ports_load", "--send", ",".join(map(str, far))),
            *("--rate", str(rate), "--scans", str(scans)),
            pass_fds=far,
        )
        await asyncio.wait_for(sender.wait(), PATIENCE_S + scans / rate)
        try:
            await desk.until(lambda: not outcome.lost, 3.0)
        except TimeoutError:
            pass  # that is what the outcome tells
        after = resource.getrusage(resource.RUSAGE_SELF)
        outcome.took_s = time.monotonic() - begun
        outcome.cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        outcome.rss_mb = after.ru_maxrss / 1024
    finally:
        if sender is not None and sender.returncode is None:
            sender.kill()
        for link in links:
            link.stop()
        for fd in far:
            os.close(fd)
    return outcome


def send(far: list[int], rate: float, scans: int) -> None:
    """The scanners: their codes spread evenly over the time between two of one port."""
    begun, gap = time.monotonic(), 1.0 / rate / len(far)
    for number in range(scans * len(far)):
        time.sleep(max(0.0, begun + number * gap - time.monotonic()))
        scan, port = divmod(number, len(far))
        os.write(far[port], b"\x02P%dN%dT%d\x03" % (port, scan, time.monotonic_ns()))


def main() -> int:
    """Exit code 0: nothing was lost."""
    parser = argparse.ArgumentParser(prog="ports-load", description=__doc__)
    parser.add_argument("--ports", type=int, default=256)
    parser.add_argument("--rate", type=float, default=4.0, help="scans a second on each port")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--send", help=argparse.SUPPRESS)
    parser.add_argument("--scans", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.send:
        send([int(fd) for fd in chosen.send.split(",")], chosen.rate, chosen.scans)
        return 0
    outcome = asyncio.run(measure(chosen.ports, chosen.rate, chosen.scans or int(chosen.seconds * chosen.rate)))
    print(outcome.shown(), *outcome.downs[:10], sep="\n")
    return 1 if outcome.lost or outcome.twice or outcome.garbled or outcome.downs else 0


if __name__ == "__main__":
    sys.exit(main())
