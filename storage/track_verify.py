"""Are tracks still what was written? Slices that can't be read, that are not what the ledger says, that are lost or nobody's."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from storage.track_files import DamagedSlice, Slice, read_open, unpack
from storage.track_ledger import NAME, REMOVED, Entry, TrackLedger
from storage.track_slices import SLICE_S, slice_files, slice_name


@dataclass
class TrackReport:
    """What `verify` found."""

    slices: int = 0
    fixes: int = 0
    bytes: int = 0
    torn_bytes: int = 0  # at the end of open slices; cut when they are closed
    removed: int = 0  # by policy; on record
    ledger_hash: str = ""  # of its newest line
    gaps: list[str] = field(default_factory=list)  # times without any slice, between the first and the last
    damage: list[str] = field(default_factory=list)  # file: what is wrong with it


def verify(folder: Path) -> TrackReport:
    """Read everything below a folder of tracks."""
    report, ledger = TrackReport(), TrackLedger(folder)
    # Files first: a running server closes slices meanwhile, and notes each before it is there.
    files = list(slice_files(folder))
    has_ledger, noted = ledger.exists, _noted(ledger, report)
    seen: set[str] = set()
    before: int | None = None
    for start_s, path in files:
        name = slice_name(start_s)
        seen.add(name)
        if before is not None and start_s - before > SLICE_S and not _all_removed(before, start_s, noted):
            report.gaps.append(f"{slice_name(before + SLICE_S)} to {name}")
        before = start_s
        try:
            path, content = slice_content(path)
            piece = _read(path, content, start_s)
        except (DamagedSlice, OSError) as error:
            if not (isinstance(error, FileNotFoundError) and _is_removed(name, noted, ledger)):
                report.damage.append(str(error))
            continue
        if path.suffix == ".track" and has_ledger:
            report.damage += _against_ledger(path, content, noted.get(name))
        report.slices += 1
        report.fixes += len(piece.fixes)
        report.torn_bytes += piece.torn_bytes
        report.bytes += len(content)
    report.removed = sum(entry.kind == REMOVED for entry in noted.values())
    lost = sorted(name for name, entry in noted.items() if entry.kind != REMOVED and name not in seen and not _is_there(folder / name))
    report.damage += [
        f"{folder / name}.track: it is lost: the ledger has it ({noted[name].kind}), and not that it was removed" for name in lost
    ]
    ours = {path for _, path in slice_files(folder)} | {folder / NAME}
    strangers = (path for path in sorted(folder.rglob("*")) if path.is_file() and path not in ours)
    report.damage += [f"{path}: no track slice; move it away" for path in strangers if not _is_leftover(path)]
    return report


def _noted(ledger: TrackLedger, report: TrackReport) -> dict[str, Entry]:
    """The ledger's newest entry of each slice; what is wrong with its lines goes to the report."""
    noted: dict[str, Entry] = {}
    for line in ledger.read():
        if line.wrong:
            report.damage.append(f"ledger of tracks, line {line.number}: {line.wrong}")
        if line.entry is not None:
            noted[line.entry.slice] = line.entry
        report.ledger_hash = line.hash
    return noted


def _is_removed(name: str, noted: dict[str, Entry], ledger: TrackLedger) -> bool:
    """Whether a slice that was listed and isn't there any more went on record: meanwhile, perhaps, and the ledger is read again."""
    if name not in noted or noted[name].kind != REMOVED:
        noted |= ledger.newest()
    return name in noted and noted[name].kind == REMOVED


def _against_ledger(path: Path, content: bytes, entry: Entry | None) -> list[str]:
    if entry is None:
        return [f"{path}: it is not in the ledger; it was not closed by this server"]
    if entry.kind != REMOVED and sha256(content).hexdigest() != entry.sha256:
        return [f"{path}: it is sound and another than was closed: SHA-256 is {sha256(content).hexdigest()}, was {entry.sha256}"]
    return []  # one that is noted as removed and still there goes with the next removal


def slice_content(path: Path) -> tuple[Path, bytes]:
    """The file of a slice, and what is in it: an open one may have been closed since it was listed. Raises OSError."""
    try:
        return path, path.read_bytes()
    except FileNotFoundError:
        return path.with_suffix(".track"), path.with_suffix(".track").read_bytes()


def _is_there(stem: Path) -> bool:
    return stem.with_suffix(".track").exists() or stem.with_suffix(".open").exists()


def _all_removed(before_s: int, next_s: int, noted: dict[str, Entry]) -> bool:
    between = (noted.get(slice_name(start_s)) for start_s in range(before_s + SLICE_S, next_s, SLICE_S))
    return all(entry is not None and entry.kind == REMOVED for entry in between)


def _read(path: Path, content: bytes, start_s: int) -> Slice:
    """Either form. Raises DamagedSlice naming the file."""
    if path.suffix == ".open":
        return read_open(content, start_s)[0]
    try:
        return unpack(content)
    except DamagedSlice as error:
        raise DamagedSlice(f"{path}: {error}") from None


def _is_leftover(path: Path) -> bool:
    """A half-written file of a closing that a crash interrupted, or the closed form whose open one is not yet removed."""
    return path.suffix == ".part" or (path.suffix == ".track" and path.with_suffix(".open").exists())
