"""`make cluster`: the cluster at a terminal, until Ctrl-C; a node that dies is started again."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import tempfile
import time
from pathlib import Path

from controller.broker import LOOPBACK, BrokerFailed, BrokerMissing
from controller.cluster import KEEP_BYTES, KEEP_DAYS, MESSAGES, Cluster, start_cluster

AGAIN_S = 10.0


def main() -> int:
    """0 after Ctrl-C or SIGTERM; 1 when the cluster could not be started."""
    parser = argparse.ArgumentParser(
        prog="python -m controller.run_cluster", description="Three nats-servers as one JetStream cluster."
    )
    parser.add_argument("--folder", type=Path, help="stores and logs, used again the next time; else a temporary one")
    parser.add_argument("--sync", default="2m", help='"always", or how long the page cache may hold (default: 2m)')
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.ExitStack() as stack:
        folder = wanted.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hubfloor-cluster-")))
        try:
            print("three nats-servers start; their first leader takes up to 9 s", flush=True)
            cluster = stack.enter_context(start_cluster(folder.absolute(), wanted.sync))
            print(_told(cluster, folder.absolute()), flush=True)
            _watch(cluster)
        except KeyboardInterrupt:
            print("stopping", flush=True)
        except (ValueError, OSError, BrokerMissing, BrokerFailed) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


def _told(cluster: Cluster, folder: Path) -> str:
    nodes = "\n".join(
        f"  {node.name}  {node.url}  pid {node.child.pid}  nats://{LOOPBACK}:{node.clients}" for node in cluster.nodes
    )
    urls = ", ".join(json.dumps(url) for url in cluster.urls)
    return f"""ready; stores, logs and configurations in {folder}
{nodes}
In the floor file of floord:
  [broker]
  url = [{urls}]
{MESSAGES} has three replicas and keeps {KEEP_DAYS} days or {KEEP_BYTES // 1024**2} MiB, whoever subscribes.
To see what breaks: kill -9 a pid; it is started again after {AGAIN_S:.0f} s. Ctrl-C stops all three."""


def _watch(cluster: Cluster) -> None:
    """Until KeyboardInterrupt: start again what died, as systemd would."""
    due: dict[str, float] = {}
    while True:
        for node in cluster.nodes:
            if node.child.running:
                continue
            now = time.monotonic()
            if node.name not in due:
                due[node.name] = now + AGAIN_S
                print(f"{node.name} is gone; it is started again in {AGAIN_S:.0f} s", flush=True)
            elif now >= due[node.name]:
                del due[node.name]
                node.restart()
                print(f"{node.name} is started again, pid {node.child.pid}", flush=True)
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
