"""The tree of organisations: reach by parent and date, short codes, refusals."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.organisations import Organisation, OrganisationTree

CITY, COUNTY, OTHER, STATION = "330200000000", "330203000000", "330205000000", "330203510000"
TODAY = date(2026, 5, 1)


def row(code: str, level: str, parent: str | None, **more: Any) -> dict[str, Any]:
    return {"code": code, "name": code, "name_en": code, "level": level, "parent": parent, "lon": 121.5, "lat": 29.9, **more}


def tree(*extra: dict[str, Any]) -> OrganisationTree:
    rows = [row(CITY, "city", None), row(COUNTY, "county", CITY), row(OTHER, "county", CITY), row(STATION, "station", COUNTY)]
    return OrganisationTree([*rows, *extra])


def test_reach_is_self_and_everything_below() -> None:
    t = tree()
    assert t.reach(CITY, TODAY) == {CITY, COUNTY, OTHER, STATION}
    assert t.reach(COUNTY, TODAY) == {COUNTY, STATION}
    assert t.reach(STATION, TODAY) == {STATION}
    assert t.reach("nobody", TODAY) == frozenset()


def test_reach_follows_the_tree_and_not_the_digits() -> None:
    brigade = row("330299AB0000", "station", COUNTY)
    assert "330299AB0000" in tree(brigade).reach(COUNTY, TODAY)
    looks_like = row("330203990000", "station", OTHER)
    assert "330203990000" not in tree(looks_like).reach(COUNTY, TODAY)


def test_a_move_to_another_county_takes_effect_on_its_day() -> None:
    moved = "330203520000"
    t = tree(row(moved, "station", COUNTY, valid_to="2026-05-01"), row(moved, "station", OTHER, valid_from="2026-05-01"))
    assert moved in t.reach(COUNTY, date(2026, 4, 30))
    assert moved not in t.reach(OTHER, date(2026, 4, 30))
    assert moved not in t.reach(COUNTY, TODAY)
    assert moved in t.reach(OTHER, TODAY)
    assert t.ancestors(moved, date(2026, 4, 30)) == (COUNTY, CITY)
    assert t.ancestors(moved) == (OTHER, CITY)


def test_an_ended_organisation_reaches_nothing_but_its_records_keep_a_reader() -> None:
    gone = "330203530000"
    t = tree(row(gone, "station", COUNTY, valid_to="2026-01-01"))
    assert t.reach(gone, TODAY) == frozenset()
    assert gone not in t.reach(COUNTY, TODAY)
    assert gone in t.reach(COUNTY, TODAY, with_ended=True)
    assert gone not in t.reach(OTHER, TODAY, with_ended=True)


def test_one_not_yet_founded_is_not_reached_even_with_ended_ones() -> None:
    t = tree(row("330203540000", "station", COUNTY, valid_from="2027-01-01"))
    assert "330203540000" not in t.reach(COUNTY, TODAY, with_ended=True)


@pytest.mark.parametrize(("short", "code"), [("3302", CITY), ("330203", COUNTY), (STATION, STATION)])
def test_short_codes(short: str, code: str) -> None:
    assert tree().expand(short) == code


@pytest.mark.parametrize("wrong", ["", "33", "33020", "9999", "330204", "33020351", " 3302", "330203999999"])
def test_unknown_codes_are_named(wrong: str) -> None:
    with pytest.raises(ValueError, match="is not known; use a 12-character code"):
        tree().expand(wrong)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (row("A", "station", "nowhere"), "names the parent nowhere"),
        (row(CITY, "city", None), "two rows in force at once"),
        (row("330300000000", "city", None), "hold 2 of level 'city'"),
        ({"code": "B"}, "organisation 'B' can't be read"),
        (row("C", "station", COUNTY, valid_from="soon"), "organisation 'C' can't be read"),
        (row("D", "station", "D"), "form a circle"),
    ],
)
def test_unsound_lists_are_refused(extra: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tree(extra)


def test_all_is_city_first_and_city_is_found() -> None:
    t = tree()
    assert t.city.code == CITY
    assert [o.code for o in t.all()] == [CITY, COUNTY, OTHER, STATION]


@given(st.lists(st.integers(min_value=0, max_value=30), max_size=30))
def test_reach_agrees_with_ancestors(parents: list[int]) -> None:
    """Any tree: b is in the reach of a exactly when a is b or above b."""
    rows = [Organisation("0", "", "", "city", None, 0.0, 0.0)]
    for i, parent in enumerate(parents, start=1):
        rows.append(Organisation(str(i), "", "", "station", str(parent % i), 0.0, 0.0))
    t = OrganisationTree(rows)
    for a in rows:
        reach = t.reach(a.code, TODAY)
        assert reach == {b.code for b in rows if b.code == a.code or a.code in t.ancestors(b.code)}
