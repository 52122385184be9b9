"""Code tables: the built-in ones are whole, a city's own replace them, what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from dispatch.codes import OFFICER_EMERGENCY, load_codes
from dispatch.model import Grade

TYPE = '[[incident_type]]\nid = "theft"\nzh = "盗窃"\nen = "Theft"\ngrade = 3\n'
DISPOSITION = '[[disposition]]\nid = "warned"\nzh = "教育"\nen = "Warned"\n'
LIST = '[[checklist]]\nincident_types = {types}\nitem = [{{ id = "{id}", zh = "甲", en = "A" }}, {{ id = "b", zh = "乙", en = "B" }}]\n'


def city_file(folder: Path, *more: str) -> Path:
    path = folder / "codes.toml"
    path.write_text("\n".join((TYPE, DISPOSITION, *more)), encoding="utf-8")
    return path


def test_every_built_in_type_has_a_check_list_and_a_general_one_serves_the_rest() -> None:
    lists = load_codes().checklist
    assert [checklist.incident_types for checklist in lists].count(()) == 1
    for checklist in lists:
        assert any(item.required for item in checklist.item)
        assert all(item.zh and item.en and item.zh != item.en for item in checklist.item)


def test_the_type_a_panic_button_makes_is_most_urgent_and_never_a_demo_incident() -> None:
    kind = load_codes().type_by_id[OFFICER_EMERGENCY]
    assert (kind.grade, kind.share, kind.confidential) == (Grade.MAJOR, 0, False)


def test_a_citys_own_table_without_that_type_still_knows_its_name(tmp_path: Path) -> None:
    codes = load_codes(city_file(tmp_path))
    assert list(codes.type_by_id) == ["theft", OFFICER_EMERGENCY]
    assert codes.checklist == ()


def test_a_citys_own_check_lists_are_read(tmp_path: Path) -> None:
    (checklist,) = load_codes(city_file(tmp_path, LIST.format(types='["theft"]', id="a"))).checklist
    assert (checklist.incident_types, [item.id for item in checklist.item]) == (("theft",), ["a", "b"])
    assert not checklist.item[0].required


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([TYPE], "incident type theft is declared twice"),
        ([LIST.format(types='["theft"]', id="a")] * 2, "incident type theft has two check-lists"),
        ([LIST.format(types="[]", id="a")] * 2, "the rest (no incident_types) has two check-lists"),
        ([LIST.format(types='["arson"]', id="a")], "incident type arson, which is not declared"),
        ([LIST.format(types="[]", id="b")], "check-list item b stands twice"),
        (["[[checklist]]\nitem = 3"], "can't be read"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(tmp_path: Path, more: list[str], said: str) -> None:
    with pytest.raises(ValueError, match="code tables") as refused:
        load_codes(city_file(tmp_path, *more))
    assert said in str(refused.value)


REVIEW = "[[review_before_closing]]\ngrades = {grades}\nincident_types = {types}\n"


def test_services_are_the_citys_own_or_the_built_in_ones(tmp_path: Path) -> None:
    built_in = load_codes()
    assert [one.id for one in built_in.service if one.takes_over] == ["119", "120", "122", "12345"]
    assert all(one.zh and one.en for one in built_in.service)
    assert load_codes(city_file(tmp_path)).service == built_in.service
    own = load_codes(city_file(tmp_path, '[[service]]\nid = "coast"\nzh = "海警"\nen = "Coast guard"\n'))
    assert [one.id for one in own.service] == ["coast"]


def test_a_review_is_forced_where_the_table_says_and_nowhere_else(tmp_path: Path) -> None:
    built_in = load_codes()
    forced = [(kind, grade) for kind in built_in.type_by_id for grade in Grade if built_in.is_reviewed_before_closing(kind, grade)]
    assert forced == [(OFFICER_EMERGENCY, grade) for grade in Grade]
    own = load_codes(city_file(tmp_path, REVIEW.format(grades="[1, 2]", types="[]")))
    assert [own.is_reviewed_before_closing("theft", grade) for grade in Grade] == [True, True, False, False]
    assert not load_codes(city_file(tmp_path)).is_reviewed_before_closing(OFFICER_EMERGENCY, Grade.MAJOR)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (REVIEW.format(grades="[1]", types='["flying"]'), "names incident type flying, which is not declared"),
        (REVIEW.format(grades="[]", types="[]"), "has no grades"),
        (REVIEW.format(grades="[7]", types="[]"), "Invalid enum value 7"),
        ('[[service]]\nid = "119"\nzh = "a"\nen = "b"\n' * 2, "service 119 is declared twice"),
    ],
)
def test_what_is_wrong_with_services_and_reviews_is_named(tmp_path: Path, more: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        load_codes(city_file(tmp_path, more))


def test_each_type_has_its_own_check_list_or_the_general_one() -> None:
    codes = load_codes()
    listed = {kind for row in codes.checklist for kind in row.incident_types}
    other = next(kind.id for kind in codes.incident_type if kind.id not in listed)
    own, general = codes.checklist_for("robbery"), codes.checklist_for(other)
    assert own is not None
    assert "robbery" in own.incident_types
    assert general is not None
    assert general.incident_types == ()
    assert msgspec.structs.replace(codes, checklist=(own,)).checklist_for(other) is None
