"""An evidence package: journal, evidence files and tracks of a span, to be checked without this program. `docs/evidence.md`.

Reads beside a running server; blocks on disk and database. The layout is told in `storage/package/README.md`, which goes with it.
"""

from __future__ import annotations

import math
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine, func, select

from dispatch.events import Recorded, UploadAdded, chain_hash
from storage import tables as t
from storage.evidence import EvidenceFiles, file_sha256
from storage.read_models import event_of, unix_s
from storage.track_files import pack, read_open
from storage.track_ledger import REMOVED, Line, TrackLedger
from storage.track_slices import SLICE_S, slice_files, slice_name
from storage.track_verify import slice_content

FORMAT = "liandong-evidence-1"
PIECE = 1_000  # rows read at once
_WITH_IT = Path(__file__).with_name("package")


class ExportRefused(Exception):
    """No package can be made as asked; the message says why and what to do."""


@dataclass
class Export:
    """What was put into a package. `problems`: what could not be, or is not what the journal says; the package names it too."""

    events: int = 0
    last_hash: str = ""
    files: int = 0
    slices: int = 0
    sums_sha256: str = ""
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Chain:
    """A list of chained lines as the manifest tells of it."""

    file: str
    previous_hash: str
    last_hash: str
    lines: int


def export_journal(engine: Engine, data: Path, from_: datetime, to: datetime, out: Path, made_at: datetime) -> Export:
    """Write the package of what was recorded from `from_` until before `to`: a folder, or one file when `out` ends in `.tar`.

    `data` is the node's folder. Raises ExportRefused when `out` is there already, the span is none, or the disk refuses.
    """
    if from_ >= to:
        raise ExportRefused(f"{from_.isoformat()} to {to.isoformat()} is no span; --from must lie before --to")
    if out.exists():
        raise ExportRefused(f"{out} is there already; name another --out")
    folder, whole = out.with_name(out.name + ".part"), out.with_name(out.name + ".whole")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        export = _fill(engine, data, from_, to, folder, made_at)
        if out.suffix == ".tar":
            with tarfile.open(whole, "w") as archive:
                archive.add(folder, arcname=out.stem)
            whole.rename(out)
        else:
            folder.rename(out)
    except OSError as error:
        raise ExportRefused(f"no package can be made: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        whole.unlink(missing_ok=True)
    return export


def _fill(engine: Engine, data: Path, from_: datetime, to: datetime, folder: Path, made_at: datetime) -> Export:
    export = Export()
    journal, node, uploads = _journal(engine, from_, to, folder / "journal.tsv", export)
    _evidence(EvidenceFiles(data / "evidence"), uploads, folder / "evidence", export)
    ledger, not_in_ledger = _tracks(data / "tracks", from_, to, folder, export)
    manifest = {
        "format": FORMAT,
        "node": node,
        "from": from_,
        "to": to,
        "made_at": made_at,
        "journal": vars(journal),
        "ledger": vars(ledger),
        "tracks": {"slices": export.slices, "not_in_ledger": not_in_ledger},
        "evidence": sorted(uploads),
        "problems": export.problems,
    }
    (folder / "manifest.json").write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    for name in ("README.md", "verify.py"):
        shutil.copyfile(_WITH_IT / name, folder / name)
    sums = "".join(f"{file_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in sorted(folder.rglob("*")) if path.is_file())
    (folder / "SHA256SUMS").write_text(sums, encoding="utf-8")
    export.sums_sha256 = file_sha256(folder / "SHA256SUMS")
    return export


# The journal ---------------------------------------------------------------------------------------------------------------


def _journal(engine: Engine, from_: datetime, to: datetime, path: Path, export: Export) -> tuple[_Chain, str, dict[str, str]]:
    """The chain, the node's name, and the SHA-256 that the journal has of each upload, by its id."""
    uploads: dict[str, str] = {}
    before, after = _neighbours(engine, from_, to)
    node, first, last = "", "", "" if before is None else before.hash
    with path.open("wb") as file:
        for row in _events(engine, from_, to):
            if export.events == 0:
                first = row.previous_hash
            if row.previous_hash != last or chain_hash(row.previous_hash, row.body.encode()) != row.hash:
                export.problems.append(f"journal, revision {row.revision}: it does not follow the event before it, or was changed")
            file.write(row.body.encode() + b"\t" + row.hash.encode() + b"\n")
            node, last = row.node, row.hash
            export.events += 1
            recorded = _read(row, export)
            if recorded is not None and isinstance(recorded.body, UploadAdded):
                uploads[recorded.body.upload_id] = recorded.body.sha256
    if after is not None and after.previous_hash != last:
        export.problems.append(f"journal, before revision {after.revision}, the first after the span: events are missing or were changed")
    for row in (before, after):
        # A span is searched by a column; what was hashed is the event.
        if row is not None and (beside := _read(row, export)) is not None and from_ <= beside.recorded_at < to:
            export.problems.append(f"journal, revision {row.revision}: it was recorded in the span, and its column says otherwise")
    export.last_hash = last if export.events else ""
    return _Chain(path.name, first, export.last_hash, export.events), node, uploads


def _neighbours(engine: Engine, from_: datetime, to: datetime) -> tuple[Any, Any]:
    """The row before the span and the one after it, or None: what is lost at an edge leaves no other trace."""
    c = t.events.c
    with engine.connect() as connection:
        before = connection.execute(
            select(t.events).where(c.recorded_at < unix_s(from_)).order_by(c.recorded_at.desc(), c.revision.desc()).limit(1)
        ).first()
        after = connection.execute(select(t.events).where(c.recorded_at >= unix_s(to)).order_by(c.recorded_at, c.revision).limit(1)).first()
    return before, after


def _events(engine: Engine, from_: datetime, to: datetime) -> Iterator[Any]:
    """Rows recorded in the span, in order; read in pieces. Later ones never have an earlier time."""
    c = t.events.c
    inside = (c.recorded_at >= unix_s(from_), c.recorded_at < unix_s(to))
    with engine.connect() as connection:
        first, last = connection.execute(select(func.min(c.revision), func.max(c.revision)).where(*inside)).one()
        while first is not None and first <= last:
            rows = connection.execute(
                select(t.events).where(c.revision >= first, c.revision <= last).order_by(c.revision).limit(PIECE)
            ).all()
            if not rows:
                return
            yield from rows
            first = rows[-1].revision + 1


def _read(row: Any, export: Export) -> Recorded | None:
    try:
        return event_of(row)
    except msgspec.MsgspecError as error:
        export.problems.append(f"journal, revision {row.revision}: it can't be read: {error}")
        return None


# Evidence files ------------------------------------------------------------------------------------------------------------


def _evidence(files: EvidenceFiles, uploads: dict[str, str], folder: Path, export: Export) -> None:
    for upload_id, noted in sorted(uploads.items()):
        try:
            manifest = files.find(upload_id)
        except msgspec.MsgspecError as error:
            export.problems.append(f"evidence {upload_id}: its manifest can't be read: {error}")
            continue
        source = None if manifest is None else files.path(manifest)
        if manifest is None or source is None or not source.exists():
            export.problems.append(f"evidence {upload_id}: the journal has it, and its file is missing")
            continue
        target = folder / upload_id
        target.mkdir(parents=True)
        for name in ("file", "times", "manifest.json"):
            if (source.parent / name).exists():
                shutil.copyfile(source.parent / name, target / name)
        if (found := file_sha256(target / "file")) != noted:
            export.problems.append(f"evidence {upload_id}: SHA-256 of its file is {found}, the journal has {noted}")
        export.files += 1


# Tracks --------------------------------------------------------------------------------------------------------------------


def _tracks(tracks: Path, from_: datetime, to: datetime, folder: Path, export: Export) -> tuple[_Chain, list[str]]:
    """The ledger's lines from the first to the last about the span, and slices that they do not tell of.

    The ledger is read first: a slice that a running server closes meanwhile is one that it does not tell of yet.
    """
    chain, noted = _ledger(TrackLedger(tracks), from_, to, folder / "ledger.tsv", export)
    packed = set()
    for start_s, listed in slice_files(tracks):
        if start_s + SLICE_S <= from_.timestamp() or start_s >= to.timestamp():
            continue
        name = slice_name(start_s)
        try:
            path, content = slice_content(listed)
        except FileNotFoundError:  # removed meanwhile: lost, as far as these lines tell
            continue
        target = folder / "tracks" / f"{name}.track"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if path.suffix == ".track" else pack(read_open(content, start_s)[0]))
        packed.add(name)
        if noted.get(name) and file_sha256(target) != noted[name]:
            export.problems.append(f"tracks {name}: it is not what the ledger says was closed")
    export.slices = len(packed)
    export.problems += [f"tracks {name}: it is lost; the ledger has it" for name in sorted(noted.keys() - packed) if noted[name]]
    return chain, sorted(packed - noted.keys())


def _ledger(ledger: TrackLedger, from_: datetime, to: datetime, path: Path, export: Export) -> tuple[_Chain, dict[str, str]]:
    """The lines, as a chain; by slice of the span the SHA-256 it was closed with, empty for one that was removed."""
    first_name = slice_name(math.floor(from_.timestamp() / SLICE_S) * SLICE_S)
    end_name = slice_name(math.ceil(to.timestamp() / SLICE_S) * SLICE_S)
    noted: dict[str, str] = {}
    lines: list[Line] = []
    until, before, first = 0, "", ""
    for line in ledger.read():
        concerned = line.entry is not None and first_name <= line.entry.slice < end_name
        if concerned and not lines:
            first = before
        if concerned or lines:
            lines.append(line)
        if concerned and line.entry is not None:
            until = len(lines)
            noted[line.entry.slice] = "" if line.entry.kind == REMOVED else line.entry.sha256
        before = line.hash
    del lines[until:]
    export.problems += [f"ledger of tracks, line {line.number}: {line.wrong}" for line in lines if line.wrong]
    path.write_bytes(b"".join(line.raw for line in lines))
    return _Chain(path.name, first, lines[-1].hash if lines else "", len(lines)), noted
