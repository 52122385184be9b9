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
    gb28181_port: int = _setting(0, "UDP and TCP port of the GB/T 28181 listener, usually 5060; 0 switches it off")
    gb28181_id: str = _setting("", "this platform's id for GB/T 28181 devices, 20 digits; the first ten are its domain")
    gb28181_passwords: Path | None = _setting(None, "file of the GB/T 28181 devices that may register, each with its password")
    gb28181_open_registration: bool = _setting(False, "let GB/T 28181 devices that are not listed register with the common password")
    gb28181_datum: str = _setting("wgs84", "datum of the coordinates that GB/T 28181 devices tell: wgs84, cgcs2000, gcj02 or bd09")
    gb28181_alarms: str = _setting("", "which alarms of GB/T 28181 devices become incidents: method=incident type, with commas between")
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
    video_ring_cameras: int = _setting(
        16, "cameras recorded at a time, those of duty circles and those near open incidents; 0: none; at most 3 in the demo"
    )
    video_ring_minutes: int = _setting(15, "how far back their pictures are kept", "min")
    video_ring_max_bytes: int = _setting(4 * 1024**3, "largest size of the folder they are kept in, the oldest go first", "B")
    video_ring_quality: str = _setting("sub", "which picture of a camera is recorded: sub, the small one that tiles show, or main")
    video_engine: str = _setting("embedded", "what pulls the cameras: embedded, mediamtx or zlm")
    video_engine_api: str = _setting("", "address of the engine's control interface: http://HOST:PORT")
    video_engine_rtsp: str = _setting("", "address that the engine hands cameras on at: rtsp://HOST:PORT")
    video_engine_user: str = _setting("liandong", "this server's user at MediaMTX")
    video_engine_secret: Path | None = _setting(
        None, "file with the engine's secret, in one line: password at MediaMTX, api.secret of ZLMediaKit"
    )
    video_wvp_api: str = _setting("", "address of WVP, for GB/T 28181 cameras by ZLMediaKit: http://HOST:PORT; empty: none")
    video_wvp_key: Path | None = _setting(None, "file with an API key of WVP, in one line")
    tracks_keep_days: int = _setting(0, "tracks older than this are removed each night, but for what is held; 0 keeps all of them", "d")
    report_folder: Path | None = _setting(None, "folder of the daily report; none: `reports` in the data folder")
    report_language: str = _setting("zh", "language of the daily report: zh or en")
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
        self._check_gb28181()
        if self.report_language not in ("zh", "en"):
            raise SettingsError(f"report_language is {self.report_language!r}; write zh or en")
        if not 0 <= self.tracks_keep_days <= 36_500:
            raise SettingsError(f"tracks_keep_days is {self.tracks_keep_days}; give 0 to 36500")
        for name in ("port", "jt808_port", "gb28181_port"):
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
            ("video_ring_cameras", 0, 1_000),
            ("video_ring_minutes", 1, 24 * 60),
            ("video_ring_max_bytes", 16 * 1024**2, 1024**5),
        ):
            if not least <= getattr(self, name) <= most:
                raise SettingsError(f"{name} is {getattr(self, name)}; give {least} to {most}")

        if self.video_ring_quality not in ("sub", "main"):
            raise SettingsError(f"video_ring_quality is {self.video_ring_quality!r}; write sub or main")
        self._check_engine()

    def _check_engine(self) -> None:
        if self.video_engine not in ("embedded", "mediamtx", "zlm"):
            raise SettingsError(f"video_engine is {self.video_engine!r}; write embedded, mediamtx or zlm")
        if self.video_engine == "embedded":
            return
        for name, scheme in (("video_engine_api", "https?"), ("video_engine_rtsp", "rtsps?"), ("video_wvp_api", "https?")):
            if name == "video_wvp_api" and not self.video_wvp_api:
                continue
            if not re.fullmatch(rf"{scheme}://[^\s/@?#]+", getattr(self, name)):
                raise SettingsError(
                    f"{name} is {getattr(self, name)!r}; write {scheme.replace('s?', '')}://HOST:PORT and nothing behind it"
                )
        if self.video_engine_secret is None or (self.video_wvp_api and self.video_wvp_key is None):
            raise SettingsError("video_engine needs video_engine_secret, and video_wvp_api needs video_wvp_key; name files that hold them")

    def _check_oidc(self) -> None:
        if not self.oidc_issuer:
            return
        for name, path in (("oidc_issuer", ""), ("oidc_redirect", "/login/oidc/return")):
            address = getattr(self, name)
            if not re.fullmatch(rf"(https://[^\s?#]+|http://(127\.0\.0\.1|localhost|\[::1\])[^\s?#]*){path}", address):
                raise SettingsError(f"{name} is {address!r}; write https://HOST{path or '/…'}, without query")
        if not self.oidc_client_id or not self.oidc_claim or self.oidc_secret_file is None:
            raise SettingsError("oidc_issuer needs oidc_client_id, oidc_secret_file and oidc_claim; give all of them")

    def _check_gb28181(self) -> None:
        _alarms(self.gb28181_alarms)
        if self.gb28181_datum not in ("wgs84", "cgcs2000", "gcj02", "bd09"):
            raise SettingsError(f"gb28181_datum is {self.gb28181_datum!r}; write wgs84, cgcs2000, gcj02 or bd09")
        if self.gb28181_port and (not re.fullmatch(r"[0-9]{20}", self.gb28181_id) or self.gb28181_passwords is None):
            raise SettingsError("gb28181_port needs gb28181_id, 20 digits, and gb28181_passwords, a file; give both or port 0")

    @property
    def incident_types_of_alarms(self) -> dict[int, str]:
        """By method of a GB/T 28181 alarm, 1 to 7, the incident type it becomes."""
        return _alarms(self.gb28181_alarms)

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


def _alarms(written: str) -> dict[int, str]:
    pairs = [pair.strip() for pair in written.split(",") if pair.strip()]
    for pair in pairs:
        if not re.fullmatch(r"[1-7]=[a-z0-9_]{1,64}", pair):
            raise SettingsError(f"gb28181_alarms holds {pair!r}; write a method from 1 to 7 and an incident type, such as 2=robbery")
    return {int(pair[0]): pair[2:] for pair in pairs}


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
