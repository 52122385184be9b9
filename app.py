"""Liandong's command line: `python app.py run`, `city build`, `city diff`, `import`, `token add`, `user add`, `verify`,
`export`, `report`, `bench`.

Exit codes: 0 done, 1 found something wrong, 2 wrong use, 141 nobody reads the output any more. Errors name the value and the
remedy on stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import structlog

from account_commands import token_add, user_add, user_certificate, user_reset_totp, user_sessions
from city_commands import city_build, city_diff, city_info
from command_parts import WrongUse, city_folder
from import_commands import import_circles, import_elements, import_incidents, import_roster
from settings import Settings, SettingsError, settings_from

BENCHES = (
    "prepare",
    "live",
    "rings",
    "exact",
    "nearest",
    "match",
    "promises",
    "coverage",
    "closures",
    "standby",
    "city",
    "growth",
    "browser",
    "command",
    "loop",
    "storm",
    "video",
    "wall",
    "tracks",
    "seek",
    "kpis",
)
READER_GONE = 128 + signal.SIGPIPE  # as of any program that ends by it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command."""
    options = _parser().parse_args(arguments)
    try:
        settings = settings_from(vars(options), os.environ)
        _log_to_stderr(settings.log_level)
        return options.does(options, settings)
    except (SettingsError, WrongUse) as error:
        print(f"liandong: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    except _wrong_uses() as error:
        print(f"liandong: {error}", file=sys.stderr)
        return 2


def _wrong_uses() -> tuple[type[Exception], ...]:
    """What deeper layers say of a city, database or file they can't work with; looked up once there is such an error, not at each start."""
    from geodata.cities.city import CityError
    from operations.records.incident_import import ImportRefused
    from storage.database import DatabaseUnusable
    from storage.journal import JournalBusy
    from storage.journal_export import ExportRefused

    return CityError, ImportRefused, DatabaseUnusable, JournalBusy, ExportRefused


# Running ---------------------------------------------------------------------------------------------------------------


def run(options: argparse.Namespace, settings: Settings) -> int:
    """The server, until interrupted."""
    import uvloop

    from serving import serve

    return uvloop.run(serve(settings, city_folder(settings)))


# Checking and measuring ------------------------------------------------------------------------------------------------


def verify(options: argparse.Namespace, settings: Settings) -> int:
    """Journal, tracks and evidence files; exit code 1 on any damage."""
    from single_commands import find_damage

    checked, damage = find_damage(settings)
    for line in checked:
        print(line)
    for line in damage:
        print(f"damaged: {line}", file=sys.stderr)
    return 1 if damage else 0


def export_journal(options: argparse.Namespace, settings: Settings) -> int:
    """An evidence package of a span: journal, evidence files, tracks, how to check them; exit code 1 when anything is wrong."""
    from single_commands import make_export

    export = make_export(settings, options.from_, options.to, options.out)
    print(f"{export.events} events, {export.files} evidence files, {export.slices} track slices in {options.out}")
    print(f"last hash of the journal: {export.last_hash or 'none'}")
    print(f"SHA-256 of SHA256SUMS: {export.sums_sha256}")
    print("Write both numbers down where the package's reader can find them and nobody can change them.")
    for problem in export.problems:
        print(f"wrong: {problem}", file=sys.stderr)
    return 1 if export.problems else 0


def report_daily(options: argparse.Namespace, settings: Settings) -> int:
    """The daily incident report of a morning, made anew as HTML and XLSX."""
    from dispatch.errors import DispatchError
    from single_commands import make_daily_report

    try:
        paths = asyncio.run(make_daily_report(settings, city_folder(settings), options.date))
    except DispatchError as refused:
        raise WrongUse(refused.detail) from None
    except OSError as error:
        raise WrongUse(f"the report can't be written: {error}; name a folder with LIANDONG_REPORT_FOLDER") from None
    for path in paths:
        print(path)
    return 0


def _day(text: str) -> date:
    """A day, for argparse."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write 2026-05-01") from None


def _instant(text: str) -> datetime:
    """A time with an offset, for argparse."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 2026-05-01T08:00:00+08:00") from None
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no offset from UTC; add one, such as +08:00 or Z")
    return at.astimezone(UTC)


