"""Code tables: the built-in ones are whole, a city's own replace them, what is wrong is named."""

from __future__ import annotations

from pathlib import Path

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
