"""TLS to real brokers: what fails is said in words to act on, and new files are taken up in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller import broker
from controller.broker import BrokerMissing, Child
from controller.outbox import Outbox
from controller.plans import ConfigErrors, load_floor
from controller.uplink import Options
from devices import mqtt_tls, mqtt_watch
from devices.links import OnBroker
from tests.test_check import check
from tests.test_config import FLOOR
from tests.test_mqtt_link import UP, Hearer
from tests.test_mqtt_link import linked as device_on
from tests.test_uplink import Publisher, User, committed, linked, mosquitto_with, row, run

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="Debian package openssl is missing")

DAY_S = 86_400


class Authority:
    """Somebody who signs certificates, in a folder of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.certificate = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        self._name = name
        subject = ("-subj", f"/CN={name}", "-keyout", self._key, "-out", self.certificate)
        self._openssl("req", "-x509", *EC, "-nodes", "-days", "1000", *subject)

    def sign(self, name: str, begins: float = -1.0, ends: float = 90.0, hosts: str = "") -> tuple[Path, Path]:
        """Certificate and key; valid from so many days from now until so many. Made anew in place by rename."""
        request, key, made = self.folder / "request", self.folder / f"{name}.key", self.folder / f"{name}.pem"
        new_key, new = self.folder / "new.key", self.folder / "new.pem"
        self._openssl("req", *EC, "-nodes", "-subj", f"/CN={name}", "-keyout", new_key, "-out", request)
        (self.folder / "index").write_text("")
        (self.folder / "ca.conf").write_text(
            f"[ca]\ndefault_ca = us\n[us]\ndatabase = {self.folder}/index\nnew_certs_dir = {self.folder}\n"
            "rand_serial = yes\ndefault_md = sha256\npolicy = any\nunique_subject = no\n[any]\ncommonName = supplied\n"
            "[more]\nbasicConstraints = CA:FALSE\n" + (f"subjectAltName = {hosts}\n" if hosts else "")
        )
        dates = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * DAY_S)) for days in (begins, ends)]
        signer = ("-cert", self.certificate, "-keyfile", self._key, "-config", self.folder / "ca.conf")
        when = ("-startdate", dates[0], "-enddate", dates[1])
        self._openssl("ca", "-batch", "-notext", "-extensions", "more", *signer, *when, "-in", request, "-out", new)
        os.replace(new_key, key)
        os.replace(new, made)
        return made, key

    def _openssl(self, *arguments: str | Path) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
LOCAL = "IP:127.0.0.1,DNS:localhost"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"), "ours")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("other"), "other")


@contextlib.contextmanager
def tls_mosquitto(folder: Path, server: tuple[Path, Path], *lines: str) -> Iterator[Child]:
    """mosquitto with TLS on `port + 0`; a plain listener beside it tells that it is ready."""
    try:
        binary = str(broker.mosquitto_binary())
    except BrokerMissing as missing:
        pytest.skip(str(missing))
    port = broker.free_port()
    secure = (f"listener {port} 127.0.0.1", f"certfile {server[0]}", f"keyfile {server[1]}")

    def command(plain: int) -> list[str]:
        config = folder / "tls.conf"
        all_lines = ("per_listener_settings true", f"listener {plain} 127.0.0.1", "allow_anonymous true", "user root")
        anonymous = () if any("password_file" in line for line in lines) else ("allow_anonymous true",)
        config.write_text("\n".join([*all_lines, *secure, *anonymous, *lines, ""]))
        return [binary, "-c", str(config)]

    with broker._start(command, None, folder / "tls.log") as child:
        yield Child(child._process, port, child.log)


def tls(child: Child, authority: Authority | None, own: tuple[Path, Path] | None = None) -> Options:
    files = {"cert_file": str(own[0]), "key_file": str(own[1])} if own else {}
    ca = str(authority.certificate) if authority else None
    return Options(f"mqtts://127.0.0.1:{child.port}", "floord", ca_file=ca, **files)  # type: ignore[arg-type]


async def first_word(options: Options) -> str:
    """Why a connection is refused."""
    user = User()
    async with linked(options, user):
        await user.until(lambda: bool(user.downs or user.sessions))
        assert user.sessions == [], "it was accepted"
        return user.downs[0]


