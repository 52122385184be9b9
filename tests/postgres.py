"""A real PostgreSQL server for a test session: started from the binaries at hand, in a folder of its own, and stopped again.

Binaries, in this order: those of the package `pgserver` (from PyPI: enough on a fresh machine), those on the PATH, those of a
Debian package. PostgreSQL refuses to run as root; then it runs as the user nobody.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

UNPRIVILEGED = "nobody"


def candidate_folders() -> list[Path]:
    """Folders that may hold `initdb` and `postgres`, the preferred one first."""
    found: list[Path] = []
    package = importlib.util.find_spec("pgserver")  # not imported: importing it already creates folders
    for location in (package.submodule_search_locations or []) if package is not None else []:
        found.append(Path(location) / "pginstall" / "bin")
    on_path = shutil.which("initdb")
    if on_path is not None:
        found.append(Path(on_path).resolve().parent)
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return [folder for folder in found if (folder / "initdb").exists() and (folder / "postgres").exists()]


def run_as() -> dict[str, Any]:
    """Arguments of subprocess that drop root's rights; none where we have none."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam(UNPRIVILEGED)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def working_folder() -> Path | None:
    """The first folder whose server starts at all for the user it will run as."""
    for folder in candidate_folders():
        try:
            subprocess.run([folder / "postgres", "--version"], check=True, capture_output=True, timeout=30, cwd="/", **run_as())
        except (OSError, subprocess.SubprocessError):
            continue
        return folder
    return None


@contextmanager
def postgres_server(binaries: Path) -> Iterator[str]:
    """URL of the database `postgres` of a new server that listens on a socket in its own folder only."""
    folder = Path(tempfile.mkdtemp(prefix="ldpg", dir="/tmp"))  # short: a socket's path may have 107 characters
    data, log = folder / "data", folder / "log"
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, UNPRIVILEGED)
        initdb = [binaries / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **run_as())
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=on"]
        with (
            log.open("wb") as written,
            subprocess.Popen(
                [binaries / "postgres", "-D", data, *options], stdout=written, stderr=written, cwd=folder, **run_as()
            ) as server,
        ):
            try:
                _wait(binaries, folder, server, log)
                yield f"postgresql://postgres@/postgres?host={folder}"
            finally:
                server.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept, so nothing need be written down or waited for
                server.wait(timeout=30)
    finally:
        shutil.rmtree(folder)


def _wait(binaries: Path, folder: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    """Until the server answers; its log is the message when it ends instead."""
    import psycopg

    for _ in range(300):
        if server.poll() is not None:
            raise RuntimeError(f"PostgreSQL from {binaries} did not start: {log.read_text(errors='replace')[-2000:]}")
        try:
            psycopg.connect(f"host={folder} user=postgres dbname=postgres", connect_timeout=1).close()
            return
        except psycopg.OperationalError:
            try:
                server.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                continue
    raise RuntimeError(f"PostgreSQL from {binaries} does not answer after 30 s: {log.read_text(errors='replace')[-2000:]}")


def new_database(server: str, name: str) -> str:
    """URL of an empty database of that name on the server whose URL is given; what was there before is gone."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return server.replace("/postgres?", f"/{name}?")
