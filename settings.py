"""One frozen settings object; each field carries its default, unit and help, and appears in docs/settings.md.

A value comes from the command line, else from the environment (`LIANDONG_` + the field's name in capitals), else from
the default. Only app.py reads this module; every other part is handed plain values.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any


class SettingsError(Exception):
    """A setting can't be used; the message names it, its value and the remedy."""


def _setting(default: Any, help_text: str, unit: str = "") -> Any:
    return field(default=default, metadata={"help": help_text, "unit": unit})


@dataclass(frozen=True)
class Settings:
    """How one node runs."""

    host: str = _setting("127.0.0.1", "address to listen on; anything but loopback needs --no-demo")
    port: int = _setting(8050, "TCP port of pages, API and sockets")
    jt808_port: int = _setting(8808, "TCP port of the JT/T 808 listener; 0 switches it off")
    jt808_open_registration: bool = _setting(False, "let unknown JT/T 808 terminals register themselves")
    city: Path | None = _setting(None, "city folder; none: the built-in demo city, built once")
    data: Path = _setting(Path("var/data"), "folder of journal, tracks and evidence files")
    database: str = _setting("", "SQLAlchemy URL of the journal; empty: SQLite in the data folder")
    demo: bool = _setting(True, "demo accounts and a living demo feed; binds to loopback only")
    demo_crews: int = _setting(700, "crews that the demo feed drives")
    demo_incidents_per_day: int = _setting(1000, "incidents a day that the demo feed reports")
    demo_seed: int = _setting(20161201, "seed of the demo feed: the same seed, the same evening")
    foot_patrols_ride: bool = _setting(False, "street patrols (步巡) ride e-bikes: their times by road are an e-bike's, not a walker's")
    tls_cert: Path | None = _setting(None, "certificate chain (PEM); phones need https")
    tls_key: Path | None = _setting(None, "private key (PEM) of the certificate")
    tls_client_ca: Path | None = _setting(None, "certificates (PEM) of the authorities whose client certificates may log people in")
    certificate_proxies: str = _setting("", "addresses of proxies, with commas between, that check client certificates and pass them on")
    session_idle_s: int = _setting(12 * 3600, "a log-in ends after this long without a request", "s")
    admin_second_factor: bool = _setting(True, "administrators need a second factor to do anything; demo mode asks for none")
    oidc_issuer: str = _setting("", "address of an OpenID Connect identity provider that people may log in with; empty: none")
    oidc_client_id: str = _setting("", "how the provider knows this server")
    oidc_secret_file: Path | None = _setting(None, "file with the client's secret, in one line")
    oidc_redirect: str = _setting("", "this server's own address that browsers come back to: https://HOST/login/oidc/return")
    oidc_claim: str = _setting("preferred_username", "claim of the identity token that carries the name of the account here")
    oidc_ca: Path | None = _setting(None, "certificates (PEM) that the provider's is checked against; none: the machine's")
    upload_max_bytes: int = _setting(2 * 1024**3, "largest photo, video or file an officer may upload", "B")
    video_processes: int = _setting(1, "processes that pull cameras; cameras are shared out over them")
    video_streams: int = _setting(64, "streams that one video process takes; the large picture of a camera counts twice")
    video_cpu_percent: int = _setting(60, "a video process that is busier than this takes no further stream", "% of a core")
    video_transcodes: int = _setting(4, "cameras that are converted to H.264 at the same time, all processes together")
    video_viewers: int = _setting(500, "viewers of cameras at the same time, all processes together")
    video_linger_s: int = _setting(15, "a camera is pulled on for so long after the last viewer has gone", "s")
    webhook_hosts: str = _setting("", "hosts that webhooks may be sent to, with commas between: name, address, or either with :port")
    log_level: str = _setting("info", "debug, info, warning or error")

    def __post_init__(self) -> None:
        if self.demo and self.host not in ("127.0.0.1", "::1", "localhost"):
            raise SettingsError(
                f"demo mode has well-known passwords and binds to loopback only, not to {self.host}: add --no-demo or drop --host"
            )
        if (self.tls_cert is None) != (self.tls_key is None):
            raise SettingsError("--tls-cert and --tls-key belong together; give both or neither")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise SettingsError("--tls-client-ca needs --tls-cert and --tls-key: without TLS no certificate can be shown")
        _addresses("certificate_proxies", self.certificate_proxies)
        self._check_oidc()
        self._check_video()
        for host in self.hosts_for_webhooks:
            if not re.fullmatch(r"[a-z0-9._-]+(:\d+)?|[0-9a-f]*(:[0-9a-f]*){2,}|\[[0-9a-f:]+\](:\d+)?", host):
                raise SettingsError(f"webhook_hosts holds {host!r}; write hosts without scheme and path, such as records.police.local:8443")
        for name in ("port", "jt808_port"):
            if not 0 <= getattr(self, name) <= 65535:
                raise SettingsError(f"{name} is {getattr(self, name)}; a TCP port is 0 to 65535")

    def _check_video(self) -> None:
        for name, least, most in (
            ("video_processes", 1, 64),
            ("video_streams", 1, 1_000),
            ("video_cpu_percent", 10, 100),
            ("video_transcodes", 0, 256),
            ("video_viewers", 1, 100_000),
            ("video_linger_s", 0, 3_600),
        ):
            if not least <= getattr(self, name) <= most:
                raise SettingsError(f"{name} is {getattr(self, name)}; give {least} to {most}")

    def _check_oidc(self) -> None:
        if not self.oidc_issuer:
            return
        for name, path in (("oidc_issuer", ""), ("oidc_redirect", "/login/oidc/return")):
            address = getattr(self, name)
            if not re.fullmatch(rf"(https://[^\s?#]+|http://(127\.0\.0\.1|localhost|\[::1\])[^\s?#]*){path}", address):
                raise SettingsError(f"{name} is {address!r}; write https://HOST{path or '/…'}, without query")
        if not self.oidc_client_id or not self.oidc_claim or self.oidc_secret_file is None:
            raise SettingsError("oidc_issuer needs oidc_client_id, oidc_secret_file and oidc_claim; give all of them")

    @property
    def trusted_proxies(self) -> frozenset[str]:
        """Addresses that client certificates are believed from."""
        return _addresses("certificate_proxies", self.certificate_proxies)

    @property
    def hosts_for_webhooks(self) -> frozenset[str]:
        """Hosts that webhooks may be sent to, in small letters."""
        return frozenset(host.strip().lower() for host in self.webhook_hosts.split(",") if host.strip())

    @property
    def database_url(self) -> str:
        """URL of the journal's database."""
        return self.database or f"sqlite:///{self.data / 'journal.sqlite'}"


