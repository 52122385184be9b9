"""What a city's targets.toml may say, and how one that says something else is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatch.deadlines import BUILT_IN, load_targets
from dispatch.model import Area, Step

TARGETS = load_targets()


def changed(folder: Path, old: str, new: str) -> Path:
    """The built-in targets with one passage changed, as a city's file."""
    text = BUILT_IN.read_text(encoding="utf-8")
    assert old in text
    path = folder / "targets.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_a_city_has_its_own_targets(tmp_path: Path) -> None:
    targets = load_targets(changed(tmp_path, "seconds = [30, 30, 60, 180]", "seconds = [20.5, 30, 60, 0]"))
    row = targets.of(Step.ACKNOWLEDGE, Area.COUNTRY)
    assert row is not None
    assert row.seconds == (20.5, 30, 60, 0)
    assert load_targets(tmp_path / "nothing.toml") == load_targets() == TARGETS


HEAD = "repush_after_s = 10\nclimb_after_s = 60\n"
BAD: list[tuple[str, str, str]] = [
    ("step = ", "step == ", "can't be read: Invalid value (at line 13, column 7)"),
    ("repush_after_s = 10", "", "can't be read: Object missing required field `repush_after_s`"),
    ("climb_after_s = 60", "climb_after_s = 60\nclimb_to = 3", "can't be read: Object contains unknown field `climb_to`"),
    ("climb_after_s = 60", 'climb_after_s = "60"', "can't be read: Expected `float`, got `str` - at `$.climb_after_s`"),
    ('step = "acknowledge"', 'step = "answer"', "can't be read: Invalid enum value 'answer' - at `$.target[0].step`"),
    ('from = "unit_pushed"\n', "", "can't be read: Object missing required field `from` - at `$.target[0]`"),
    ('area = "town"', 'aera = "town"', "can't be read: Object contains unknown field `aera` - at `$.target[2]`"),
    ('area = "town"', 'area = "city"', "can't be read: Invalid enum value 'city' - at `$.target[2].area`"),
    ("[30, 30, 60, 180]", "[30, 30, 60]", "can't be read: Expected `array` of length 4, got 3 - at `$.target[0].seconds`"),
    ("[30, 30, 60, 180]", '[30, 30, 60, "–"]', "can't be read: Expected `float`, got `str` - at `$.target[0].seconds[3]`"),
    ('["repush", "repush"', '["repush", "shout"', "can't be read: Invalid enum value 'shout' - at `$.target[0].on_miss[1]`"),
    ("repush_after_s = 10", "repush_after_s = 0", "repush_after_s is 0; give seconds, more than 0 and at most a year"),
    ("climb_after_s = 60", "climb_after_s = -1", "climb_after_s is -1; give seconds, more than 0 and at most a year"),
    ("climb_after_s = 60", "climb_after_s = nan", "climb_after_s is nan; give seconds, more than 0 and at most a year"),
    ("[60, 60, 180, 0]", "[60, -60, 180, 0]", "depart has -60 seconds; give at most a year, 0 for measured only"),
    ("[60, 60, 180, 0]", "[60, 60, inf, 0]", "depart has inf seconds; give at most a year, 0 for measured only"),
    ("[60, 60, 180, 0]", "[nan, 60, 180, 0]", "depart has nan seconds; give at most a year, 0 for measured only"),
    ("86400, 86400]", "86400, 3e9]", "review has 3e+09 seconds; give at most a year, 0 for measured only"),
    ('from = "unit_pushed"', 'from = "midnight"', "acknowledge starts from 'midnight'; name one of unit_pushed"),
    ('from = "unit_pushed"', 'from = "acknowledged"', "acknowledge starts from 'acknowledged'; name one of unit_pushed"),
    ('from = "acknowledged"', 'from = "departed"', "depart starts from 'departed'; name one of unit_pushed, acknowledged"),
    ('from = "feedback_given"', 'from = "arrived"', "review starts from 'arrived'; name one of feedback_given"),
    (
        'on_miss = ["alarm", "alarm"',
        'on_miss = ["alarm", "repush"',
        "depart can't send others (repush), only a missed acknowledge does; write alarm or supervise",
    ),
    (
        'area = "outskirts"',
        'area = "town"',
        "arrive has 2 rows for town; give one for each area or one without area, with 0 seconds for measured only",
    ),
    (
        'area = "country"\n',
        "",
        "arrive has 2 rows for town; give one for each area or one without area, with 0 seconds for measured only",
    ),
    (
        'step = "review"',
        'step = "review"\narea = "town"',
        "review has 0 rows for outskirts; give one for each area or one without area, with 0 seconds for measured only",
    ),
]


@pytest.mark.parametrize(("old", "new", "words"), BAD)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        load_targets(path)
    sign = " " if words.startswith("can't be read") else ": "
    assert str(refused.value) == f"targets {path}{sign}{words}"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe", "can't be read: 'utf-8' codec can't decode byte 0xff"),
        (b"", "can't be read: Object missing required field `target`"),
        (HEAD.encode() + b"target = []", ": acknowledge has 0 rows for town; give one"),
    ],
)
def test_a_file_of_something_else_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "targets.toml"
    path.write_bytes(content)
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        load_targets(path)
    assert words in str(refused.value)
    assert str(refused.value).startswith(f"targets {path}")


def test_a_folder_in_the_file_s_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^targets {tmp_path} can't be read: .*Is a directory"):
        load_targets(tmp_path)


def test_a_row_without_area_is_for_every_place() -> None:
    assert len({TARGETS.of(Step.DEPART, area) for area in (None, *Area)}) == 1
    assert TARGETS.of(Step.ARRIVE, None) is TARGETS.of(Step.ARRIVE, Area.TOWN)
