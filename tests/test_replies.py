"""What a machine answered last is shown to people: who it is, and what it said to a command."""

from __future__ import annotations

from controller.commands.status import of_device
from controller.machines import REPLIES
from controller.status import status
from devices.links import Health
from devices.types import Reply
from tests.floor_fixture import TUNNEL
from tests.test_node import Daemon
from tests.test_zebra_ssi import REPLY_REVISION

SSI = (
    'kind = "line"\nlink = "tcp://127.0.0.1:2112" => kind = "zebra_ssi"\nlink = "tcp://127.0.0.1:2112"',
    'late_mm = 400\nprefix = "\\u0002"\nsuffix = "\\u0003"\n => late_mm = 400\n',
)


def shown(daemon: Daemon) -> list[str]:
    """The rows of `floord status --device`."""
    links = {name: Health() for name in daemon.node.drivers}
    return of_device(TUNNEL, status(daemon.node, links, daemon.now)["links"][TUNNEL], 80)


def test_the_firmware_of_a_scanner_is_shown() -> None:
    daemon = Daemon(*SSI).up()
    assert not any("answered" in row for row in shown(daemon))
    daemon.node.take(TUNNEL)
    daemon.node.received(TUNNEL, REPLY_REVISION, daemon.now)
    daemon.now += 1500
    assert "answered  1.5 s ago  REPLY_REVISION: PAABAS00-001-R00 1" in shown(daemon)


def test_the_latest_answer_of_each_kind_is_kept_and_of_kinds_only_some() -> None:
    daemon = Daemon().up()
    for number in range(REPLIES + 2):
        daemon.node._items(TUNNEL, [Reply("who", str(number), b"", 0.0), Reply(f"v{number}", "", b"", 0.0)], daemon.now)
    daemon.node._items(TUNNEL, [Reply("state", "\x1b[2J", b"", daemon.now)], daemon.now)
    kept = daemon.node.replies[TUNNEL]
    assert list(kept) == ["v4", "who", "v5", "state"]
    assert kept["who"].text == str(REPLIES + 1)
    first = next(row for row in shown(daemon) if row.startswith("answered"))
    assert "state: " in first
    assert "\x1b" not in first