def _addresses(name: str, written: str) -> frozenset[str]:
    """IP addresses with commas between, as a connection's peer is written."""
    try:
        return frozenset(str(ipaddress.ip_address(address.strip())) for address in written.split(",") if address.strip())
    except ValueError as error:
        raise SettingsError(f"{name}: {error}; write addresses such as 10.0.0.7, not names or networks") from None


def settings_from(arguments: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """Settings from command-line values (None: not given) over environment variables over defaults."""
    values: dict[str, Any] = {}
    for item in fields(Settings):
        given = arguments.get(item.name)
        variable = f"LIANDONG_{item.name.upper()}"
        if given is not None:
            values[item.name] = given
        elif variable in environment:
            values[item.name] = _parse(variable, environment[variable], str(item.type))
    return Settings(**values)


def _parse(variable: str, text: str, kind: str) -> Any:
    if kind == "bool":
        if text.lower() not in ("0", "1", "false", "true", "no", "yes"):
            raise SettingsError(f"{variable} is {text!r}; write 1 or 0")
        return text.lower() in ("1", "true", "yes")
    if kind == "int":
        try:
            return int(text)
        except ValueError:
            raise SettingsError(f"{variable} is {text!r}; a whole number is needed") from None
    return Path(text) if kind.startswith("Path") else text
