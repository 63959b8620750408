"""TLS towards a broker: the files it needs, and what a technician is told when it fails.

The name of the broker is always checked, and TLS is 1.2 or newer. In TLS 1.3 a broker judges our certificate after our
side of the handshake is done (RFC 8446 §4.4.2.4), so its refusal is waited for here, before anything is sent: what is
sent first would let the kernel throw the refusal away with the connection.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devices.mqtt_options import Options

CONNECT_S = 5.0
VERDICT_S = 0.3  # a broker in the same building answers in a few ms: with a session ticket, or its refusal
EXPIRED, NOT_YET = 10, 9  # X509_V_ERR_CERT_HAS_EXPIRED, _NOT_YET_VALID (openssl x509_vfy.h)
HOSTS = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH
SIGNERS = (2, 18, 19, 20, 21)  # no issuer, or one nobody knows


class Unusable(Exception):
    """A file of the connection cannot be used; the text says which, and why. `key`: of the floor file; `what`: the
    same without the key."""

    def __init__(self, key: str, path: str, why: str) -> None:
        super().__init__(f"{key} {path}: {why}")
        self.key, self.what = key, f"{path}: {why}"


class Socket(ssl.SSLSocket):
    """Waits for the broker's verdict, and keeps the error that paho hides."""

    failure: OSError | None = None

    def do_handshake(self, block: bool = False) -> None:
        """The handshake, and in TLS 1.3 the broker's judgement of our certificate, if it comes soon."""
        try:
            super().do_handshake(block)
            if self.version() == "TLSv1.3":
                self._verdict()
        except BaseException:
            self.close()  # paho forgets it
            raise

    def _verdict(self) -> None:
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        if not self.pending() and not poll.poll(VERDICT_S * 1000):
            return
        timeout = self.gettimeout()
        self.setblocking(False)
        try:
            if not super().recv(1):  # no broker speaks before its client does
                raise ConnectionResetError("closed after the handshake")
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass  # a session ticket
        finally:
            self.settimeout(timeout)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """As ever."""
        try:
            return super().recv(buflen, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError as error:
            self.failure = error
            raise


def password(options: Options) -> str | None:
    """The password, of its file if it has one. Raises Unusable."""
    if options.password_file is None:
        return options.password
    try:
        return Path(options.password_file).read_text().strip()
    except OSError as error:
        raise Unusable("password_file", options.password_file, error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise Unusable("password_file", options.password_file, "it is not UTF-8 text") from None


def context(options: Options) -> ssl.SSLContext:
    """What a connection needs for TLS, made of the files as they are now. Raises Unusable."""
    for key, path in options.files.items():
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise Unusable(key, path, error.strerror or str(error)) from None
    made = trusting(options.ca_file)
    if options.cert_file is not None and options.key_file is not None:
        valid = own(made, options.cert_file, options.key_file)
        if why := untimely(*valid, time.time()):
            raise Unusable("cert_file", options.cert_file, why)
    return made


def untimely(begins: float, ends: float, now: float) -> str:
    """Why a certificate that is valid from when until when is of no use now; all in UTC seconds. "" = it is."""
    if begins <= now <= ends:
        return ""
    when = f"has expired on {utc(ends)}" if now > ends else f"is not valid before {utc(begins)}"
    return f"the certificate {when}, or this machine's clock is wrong: it says {utc(now)}"


def trusting(ca: str | None) -> ssl.SSLContext:
    """With the certificates of those who may sign a broker's; None = whom this machine trusts. Raises Unusable."""
    try:
        made = ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise Unusable("ca_file", str(ca), "no certificate in PEM form in it, or a damaged one") from None
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.sslsocket_class = Socket
    return made


def own(made: ssl.SSLContext, cert: str, key: str) -> tuple[float, float]:
    """Our certificate and its key, each looked at by itself: the error of both together does not say which. From when
    until when it is valid, in UTC seconds. Raises Unusable."""
    try:
        der = ssl.PEM_cert_to_DER_cert(_first(Path(cert).read_text(), "CERTIFICATE"))
        valid = validity(der)
    except ValueError:
        raise Unusable("cert_file", cert, "no whole certificate in PEM form in it") from None
    text = Path(key).read_text(errors="replace")
    if "PRIVATE KEY-----" not in text.partition("-----END ")[2]:
        raise Unusable("key_file", key, "no whole private key in PEM form in it")
    try:
        made.load_cert_chain(cert, key, password=lambda: "")  # never ask at the terminal
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise Unusable("key_file", key, f"it does not belong to cert_file {cert}") from None
        hint = "it is protected by a pass phrase; store it without one" if "ENCRYPTED" in text else "it is damaged"
        raise Unusable("key_file", key, hint) from None
    return valid


def _first(text: str, kind: str) -> str:
    begin, end = f"-----BEGIN {kind}-----", f"-----END {kind}-----"
    _, found, rest = text.partition(begin)
    body, closed, _ = rest.partition(end)
    if not found or not closed:
        raise ValueError(kind)
    return f"{begin}{body}{end}"


def validity(der: bytes) -> tuple[float, float]:
    """From when until when a certificate is valid, in UTC seconds (RFC 5280 §4.1). Raises ValueError."""
    _, start, _ = _element(der, 0)  # Certificate
    _, at, _ = _element(der, start)  # TBSCertificate
    tag, _, end = _element(der, at)
    fields = 4 if tag == 0xA0 else 3  # version (may be left out), serialNumber, signature, issuer
    for _ in range(fields):
        _, _, end = _element(der, at)
        at = end
    _, at, _ = _element(der, at)
    moments = []
    for _ in range(2):
        tag, start, at = _element(der, at)
        form = "%y%m%d%H%M%SZ" if tag == 0x17 else "%Y%m%d%H%M%SZ"  # UTCTime, GeneralizedTime
        moments.append(datetime.strptime(der[start:at].decode("ascii"), form).replace(tzinfo=UTC).timestamp())
    return moments[0], moments[1]


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag, first byte and end of the content of the DER element at `at`."""
    if len(der) < at + 2:
        raise ValueError("cut off")
    tag, length, start = der[at], der[at + 1], at + 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[at + 2 : start], "big")
    if len(der) < start + length:
        raise ValueError("cut off")
    return tag, start, start + length


def handshake(options: Options) -> None:
    """A connection to the broker for its TLS alone; raises what that raises."""
    with (
        socket.create_connection((options.host, options.port), CONNECT_S) as plain,
        context(options).wrap_socket(plain, server_hostname=options.host),
    ):
        pass


def ends(connection: socket.socket) -> float | None:
    """Until when the broker's certificate is valid, in UTC seconds; None without one."""
    certificate: Any = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    return ssl.cert_time_to_seconds(certificate["notAfter"]) if certificate else None


def words(error: BaseException, options: Options) -> str:
    """What failed on the way to a broker, and what to look at. May ask the broker once more, so it blocks."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate(error, options)
    if isinstance(error, TimeoutError):
        return "no answer"
    if (
        options.tls
        and isinstance(error, ssl.SSLError | ConnectionError)
        and not isinstance(error, ConnectionRefusedError)
    ):
        return refusal(error, options)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def _certificate(error: ssl.SSLCertVerificationError, options: Options) -> str:
    """Why the broker's certificate is not believed."""
    code = error.verify_code
    if code == EXPIRED:
        return f"its certificate has expired, or {_clock()}"
    if code == NOT_YET:
        return f"its certificate is not valid yet, or {_clock()}"
    if code in HOSTS:
        named = ", ".join(_names(options)[:10]) or "no name that can be read"
        return f"its certificate is not for {options.host!r} but for {named}; write that name in the url"
    if code in SIGNERS and options.ca_file:
        return f"its certificate was not signed by a certificate in ca_file {options.ca_file}"
    if code in SIGNERS:
        return "nobody whom this machine trusts has signed its certificate; write ca_file with who did"
    return f"its certificate is not accepted: {error.verify_message}"


def _names(options: Options) -> list[str]:
    """The names in the broker's certificate, asked for with everything but the name checked."""
    asking = context(replace(options, cert_file=None, key_file=None))
    asking.check_hostname = False
    asking.sslsocket_class = ssl.SSLSocket
    try:
        with (
            socket.create_connection((options.host, options.port), CONNECT_S) as plain,
            asking.wrap_socket(plain, server_hostname=options.host) as connection,
        ):
            certificate: Any = connection.getpeercert() or {}
    except OSError:
        return []
    return [name for _, name in certificate.get("subjectAltName", ())]


REFUSALS = (
    ("CERTIFICATE_REQUIRED", "it wants a certificate of us; write cert_file and key_file"),
    ("ALERT_CERTIFICATE_EXPIRED", "it says that our certificate in cert_file {cert} has expired; look at both clocks"),
    ("ALERT_CERTIFICATE_REVOKED", "it says that our certificate in cert_file {cert} has been revoked"),
    ("ALERT_UNKNOWN_CA", "it does not know who signed our certificate in cert_file {cert}"),
    ("ALERT_BAD_CERTIFICATE", "it does not accept our certificate in cert_file {cert}"),
    ("ALERT_UNSUPPORTED_CERTIFICATE", "it does not accept our kind of certificate in cert_file {cert}"),
    ("ALERT_CERTIFICATE_UNKNOWN", "it does not accept our certificate in cert_file {cert}"),
    ("PROTOCOL_VERSION", "it speaks an older TLS only; at least TLS 1.2 is needed"),
    ("UNSUPPORTED_PROTOCOL", "it speaks an older TLS only; at least TLS 1.2 is needed"),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS on this port; write mqtt://, or the port of its TLS"),
    ("HANDSHAKE_FAILURE", "it and we have no kind of TLS in common, or it wants a certificate of us (cert_file)"),
)


def refusal(error: BaseException, options: Options) -> str:
    """What the end of a TLS connection means: an alert of the broker, or silence."""
    said = str(error).upper().replace(" ", "_")
    for mark, text in REFUSALS:
        if mark in said:
            return text.format(cert=options.cert_file)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ConnectionError):
        return "it broke off the TLS greeting: does this port speak plain MQTT (mqtt://)?"
    return f"TLS: {getattr(error, 'reason', None) or error}"


def _clock() -> str:
    return f"this machine's clock is wrong: it says {utc(time.time())}"


def utc(seconds: float) -> str:
    """A moment for people."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
