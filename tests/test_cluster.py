"""Three nats-servers as one broker: what is acknowledged is stored three times, and kept though nobody subscribed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller import broker, cluster
from controller.cluster import MADE_BY_THE_SERVER, MESSAGES, STREAM, Cluster, start_cluster
from controller.jetstream import JetStream, Refused
from tests.cluster_story import out_of_order, tell
from tests.test_broker import Peer

TOPIC = "hub/v1/lgg/sorter-a/event/parcel/sorted"


def started(folder: Path) -> Cluster:
    try:
        return start_cluster(folder)
    except broker.BrokerMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with started(tmp_path_factory.mktemp("cluster")) as three:
        yield three


def test_every_stream_has_three_replicas_and_messages_have_limits(three: Cluster) -> None:
    found = {stream["config"]["name"]: stream["config"] for stream in three.ask("STREAM.LIST")["streams"]}
    assert set(found) == {MESSAGES, *MADE_BY_THE_SERVER}
    assert {config["num_replicas"] for config in found.values()} == {3}
    assert {key: found[MESSAGES][key] for key in STREAM} == STREAM
    assert three.leader() in three.nodes


def test_what_nobody_subscribed_is_there_when_its_puback_comes(three: Cluster) -> None:
    before = three.stored()
    node = Peer(three.nodes[0].port, "node")
    for number in range(1, 21):
        node.publish(TOPIC, [b"%d" % number])
        assert three.stored() == before + number
    node.leave()


def test_with_interest_retention_it_would_be_acknowledged_and_gone(three: Cluster) -> None:
    """Why the stream is made before the first client comes; one that was not is put right."""
    three.ask(f"STREAM.UPDATE.{MESSAGES}", {**STREAM, "retention": "interest"})
    node = Peer(three.nodes[0].port, "node")
    node.publish(TOPIC, [b"1", b"2", b"3"])
    assert three.stored() == 0
    three.make_stream()
    node.publish(TOPIC, [b"4"])
    assert three.stored() == 1
    node.leave()


def test_the_judge_of_order_sees_what_is_late() -> None:
    assert out_of_order([1, 2, 21, 1, 22, 41]) == []
    assert out_of_order([1, 41, 2, 21, 61]) == [21]


def test_a_session_goes_from_node_to_node_and_gets_everything(three: Cluster) -> None:
    """Not always in order: what was sent to its old connection in vain comes again later than what was not yet sent."""
    wanted = {b"%d" % number for number in range(50)}
    consumer = Peer(three.nodes[0].port, "roamer", clean=False)
    consumer.subscribe("hub/v1/#")
    consumer.leave()
    node = Peer(three.nodes[1].port, "node")
    node.publish(TOPIC, sorted(wanted))
    node.leave()
    consumer = Peer(three.nodes[2].port, "roamer", clean=False)
    assert consumer.connected is not None
    assert consumer.connected.session_present
    consumer.until(lambda: {message.payload for message in consumer.got} >= wanted)
    consumer.leave()


def test_who_subscribes_later_gets_nothing_of_before_though_it_is_kept(three: Cluster) -> None:
    """History is read from the stream; an MQTT subscription begins with what is published after it."""
    node = Peer(three.nodes[0].port, "node")
    node.publish(TOPIC, [b"before"])
    late = Peer(three.nodes[0].port, "late")
    late.subscribe("hub/v1/#")
    node.publish(TOPIC, [b"after"])
    late.until(lambda: bool(late.got))
    assert [message.payload for message in late.got] == [b"after"]
    node.leave()
    late.leave()


def test_a_node_is_killed_and_nothing_is_missing(three: Cluster) -> None:
    """The centre's node dies under it; the other victims, whose death costs seconds, are in the fault suite."""
    story = asyncio.run(tell(three, "centre", rows=600, rate=600.0))
    print(story)
    assert set(story.stream) == set(story.heard) == set(range(1, 601))
    assert out_of_order(story.stream) == []


def test_without_a_quorum_nothing_is_acknowledged(three: Cluster, full: bool) -> None:
    if not full:
        pytest.skip("waits for elections; --full")
    three.settle()
    left, *killed = three.nodes
    node = Peer(left.port, "node")
    for other in killed:
        other.kill()
    sent = node.client.publish(TOPIC, b"alone", qos=1)
    with pytest.raises(AssertionError, match="in vain"):
        node.until(sent.is_published)
    for other in killed:
        other.restart()
    three.settle()


