"""Makes tests/recordings/hub.jsonl.gz: thirty parcels on two lines, the daemon killed on the way.

    python -m tests.make_recording

Run it when a rule of the floor was changed on purpose, after `floord replay-floor tests/recordings/hub.jsonl.gz` has
shown that the first difference is the wanted one. The same rules write the same bytes.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
from functools import partial
from pathlib import Path

from controller.demo_parcels import Parcels
from controller.journal_rows import Restored
from controller.node import Start
from controller.recording import Recorder
from controller.recording_file import texts
from tests.hub import Hub

FILE = Path(__file__).parent / "recordings" / "hub.jsonl.gz"
LINES, PARCELS, SEED = ["S1", "S2"], 30, 3


class RecordedHub(Hub):
    """A hub whose steps are recorded: `lines` is the recording, with a head for each life of the daemon."""

    def __init__(self, folder: Path, lines: int = 1, rate: float = 5.0, seed: int = 7) -> None:
        self.lines: list[bytes] = []
        self._file = folder / "floor.toml"
        super().__init__(folder, lines, rate, seed)

    def started(self, restored: Restored, start: Start) -> None:
        assert self.node is not None
        self.node.recorder = Recorder(texts(self._file, self.config), restored, start)

    def _pump(self) -> None:
        super()._pump()
        if self.node is not None and self.node.recorder is not None:
            self.lines += self.node.recorder.lines()


def record(folder: Path, parcels: int = PARCELS) -> RecordedHub:
    """A run to its end, killed twice: after a third of the parcels has ended, and after two thirds."""
    hub = RecordedHub(folder, lines=len(LINES), rate=5.0, seed=SEED)
    hub.run(lambda: hub.world.in_session)
    hub.world.release(hub.now)
    source = Parcels(LINES, SEED)
    for _ in range(parcels):
        hub.induct(source.next())
    for ended in (parcels // 3, 2 * parcels // 3):
        hub.run(partial(_has_ended, hub, ended))
        hub.kill()
    hub.run(hub.done)
    return hub


def _has_ended(hub: Hub, parcels: int) -> bool:
    return len(hub.ledger.terminals) >= parcels and hub.node is not None


def main() -> None:
    """Write the file."""
    # Its path stands in the floor file, so it is always the same one.
    with tempfile.TemporaryDirectory() as folder:
        lines = record(Path(folder)).lines
    text = b"".join(lines).replace(folder.encode(), b"/tmp/hub")
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_bytes(gzip.compress(text, mtime=0))
    print(f"{FILE}: {len(lines):,} lines, {FILE.stat().st_size:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