def told(folder: Path, server: tuple[Path, Path], authority: Authority | None, *lines: str) -> str:
    found = []

    async def scenario() -> None:
        with tls_mosquitto(folder, server, *lines) as child:
            found.append((await first_word(tls(child, authority))).replace(f":{child.port}", ""))

    run(scenario)
    return found[0]


def now_in(text: str) -> str:
    """The text with this minute for the clock's; a minute that has just ended is good, too."""
    for seconds in (0, 60):
        minute = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(time.time() - seconds))
        text = text.replace(minute, "NOW")
    return text


def test_a_good_broker_is_reached_and_its_certificates_end_is_known(tmp_path: Path, ours: Authority) -> None:
    server = ours.sign("server", hosts=LOCAL, ends=20)

    async def scenario() -> None:
        with tls_mosquitto(tmp_path, server) as child:
            user = User()
            async with linked(tls(child, ours), user) as uplink:
                await user.until(lambda: len(user.sessions) == 1)
                uplink.publish(1, "a", b"x" * 200_000, 1, False)  # more than one record of TLS
                await user.until(lambda: 1 in user.answers)
                assert uplink.certificate_ends == pytest.approx(time.time() + 20 * DAY_S, abs=60)

    run(scenario)


def test_an_expired_certificate_or_a_wrong_clock(tmp_path: Path, ours: Authority) -> None:
    server = ours.sign("expired", begins=-10, ends=-1, hosts=LOCAL)
    assert now_in(told(tmp_path, server, ours)) == (
        "127.0.0.1: its certificate has expired, or this machine's clock is wrong: it says NOW"
    )


def test_a_certificate_of_tomorrow_or_a_wrong_clock(tmp_path: Path, ours: Authority) -> None:
    server = ours.sign("tomorrow", begins=1, hosts=LOCAL)
    assert now_in(told(tmp_path, server, ours)) == (
        "127.0.0.1: its certificate is not valid yet, or this machine's clock is wrong: it says NOW"
    )


def test_a_wrong_name_and_the_right_ones(tmp_path: Path, ours: Authority) -> None:
    server = ours.sign("elsewhere", hosts="DNS:broker.hub,IP:10.0.0.7")
    assert told(tmp_path, server, ours) == (
        "127.0.0.1: its certificate is not for '127.0.0.1' but for broker.hub, 10.0.0.7; write that name in the url"
    )


def test_a_signer_nobody_knows(tmp_path: Path, ours: Authority, other: Authority) -> None:
    server = ours.sign("server", hosts=LOCAL)
    assert told(tmp_path, server, other) == (
        f"127.0.0.1: its certificate was not signed by a certificate in ca_file {other.certificate}"
    )
    assert told(tmp_path, server, None) == (
        "127.0.0.1: nobody whom this machine trusts has signed its certificate; write ca_file with who did"
    )


@pytest.mark.parametrize("version", ["tlsv1.2", "tlsv1.3"])
def test_what_a_broker_says_of_our_certificate(version: str, tmp_path: Path, ours: Authority, other: Authority) -> None:
    server = ours.sign("server", hosts=LOCAL)
    expired, stranger = ours.sign("late", begins=-10, ends=-1), other.sign("stranger")
    good = ours.sign("good")
    lines = (f"cafile {ours.certificate}", "require_certificate true", f"tls_version {version}")

    async def scenario() -> None:
        with tls_mosquitto(tmp_path, server, *lines) as child:
            where = f"127.0.0.1:{child.port}: "
            word = await first_word(tls(child, ours))
            assert word in (
                f"{where}it wants a certificate of us; write cert_file and key_file",
                f"{where}it and we have no kind of TLS in common, or it wants a certificate of us (cert_file)",
            )
            word = await first_word(tls(child, ours, stranger))
            assert word == f"{where}it does not know who signed our certificate in cert_file {stranger[0]}"
            word = await first_word(tls(child, ours, expired))
            assert word.startswith(f"cert_file {expired[0]}: the certificate has expired on 20"), (
                "seen before it is sent"
            )
            user = User()
            async with linked(tls(child, ours, good), user):
                await user.until(lambda: len(user.sessions) == 1)

    run(scenario)


