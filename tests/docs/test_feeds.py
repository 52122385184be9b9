"""`docs/feeds.md` against the code: every check in its order, every message, every reason, the layout of tracks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from dispatch.catalogue import load_catalogue
from feeds import native
from geodata.datum import DATUMS
from operations.tracking import datum_watch, quality, reports
from storage import track_blocks, track_columns
from storage.track_files import FIX, OPEN_MAGIC

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "feeds.md").read_text(encoding="utf-8")
CODED = set(re.findall(r"`([^`\n]+)`", PAGE))


def rows_of(heading: str) -> list[list[str]]:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| `")]


def test_the_table_of_checks_is_the_list_of_checks():
    assert [row[0].strip("`") for row in rows_of("Checks")] == [step.__name__ for step in quality.CHECKS]
    assert datum_watch.WARNING in CODED
    for reason in quality.STILL_HEARD:
        assert f"`{reason}`" in PAGE.split("still show that the unit is alive")[0].rsplit("\n\n", 1)[1]


def test_the_bounds_of_the_checks_are_those_of_the_code():
    rules, bounds = quality.Rules(), {row[0].strip("`"): row[1] for row in rows_of("Checks")}
    assert f"{rules.ahead_s:.0f} s ahead" in bounds["future"]
    assert f"{rules.oldest_s / 3600:.0f} hours" in bounds["stale"]
    assert f"last {quality.REMEMBERED} fixes" in bounds["duplicate"]
    speed = bounds["impossible_speed"]
    assert f"{rules.top_speed_mps:.0f} m/s" in speed
    assert f"{rules.jitter_m:.0f} m of jitter" in speed
    assert f"{rules.gap_s / 60:.0f} minutes" in speed
    assert quality.AGREEING == 3
    assert "three fixes in a row" in speed


@pytest.mark.parametrize("report", get_args(reports.AnyReport))
def test_every_message_and_field_is_described(report):
    tag = report.__struct_config__.tag
    section = PAGE.split(f"### `{tag}`\n")[1].split("\n### ")[0]
    for name in report.__struct_fields__:
        assert f"`{name}`" in section or name in ("text", "datum"), f"{tag}.{name}"


def test_every_datum_and_every_element_of_readings_is_named():
    assert set(DATUMS) <= CODED
    assert {kind.id for kind in load_catalogue().kinds.values() if kind.source == "readings"} <= CODED


def test_every_reason_in_the_source_is_listed():
    source = "\n".join(
        (ROOT / name).read_text(encoding="utf-8")
        for name in (
            "feeds/native.py",
            "feeds/jt808/framing.py",
            "feeds/jt808/messages.py",
            "feeds/jt808/server.py",
            "feeds/jt808/session.py",
            "feeds/gb28181/sip.py",
            "feeds/gb28181/digest.py",
            "feeds/gb28181/xml_text.py",
            "feeds/gb28181/messages.py",
            "feeds/gb28181/platform.py",
            "feeds/gb28181/reporting.py",
            "feeds/gb28181/server.py",
            "operations/tracking/intake.py",
            "operations/tracking/fixes.py",
            "operations/tracking/reporters.py",
        )
    )
    raised = r"(?:reject|BadFrame|BadMessage|_refuse\(message, \d+,|DispatchError|RuleViolation|_refuse_all|return|NotPermitted)"
    given = set(re.findall(raised + r'\(?\s*"([a-z_-]+)"', source))
    assert len(given) > 20
    assert given - CODED == set()


def test_the_bounds_of_a_message_are_those_of_the_code():
    assert f"up to {native.MAX_REPORTS:,}, at most 1 MiB" in PAGE
    assert native.MAX_BYTES == 1024**2
    assert f"more than {native.REPORTS_PER_S:,.0f} reports a second" in PAGE


def test_the_layout_of_tracks_is_that_of_the_code():
    begin = {OPEN_MAGIC.decode(), track_blocks.MAGIC.decode(), track_columns.MAGIC.decode()}
    assert len(begin) == 3
    assert begin <= CODED
    assert f"fixes of {FIX.itemsize} bytes" in PAGE
    section = PAGE.split("fixes of 32 bytes: ")[1].split(";")[0]
    kinds = {"<u4": "u32", "<i8": "i64", "<i4": "i32", "|u1": "u8"}
    fields = re.findall(r"(\w+) (?:(u32|i64|i32|u8))?", section.replace("lon i32, lat i32", "lon i32 lat i32"))
    named = {name: kind for name, kind in fields if kind}
    assert named == {name: kinds[FIX[name].str] for name in FIX.names or ()}