def export_incident(options: argparse.Namespace, settings: Settings) -> int:
    """The report of an incident: one HTML file that needs nothing else."""
    from dispatch.errors import DispatchError
    from single_commands import make_report
    from storage.evidence import write_atomically

    if not options.out.parent.is_dir():
        raise WrongUse(f"--out {options.out}: there is no folder {options.out.parent}; make it first")
    if options.out.is_dir():
        raise WrongUse(f"--out {options.out} is a folder; name a file in it")
    try:
        html = asyncio.run(make_report(settings, city_folder(settings), options.incident, options.language))
    except DispatchError as refused:
        raise WrongUse(refused.detail) from None
    try:
        write_atomically(options.out, html.encode())
    except OSError as error:
        raise WrongUse(f"--out {options.out}: the report can't be written: {error}") from None
    print(f"{options.out}: {len(html.encode())} bytes")
    return 0


def bench(options: argparse.Namespace, settings: Settings) -> int:
    """A benchmark; its last line is one JSON object."""
    module = importlib.import_module(f"bench.{options.name}")
    print(json.dumps(module.run(), ensure_ascii=False))
    return 0


# The command line itself -----------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="app.py", description="Liandong: one live map for a city's police command room")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    p = _add(commands, "run", run)
    _database_options(p)
    p.add_argument("--city", type=Path, help="city folder (default: the demo city)")
    p.add_argument("--host")
    p.add_argument("--port", type=int)
    p.add_argument("--jt808-port", dest="jt808_port", type=int)
    p.add_argument("--gb28181-port", dest="gb28181_port", type=int)
    p.add_argument("--gb28181-id", dest="gb28181_id")
    p.add_argument("--gb28181-passwords", dest="gb28181_passwords", type=Path)
    p.add_argument("--tls-cert", dest="tls_cert", type=Path)
    p.add_argument("--tls-key", dest="tls_key", type=Path)
    p.add_argument("--tls-client-ca", dest="tls_client_ca", type=Path)
    p.add_argument("--no-demo", dest="demo", action="store_const", const=False)
    p.add_argument("--log-level", dest="log_level")

    city = commands.add_parser("city", help="build, look at or compare city folders").add_subparsers(required=True, metavar="WHAT")
    p = _add(city, "build", city_build)
    p.add_argument("file", type=Path, metavar="FILE.osm.pbf")
    p.add_argument("--boundary", type=Path, help="GeoJSON outline; what lies outside is left out")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--code", default="000000000000", help="12-character code of the city's organisation")
    p.add_argument("--name")
    p.add_argument("--time-zone", dest="time_zone")
    p.add_argument(
        "--closed-ways", dest="closed_ways", choices=("pass", "stop"), default="pass",
        help="roads and gates closed to cars: units pass them slowly (default), or not at all",
    )  # fmt: skip
    p = _add(city, "info", city_info)
    p.add_argument("dir", type=Path)
    p = _add(city, "diff", city_diff)
    p.add_argument("a", type=Path, metavar="A")
    p.add_argument("b", type=Path, metavar="B")
    p.add_argument("--json", action="store_true", help="everything, as one JSON object")

    imports = commands.add_parser("import", help="historical records, element lists, duty circles, rosters").add_subparsers(
        required=True, metavar="WHAT"
    )
    p = _add(imports, "incidents", import_incidents)
    _database_options(p)
    p.add_argument("file", type=Path, metavar="FILE.csv")
    p.add_argument("--mapping", type=Path, required=True, metavar="FILE.toml")
    p = _add(imports, "elements", import_elements)
    _database_options(p)
    p.add_argument("element")
    p.add_argument("file", type=Path)
    p.add_argument("--city", type=Path)

    p = _add(imports, "duty-circles", import_circles)
    _database_options(p)
    p.add_argument("file", type=Path, metavar="FILE.geojson")
    p.add_argument("--city", type=Path)

    p = _add(imports, "roster", import_roster)
    _database_options(p)
    p.add_argument("file", type=Path, metavar="FILE.csv")
    p.add_argument("--city", type=Path)

    p = _add(commands.add_parser("token", help="API tokens").add_subparsers(required=True, metavar="WHAT"), "add", token_add)
    _account_options(p)
    p.add_argument("--name", help="who uses it; appears in the journal")
    p.add_argument("--datum", default="wgs84", help="of the positions this token's program sends")
    users = commands.add_parser("user", help="accounts").add_subparsers(required=True, metavar="WHAT")
    p = _add(users, "add", user_add)
    _account_options(p)
    p.add_argument("name")
    p.add_argument("--unit", help="unit_id of the crew an officer belongs to")
    _one_account_options(_add(users, "reset-totp", user_reset_totp))
    p = _add(users, "certificate", user_certificate)
    _one_account_options(p)
    p.add_argument("file", type=Path, nargs="?", metavar="FILE", help="the certificate, PEM or DER; without it: shows those of the account")
    p.add_argument("--by-subject", dest="by_subject", action="store_true", help="and every later one of the same issuer and subject")
    p.add_argument("--remove-all", dest="remove_all", action="store_true")
    p = _add(users, "sessions", user_sessions)
    _one_account_options(p)
    p.add_argument("--end", metavar="ID", help="end this one; the first column names it")
    p.add_argument("--end-all", dest="end_all", action="store_true")

    exports = commands.add_parser("export", help="reports of incidents, evidence packages").add_subparsers(required=True, metavar="WHAT")
    p = _add(exports, "incident", export_incident)
    _database_options(p)
    p.add_argument("incident", metavar="ID")
    p.add_argument("--out", type=Path, required=True, metavar="FILE.html", help="what is there already is replaced")
    p.add_argument("--language", choices=("zh", "en"), default="zh")
    p.add_argument("--city", type=Path)

    _database_options(_add(commands, "verify", verify))
    p = _add(commands.add_parser("report", help="written reports").add_subparsers(required=True, metavar="WHAT"), "daily", report_daily)
    _database_options(p)
    p.add_argument("--city", type=Path)
    p.add_argument("--date", type=_day, metavar="DAY", help="the morning it ends on; default: the newest")
    p = _add(exports, "journal", export_journal)
    _database_options(p)
    p.add_argument("--from", dest="from_", type=_instant, required=True, metavar="TIME", help="recorded at or after")
    p.add_argument("--to", type=_instant, required=True, metavar="TIME", help="recorded before")
    p.add_argument("--out", type=Path, required=True, help="a folder, or a file that ends in .tar; neither may be there already")
    p = _add(commands, "bench", bench)
    p.add_argument("name", choices=BENCHES)
    return parser