def test_a_broker_that_takes_our_certificate_for_expired(
    tmp_path: Path, ours: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock is another one than ours, so our own look finds nothing."""
    monkeypatch.setattr(mqtt_tls, "validity", lambda der: (0.0, 1e12))
    server, expired = ours.sign("server", hosts=LOCAL), ours.sign("late", begins=-10, ends=-1)

    async def scenario() -> None:
        with tls_mosquitto(tmp_path, server, f"cafile {ours.certificate}", "require_certificate true") as child:
            assert await first_word(tls(child, ours, expired)) == (
                f"127.0.0.1:{child.port}: it says that our certificate in cert_file {expired[0]} has expired; "
                "look at both clocks"
            )

    run(scenario)


def test_a_broker_of_an_older_tls(ours: Authority) -> None:
    server = ours.sign("server", hosts=LOCAL)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.load_cert_chain(*server)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="deprecated"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1

    def greet(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            old.wrap_socket(connection, server_side=True)

    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            where = f"127.0.0.1:{listening.getsockname()[1]}"
            serving = asyncio.create_task(asyncio.to_thread(greet, listening))
            word = await first_word(Options(f"mqtts://{where}", "floord", ca_file=str(ours.certificate)))
            await serving
            assert word == f"{where}: it speaks an older TLS only; at least TLS 1.2 is needed"

    run(scenario)


def test_plain_and_tls_mistaken_for_each_other(tmp_path: Path, ours: Authority) -> None:
    server = ours.sign("server", hosts=LOCAL)

    async def scenario() -> None:
        with tls_mosquitto(tmp_path, server) as child:
            word = await first_word(replace(tls(child, None), url=child.url))
            assert word == "the broker closed before it answered: does it want TLS (mqtts://) on this port?"
        with mosquitto_with(tmp_path) as child:
            word = await first_word(tls(child, ours))
            assert word == (
                f"127.0.0.1:{child.port}: it broke off the TLS greeting: does this port speak plain MQTT (mqtt://)?"
            )

    run(scenario)


def test_a_wrong_password(tmp_path: Path) -> None:
    (tmp_path / "users").write_text("")
    secret = tmp_path / "floord.pw"
    secret.write_text("wrong\n")

    async def scenario() -> None:
        with mosquitto_with(tmp_path, f"password_file {tmp_path}/users") as child:
            word = await first_word(Options(child.url, "floord", "floord", password_file=str(secret)))
            assert word == (
                "the broker refused: Not authorized; see username, password_file and cert_file, and its list of users"
            )

    run(scenario)


# --- files that cannot be used ----------------------------------------------------------------------------------------


def unusable(options: Options) -> str:
    with pytest.raises(mqtt_tls.Unusable) as caught:
        mqtt_tls.context(options)
    return str(caught.value)


def test_each_file_that_cannot_be_used_is_named(tmp_path: Path, ours: Authority) -> None:
    cert, key = map(str, ours.sign("one"))
    _, strange = map(str, ours.sign("two"))
    options = Options("mqtts://h", "c", ca_file=str(ours.certificate), cert_file=cert, key_file=key)
    mqtt_tls.context(options)
    half, text = tmp_path / "half", Path(cert).read_text()
    half.write_text(text[: len(text) // 2])
    assert unusable(replace(options, cert_file=str(half))) == (
        f"cert_file {half}: no whole certificate in PEM form in it"
    )
    half.write_text(Path(key).read_text()[:-30])
    assert unusable(replace(options, key_file=str(half))) == f"key_file {half}: no whole private key in PEM form in it"
    assert unusable(replace(options, key_file=strange)) == (
        f"key_file {strange}: it does not belong to cert_file {cert}"
    )
    locked = str(tmp_path / "locked")
    subprocess.run(
        ["openssl", "ec", "-in", key, "-aes256", "-passout", "pass:x", "-out", locked], check=True, capture_output=True
    )
    assert "protected by a pass phrase" in unusable(replace(options, key_file=locked))
    half.write_text("nothing")
    assert "no certificate in PEM form" in unusable(replace(options, ca_file=str(half)))
    gone = str(tmp_path / "gone")
    assert unusable(replace(options, ca_file=gone)) == f"ca_file {gone}: No such file or directory"
    with pytest.raises(mqtt_tls.Unusable, match=f"password_file {gone}: No such file"):
        mqtt_tls.password(replace(options, password_file=gone))


def test_any_bytes_for_a_certificate_are_refused_in_words(ours: Authority) -> None:
    cert, _ = ours.sign("one")
    der = ssl.PEM_cert_to_DER_cert(cert.read_text())
    begins, ends = mqtt_tls.validity(der)
    assert begins == pytest.approx(time.time() - DAY_S, abs=60)
    assert ends == pytest.approx(time.time() + 90 * DAY_S, abs=60)
    for length in range(len(der)):
        with contextlib.suppress(ValueError):
            mqtt_tls.validity(der[:length])


# --- files that change ------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def publishing(options: Options, patience: float = 0.05) -> AsyncIterator[Publisher]:
    """An uplink with rows on their way all the time."""
    publisher = Publisher(committed(Outbox(window=5), []))
    async with linked(options, publisher) as publisher.uplink:
        await publisher.until(lambda: len(publisher.sessions) == 1)
        yield publisher


async def offer_until(publisher: Publisher, condition: Callable[[], bool]) -> int:
    """Rows one after the other until it holds; the last sequence."""

    def settled() -> bool:
        return last in publisher.delivered or condition()

    last = max(publisher.delivered, default=0)
    while not condition():
        last += 1
        publisher.outbox.offer([row(last)])
        publisher.pump()
        await publisher.until(settled)
    return last


class Ear(logging.Handler):
    """Calls when something is logged."""

    def __init__(self, call: Callable[[], None]) -> None:
        super().__init__(logging.ERROR)
        self._call = call

    def emit(self, record: logging.LogRecord) -> None:
        self._call()


def test_a_new_certificate_is_taken_up_in_order_and_a_bad_one_is_not(
    tmp_path: Path, ours: Authority, other: Authority, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mqtt_watch, "LOOK_S", 0.05)
    server, own = ours.sign("server", hosts=LOCAL), ours.sign("floord")
    lines = (f"cafile {ours.certificate}", "require_certificate true")

    def said() -> list[str]:
        return [text for text in caplog.messages if "new files cannot be used" in text]

    async def scenario() -> None:
        with tls_mosquitto(tmp_path, server, *lines) as child:
            async with publishing(tls(child, ours, own)) as publisher:
                good = own[1].read_bytes()
                own[1].write_bytes(good[:100])
                await offer_until(publisher, lambda: len(said()) == 1)
                assert f"key_file {own[1]}: no whole private key" in said()[0]
                stranger = other.sign("floord")  # whole, fitting, and refused by the broker
                for mine, theirs in zip(own, stranger, strict=True):
                    shutil.copyfile(theirs, f"{mine}.new")
                    os.replace(f"{mine}.new", mine)
                await offer_until(publisher, lambda: "does not know who signed" in said()[-1])
                assert len(said()) == len(set(said())) <= 3, "each once"
                assert publisher.uplink is not None
                assert "does not know who signed" in publisher.uplink.files
                assert (publisher.downs, len(publisher.sessions)) == ([], 1), "the old connection stays"
                ours.sign("floord")
                last = await offer_until(publisher, lambda: len(publisher.sessions) == 2)
                assert publisher.downs == ["its password or certificate is a new one; connecting with it"]
                assert publisher.by_broker == [False]
                assert publisher.uplink.files == ""
                await publisher.until(lambda: publisher.delivered == set(range(1, last + 1)))

    with caplog.at_level(logging.ERROR):
        run(scenario)


def test_a_new_password_is_taken_up_without_tls_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_watch, "LOOK_S", 0.05)
    secret = tmp_path / "floord.pw"
    secret.write_text("one\n")

    async def scenario() -> None:
        with mosquitto_with(tmp_path) as child:
            async with publishing(Options(child.url, "floord", "floord", password_file=str(secret))) as publisher:
                secret.write_text("another\n")
                await publisher.until(lambda: len(publisher.sessions) == 2)
                secret.unlink()
                secret.write_text("a third\n")
                await publisher.until(lambda: len(publisher.sessions) == 3)
                assert set(publisher.by_broker) == {False}

    run(scenario)


def test_a_machines_link_takes_up_new_files_too(
    tmp_path: Path, ours: Authority, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mqtt_watch, "LOOK_S", 0.05)
    server, (cert, key) = ours.sign("server", hosts=LOCAL), ours.sign("machine")

    async def scenario() -> None:
        with tls_mosquitto(tmp_path, server, f"cafile {ours.certificate}", "require_certificate true") as child:
            hearer = Hearer()
            files = {"ca_file": str(ours.certificate), "cert_file": str(cert), "key_file": str(key)}
            on = OnBroker("machine", [(UP, 1)], **files)  # type: ignore[arg-type]
            async with device_on(f"mqtts://127.0.0.1:{child.port}", hearer, on) as link:
                await hearer.until(lambda: len(hearer.ups) == 1)
                ear = Ear(hearer._changed.set)
                logging.getLogger("devices.mqtt_link").addHandler(ear)
                key.write_text("half")
                await hearer.until(lambda: bool(caplog.messages))
                assert f"key_file {key}: no whole private key" in caplog.messages[0]
                assert link.health.files in caplog.messages[0]
                logging.getLogger("devices.mqtt_link").removeHandler(ear)
                ours.sign("machine")
                await hearer.until(lambda: len(hearer.ups) == 2)
                assert link.health.files == ""
                assert hearer.downs == ["its password or certificate is a new one; connecting with it"]

    with caplog.at_level(logging.ERROR):
        run(scenario)


# --- said before the start --------------------------------------------------------------------------------------------


def checked(folder: Path, **files: Path) -> tuple[int, str]:
    """Exit code and words of `floord check` on a floor whose broker has these files; its folder and file left out."""
    lines = "".join(f'{key} = "{path}"\n' for key, path in files.items())
    text = FLOOR.replace('mqtt://127.0.0.1:1883"\npassword_file = "broker.pw"\n', f'mqtts://broker.hub"\n{lines}')
    result = check(folder, text)
    told = " ".join((result.stdout + result.stderr).split())
    for path in files.values():
        told = told.replace(str(path), path.name)
    return result.exit_code, told.replace(f"{folder}/", "")


def test_files_that_cannot_work_are_problems_before_the_start(tmp_path: Path, ours: Authority) -> None:
    (cert, key), (_, strange) = ours.sign("one"), ours.sign("two")
    ca, empty, locked = ours.certificate, tmp_path / "empty.pem", tmp_path / "locked"
    empty.write_text("")
    to_lock = ("-in", str(key), "-aes256", "-passout", "pass:x", "-out", str(locked))
    subprocess.run(["openssl", "ec", *to_lock], check=True, capture_output=True)
    for kept in (key, strange, locked):
        kept.chmod(0o600)
    code, told = checked(tmp_path, ca_file=ca, cert_file=cert, key_file=key)
    assert (code, told) == (0, told)
    assert "warning" not in told
    none = "no certificate in PEM form in it, or a damaged one"
    for files, said in (
        ({"ca_file": empty}, f"floor.toml:8: broker.ca_file: empty.pem: {none}"),
        (
            {"cert_file": empty, "key_file": key},
            "floor.toml:8: broker.cert_file: empty.pem: no whole certificate in PEM",
        ),
        ({"cert_file": cert, "key_file": strange}, "floor.toml:9: broker.key_file: two.key: it does not belong to"),
        ({"cert_file": cert, "key_file": locked}, "floor.toml:9: broker.key_file: locked: it is protected by a pass"),
    ):
        code, told = checked(tmp_path, **files)
        assert code == 78
        assert told.startswith(said), told
        with pytest.raises(ConfigErrors):
            load_floor(tmp_path / "floor.toml", start=True)


def test_a_certificate_that_has_ended_is_a_problem_but_none_for_a_start(tmp_path: Path, ours: Authority) -> None:
    cert, key = ours.sign("soon", ends=20)
    key.chmod(0o600)
    code, told = checked(tmp_path, cert_file=cert, key_file=key)
    assert code == 0
    assert "warning: floor.toml:8: broker.cert_file: soon.pem: the certificate ends on 2" in told
    cert, key = ours.sign("old", begins=-30, ends=-1)
    key.chmod(0o600)
    code, told = checked(tmp_path, cert_file=cert, key_file=key)
    assert code == 78
    assert told.startswith("floor.toml:8: broker.cert_file: old.pem: the certificate has expired on 2")
    assert ", or this machine's clock is wrong: it says NOW" in now_in(told)
    with pytest.raises(ConfigErrors, match="has expired"):
        load_floor(tmp_path / "floor.toml")
    load_floor(tmp_path / "floor.toml", start=True)
