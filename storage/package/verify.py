"""Checks an evidence package: python3 verify.py. Needs plain Python 3 and nothing else; README.md says the same in words."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
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


def check_files() -> set[str]:
    """Every file against SHA256SUMS; the names of those that are there."""
    with open(os.path.join(HERE, "SHA256SUMS"), encoding="utf-8") as file:
        sums = {name: digest for digest, name in (line.rstrip("\n").split("  ", 1) for line in file)}
    found = {os.path.relpath(os.path.join(at, name), HERE).replace(os.sep, "/") for at, _, names in os.walk(HERE) for name in names}
    wrong.extend(f"{name}: missing" for name in sorted(sums.keys() - found))
    wrong.extend(f"{name}: not in SHA256SUMS" for name in sorted(found - sums.keys() - {"SHA256SUMS"}))
    wrong.extend(f"{name}: changed" for name in sorted(sums.keys() & found) if sha256_of(name) != sums[name])
    return found


def main() -> int:
    found = check_files()
    with open(os.path.join(HERE, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    for part in (manifest["journal"], manifest["ledger"]):
        for line in lines_of(part["file"], part["previous_hash"], part["last_hash"], part["lines"]):
            said = line.get("body", line)  # an event of the journal, or a line of the ledger of tracks
            name = f"evidence/{said.get('upload_id')}/file" if said.get("event") == "upload_added" else f"tracks/{said.get('slice')}.track"
            if name in found and said.get("kind") != "removed" and sha256_of(name) != said["sha256"]:
                wrong.append(f"{name}: not what {part['file']} says it was")
    for one in wrong:
        sys.stdout.write(f"WRONG {one}\n")
    sys.stdout.write(f"last hash of the journal: {manifest['journal']['last_hash']}\nSHA-256 of SHA256SUMS: {sha256_of('SHA256SUMS')}\n")
    sys.stdout.write(
        f"{len(wrong)} things are wrong.\n" if wrong else "Sound. Compare both numbers with what was written down at the export.\n"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
