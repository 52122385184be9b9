"""Checks an evidence package: python3 verify.py. Needs plain Python 3 and nothing else; README.md says the same in words."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
wrong: list[str] = []


def sha256_of(name: str) -> str:
    digest = hashlib.sha256()
    with open(os.path.join(HERE, name), "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def lines_of(name: str, previous: str, last: str, count: int) -> Iterator[Any]:
    """Each line is a text, a tab, and SHA-256 over the hash of the line before and that text."""
    number, before = 0, previous.encode()
    with open(os.path.join(HERE, name), "rb") as file:
        for number, line in enumerate(file, start=1):
            text, _, noted = line.rstrip(b"\n").rpartition(b"\t")
            if hashlib.sha256(before + text).hexdigest().encode() != noted:
                wrong.append(f"{name}, line {number}: changed, or the line before it is missing or moved")
            before = noted
            try:
                yield json.loads(text)
            except ValueError:
                wrong.append(f"{name}, line {number}: can't be read")
    if (number, before) != (count, last.encode()):
        wrong.append(f"{name}: ends after line {number} with {before!r}; it should after line {count} with {last}")


def check_files() -> tuple[set[str], set[str]]:
    """Every file against SHA256SUMS; the names of those that are there, and of those that are listed."""
    with open(os.path.join(HERE, "SHA256SUMS"), encoding="utf-8") as file:
        sums = {name: digest for digest, name in (line.rstrip("\n").split("  ", 1) for line in file)}
    found = {os.path.relpath(os.path.join(at, name), HERE).replace(os.sep, "/") for at, _, names in os.walk(HERE) for name in names}
    wrong.extend(f"{name}: missing" for name in sorted(sums.keys() - found))
    wrong.extend(f"{name}: not in SHA256SUMS" for name in sorted(found - sums.keys() - {"SHA256SUMS"}))
    wrong.extend(f"{name}: changed" for name in sorted(sums.keys() & found) if sha256_of(name) != sums[name])
    return found, set(sums)


def is_within(slice_: str, manifest: Any) -> bool:
    """Whether five minutes of tracks, named by when they begin, touch the span of the package."""
    begins = datetime.strptime(slice_ + "+0000", "%Y%m%d/%H%M%S%z")
    from_, to = (datetime.fromisoformat(manifest[name].replace("Z", "+00:00")) for name in ("from", "to"))
    return begins + timedelta(minutes=5) > from_ and begins < to


def check_lists(manifest: Any, found: set[str], listed: set[str]) -> None:
    """Photos, videos, tracks against what the two lists noted of them; of a slice the newest line counts."""
    noted = {}  # by file: the SHA-256, whether it must be there, which list says so
    for part in (manifest["journal"], manifest["ledger"]):
        for line in lines_of(part["file"], part["previous_hash"], part["last_hash"], part["lines"]):
            said = line.get("body", line)  # an event of the journal, or a line of the ledger of tracks
            if said.get("event") == "upload_added":
                noted[f"evidence/{said['upload_id']}/file"] = said["sha256"], True, part["file"]
            elif said.get("kind") == "removed":
                noted.pop(f"tracks/{said['slice']}.track", None)
            elif said.get("kind") in ("closed", "found"):
                noted[f"tracks/{said['slice']}.track"] = said["sha256"], is_within(said["slice"], manifest), part["file"]
    for name, (digest, is_needed, where) in noted.items():
        if name in found and sha256_of(name) != digest:
            wrong.append(f"{name}: not what {where} says it was")
        elif name not in found | listed and is_needed:
            wrong.append(f"{name}: missing, and {where} has it")
    unnoted = {f"tracks/{name}.track" for name in manifest["tracks"]["not_in_ledger"]}
    wrong.extend(f"{name}: missing, and manifest.json has it" for name in sorted(unnoted - found - listed))


def main() -> int:
    found, listed = check_files()
    with open(os.path.join(HERE, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    check_lists(manifest, found, listed)
    wrong.extend(f"{problem} (found at the export)" for problem in manifest["problems"])
    for one in wrong:
        sys.stdout.write(f"WRONG {one}\n")
    sys.stdout.write(f"last hash of the journal: {manifest['journal']['last_hash']}\nSHA-256 of SHA256SUMS: {sha256_of('SHA256SUMS')}\n")
    sys.stdout.write(
        f"{len(wrong)} things are wrong.\n" if wrong else "Sound. Compare both numbers with what was written down at the export.\n"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