def test_the_same_folder_again_has_what_was_acknowledged(tmp_path: Path, full: bool) -> None:
    if not full:
        pytest.skip("starts two clusters; --full")
    with started(tmp_path) as first:
        Peer(first.nodes[0].port, "node").publish(TOPIC, [b"1", b"2"])
        for node in first.nodes:
            node.kill()
    with started(tmp_path) as second:
        assert second.stored() == 2


def test_a_folder_has_one_cluster(three: Cluster) -> None:
    with pytest.raises(broker.BrokerFailed, match=r"runs in .* already"):
        start_cluster(three.nodes[0].log.parent)


@pytest.mark.parametrize("sync", ["", "2", "0s", "2 m", "often"])
def test_a_bad_sync_is_said(tmp_path: Path, sync: str) -> None:
    with pytest.raises(ValueError, match='write "always" or a duration'):
        start_cluster(tmp_path, sync)
    assert not list(tmp_path.iterdir())


def test_a_node_that_does_not_start_is_said_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(9)]
        ports = [server.getsockname()[1] for server in taken]
        monkeypatch.setattr(cluster, "_free_ports", lambda count: ports)
        try:
            with pytest.raises(broker.BrokerFailed, match=r"does not run; the end of (?s:.*)in use"):
                start_cluster(tmp_path)
        except broker.BrokerMissing as missing:
            pytest.skip(str(missing))


def test_the_nodes_die_with_their_parent(tmp_path: Path) -> None:
    """Before there is a leader, too: so it is not waited for."""
    script = (
        "import sys; from pathlib import Path; from controller import cluster\n"
        "def told(self): print(*(node.clients for node in self.nodes), flush=True); sys.stdin.read()\n"
        "cluster.Cluster.make_stream = told; cluster.start_cluster(Path(sys.argv[1]))"
    )
    try:
        broker.nats_binary()
    except broker.BrokerMissing as missing:
        pytest.skip(str(missing))
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        ports = [int(port) for port in parent.stdout.readline().split()]
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(connected(port)) for port in ports]
            parent.send_signal(signal.SIGKILL)
            assert [hang_up_after_hello(client) for client in clients] == [True] * 3


def connected(port: int) -> socket.socket:
    deadline = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def hang_up_after_hello(client: socket.socket) -> bool:
    """Read what it says, until the other side is gone; False after the socket's timeout."""
    try:
        while client.recv(4096):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize(
    ("said", "error", "match"),
    [
        (b"MSG _INBOX.1 1 2\r\n{}\r\n", None, ""),
        (b"PING\r\nINFO {}\r\nMSG _INBOX.1 1 2\r\n{}\r\n", None, ""),
        (b'MSG _INBOX.1 1 56\r\n{"error":{"err_code":10059,"description":"not found"}}   \r\n', Refused, "not found"),
        (b"-ERR 'Authorization Violation'\r\n", OSError, "Authorization Violation"),
        (b"MSG _INBOX.1 1 200\r\n{}", OSError, "broke"),
        (b"", OSError, "broke"),
        (None, OSError, "timed out"),
    ],
)
def test_what_a_server_may_say(said: bytes | None, error: type[Exception] | None, match: str) -> None:
    """`said` after INFO, then the server hangs up; None: it says nothing and stays."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def serve() -> None:
            client, _ = server.accept()
            with client:
                client.sendall(b"INFO {}\r\n" + (said or b""))
                if said is None:
                    over.wait(10)
                else:
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(4096):
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with JetStream(server.getsockname()[1], timeout_s=0.3) as api:
                if error is None:
                    assert api.ask("INFO") == {}
                else:
                    with pytest.raises(error, match=match):
                        api.ask("INFO")
        finally:
            over.set()
            thread.join(10)


def test_make_cluster_says_how_and_ends_with_ctrl_c(tmp_path: Path, full: bool) -> None:
    if not full:
        pytest.skip("starts a cluster; --full")
    with subprocess.Popen(
        [sys.executable, "-m", "controller.run_cluster", "--folder", str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        told = [parent.stdout.readline() for _ in range(10)]
        assert any(line.startswith('  url = ["mqtt://127.0.0.1:') for line in told), told
        pid = int(told[2].split("pid ")[1].split()[0])
        os.kill(pid, signal.SIGKILL)
        assert parent.stdout.readline() == "n1 is gone; it is started again in 10 s\n"
        assert parent.stdout.readline().startswith("n1 is started again, pid ")
        parent.send_signal(signal.SIGINT)
        assert parent.stdout.read() == "stopping\n"
    assert parent.returncode == 0