def _add(commands: Any, name: str, does: Callable[[argparse.Namespace, Settings], int]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=does.__doc__, description=does.__doc__)
    parser.set_defaults(does=does)
    return parser


def _database_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, help="folder of journal, tracks and evidence")
    parser.add_argument("--database", help="SQLAlchemy URL of the journal")


def _one_account_options(parser: argparse.ArgumentParser) -> None:
    _database_options(parser)
    parser.add_argument("--city", type=Path)
    parser.add_argument("name")


def _account_options(parser: argparse.ArgumentParser) -> None:
    _database_options(parser)
    parser.add_argument("--city", type=Path)
    parser.add_argument("--role", required=True)
    parser.add_argument("--scope", help="organisation code; default: the city")


def _log_to_stderr(level: str) -> None:
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise SettingsError(f"log_level is {level!r}; write debug, info, warning or error")
    # Left to itself the renderer shows what the variables of a failure held, where a certain package happens to be installed: addresses
    # of cameras, with their passwords.
    renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[*structlog.get_config()["processors"][:-1], renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )


def _while_somebody_reads() -> int:
    """`main`, quietly ended when whoever reads its output, `head` for one, has read enough."""
    try:
        try:
            return main()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # What is still kept would be written at the exit, and fail once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE


if __name__ == "__main__":
    sys.exit(_while_somebody_reads())
