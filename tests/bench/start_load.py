"""What a start of floord meets: machines that begin the moment it is there, and a floor with one of every kind."""

from __future__ import annotations

import itertools
import os
import re
import socket
import time
import tty
from contextlib import ExitStack
from pathlib import Path
from random import Random

from tests.bench.load import LEFT_MS, PER_PLC, Load, Window
from tests.bench.plc_end import SPEED_MM_S
from tests.bench.subjects import LINE

FRAMED = 'prefix = "\\u0002"\nsuffix = "\\u0003"\n'
READERS = {
    "cubiscan": "",
    "datalogic": "",
    "dataman": "",
    "honeywell": 'code_id = "aim"\n',
    "keyence_sr": 'framing = "stx"\n',
    "line": FRAMED,
    "mda": "",
    "sick_cola": "",
    "zebra_ssi": "",
}
ON_BROKER = {"mqtt_scan": 'base = "bench/hands"\n', "zebra_fx": 'base = "bench/portal"\n'}
PLCS = {"mqtt_json": 'base = "bench/plc"\n', "modbus": "numbers = { Z1-IND = 2, Z1-DEC = 3, Z1-EX = 4 }\n"}
DESK = (
    '[point.{point}]\nkind = "presence"\n[scanner.{name}]\nkind = "{kind}"\nlink = "{link}"\npoint = "{point}"\n{more}'
)


class Machines(Load):
    """The load of the bench, with parcels from the first one at each start; a PLC goes on counting its events."""

    parcels = 0
    """So many there are in all, which come again and again; 0: always new ones."""

    def _item(self, rng: Random) -> tuple[int, int]:
        track, line = super()._item(rng)
        if self.parcels:
            self._parcels[track] = self._parcels[track][0] % self.parcels + 1, line
        return track, line

    def restart(self) -> None:
        """As of every load."""
        counts = [plc._evt for plc in self.plcs]
        super().restart()
        self._numbers = itertools.count(1)
        for plc, count in zip(self.plcs, counts, strict=False):
            plc._evt = count

    def first(self) -> int:
        """As soon as there is a session an item arrives, and every scanner of its line reads it; ns of its divert."""
        self.synchronise()
        window = self._window = Window(1)
        track, line = self._item(Random(0))
        read = b"\x02%06d%s\x03" % (track, self._codes(self._parcels[track][0])[0])
        self._sent[track] = time.monotonic_ns()

        def taken() -> None:
            for fd in self._scanners[line * PER_PLC : (line + 1) * PER_PLC]:
                os.write(fd, read)

        self.plcs[line].arrived(f"{self.lines[line]}-DEC", track, LEFT_MS, taken)
        self._until(lambda: len(window.took) == 1, "the first divert")
        at, self._left = time.monotonic_ns(), 1
        self._leaves(track, line)
        self._until(lambda: self._left == 0, "the first item has left")
        return at

    def stand(self, seconds: float) -> None:
        """Nothing happens, but for the life signs of the sessions."""
        until = time.monotonic() + seconds
        self._until(lambda: time.monotonic() > until, "nothing")


def everything(floor: Path, url: str, stack: ExitStack) -> None:
    """Add to a floor file a machine of every other kind, on terminals, TCP, RFC 2217 and the broker. Nobody speaks."""
    text = floor.read_text()
    links = {kind: f"serial://{_terminal(stack)}?baud=9600" for kind in READERS}
    desks = [(kind, links[kind], more) for kind, more in READERS.items()]
    for form in ("tcp://127.0.0.1:{}", "rfc2217://127.0.0.1:{}?baud=9600"):
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        desks.append(("line", form.format(server.getsockname()[1]), FRAMED))
    desks += [(kind, url, more) for kind, more in ON_BROKER.items()]
    for number, (kind, link, more) in enumerate(desks):
        text += DESK.format(point=f"DESK-{number}", name=f"desk-{number}", kind=kind, link=link, more=more)
    for kind, more in PLCS.items():
        line = "Z1" if kind == "modbus" else "Z2"
        path = _terminal(stack)
        made = LINE.format(line=line, speed=SPEED_MM_S, path=path, plc=line).replace(
            'kind = "telegram"', f'kind = "{kind}"'
        )
        made = made.replace(f'plc = "{line}"\n', more)
        text += made.replace(f"serial://{path}?baud=115200", url) if kind == "mqtt_json" else made
    floor.write_text(text)


def supervised(floor: Path) -> None:
    """Make every lane one that customs controls: what lies in any other is remembered until it leaves."""
    text = re.sub(r"(\[lane\.\S+-L\d+\]\n)", r"\1supervised = true\n", floor.read_text())
    floor.write_text(text)


def _terminal(stack: ExitStack) -> str:
    """A terminal that keeps its far end open."""
    master, slave = os.openpty()
    tty.setraw(slave)
    stack.callback(os.close, master)
    stack.callback(os.close, slave)
    return os.ttyname(slave)
