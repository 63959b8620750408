"""How to reach a broker, and who we are there."""

from __future__ import annotations

from dataclasses import field
from urllib.parse import urlsplit

from devices.types import Message
from devices.value import value


@value
class Options:
    """How to reach the broker. `url` is `mqtt://host[:port]` or `mqtts://…`; ValueError for another.

    `others`: brokers that serve as well, for who can go to the next one. `subscriptions`: (topic filter, QoS 0 or 1).
    `will`: what the broker publishes when this connection breaks. `clean`: the broker shall forget us when it does;
    else it keeps subscriptions and messages for `client_id`. The files are read for each connection: the password (in
    place of `password`), who signed the broker's certificate (None: whom this machine trusts), and our certificate
    with its key, in PEM form.
    """

    url: str
    client_id: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    keepalive_s: int = 5
    subscriptions: tuple[tuple[str, int], ...] | list[tuple[str, int]] = ()
    will: Message | None = None
    clean: bool = False
    others: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for url in (self.url, *self.others):
            parts = urlsplit(url)
            if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path or parts.username is not None:
                raise ValueError("broker url: write mqtt://host:port or mqtts://host:port, user and password beside it")
            _ = parts.port  # ValueError when it is none

    @property
    def host(self) -> str:
        """The broker's name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.url.startswith("mqtts:")

    @property
    def port(self) -> int:
        """The broker's port."""
        return urlsplit(self.url).port or (8883 if self.tls else 1883)

    @property
    def where(self) -> str:
        """The broker as people name it."""
        return f"{self.host}:{self.port}"

    @property
    def files(self) -> dict[str, str]:
        """The files that a connection needs, by the key that names each in the floor file."""
        of_tls = {"ca_file": self.ca_file, "cert_file": self.cert_file, "key_file": self.key_file} if self.tls else {}
        named = {"password_file": self.password_file, **of_tls}
        return {key: path for key, path in named.items() if path is not None}
