"""Which beat a point is on, and what a table of beats may say."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from geodata.cities.city import CityError
from geodata.districts.beats import STREET_REACH_M, Beat, Beats, load_beats
from geodata.projection import LocalProjection

WEST, EAST = "330203010000", "330205010000"
BLOCK = Beat("w1", WEST, "一号巡区", areas=((((121.50, 29.80), (121.52, 29.80), (121.52, 29.82), (121.50, 29.82)),),))
STREET = Beat("w2", WEST, "中山路", streets=(((121.505, 29.81), (121.515, 29.81)),))
OTHER = Beat("e1", EAST, "东一", areas=((((121.51, 29.80), (121.53, 29.80), (121.53, 29.83), (121.51, 29.83)),),))
BEATS = Beats((BLOCK, STREET, OTHER))


def test_the_smallest_beat_at_a_point_is_told() -> None:
    assert BEATS.beat_at(121.51, 29.81) == STREET
    assert BEATS.beat_at(121.501, 29.801) == BLOCK
    assert BEATS.beat_at(121.51, 29.81, EAST) == OTHER
    assert BEATS.beat_at(121.6, 29.9) is None


def test_a_unit_is_on_its_own_beat_or_not() -> None:
    assert BEATS.holds("w1", 121.51, 29.81)
    assert not BEATS.holds("e1", 121.505, 29.81)
    assert not BEATS.holds("gone", 121.51, 29.81)


@given(along=st.floats(0, 1), off_m=st.floats(-400, 400))
def test_a_street_reaches_as_far_as_said_in_metres(along: float, off_m: float) -> None:
    assume(not math.isclose(abs(off_m), STREET_REACH_M, abs_tol=1.0))
    flat = LocalProjection(121.505, 29.81)
    x, y = flat.to_metres(121.505 + 0.01 * along, 29.81)
    lon, lat = flat.to_degrees(x, y + off_m)
    assert BEATS.holds("w2", float(lon), float(lat)) == (abs(off_m) < STREET_REACH_M)


def test_a_duty_post_is_a_street_of_one_point() -> None:
    post = Beats((Beat("p", WEST, "快反点", streets=(((121.5, 29.8),),)),))
    assert post.holds("p", 121.5005, 29.8)
    assert not post.holds("p", 121.5, 29.802)


def test_a_city_without_a_table_has_no_beats(tmp_path: Path) -> None:
    assert load_beats(tmp_path / "beats.toml", {WEST}) == ()
    assert Beats().beat_at(121.5, 29.8) is None


SOUND = f'[[beat]]\nid = "b"\norganisation = "{WEST}"\nname = "n"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SOUND, "it is nowhere"),
        (SOUND + "streets = [[]]", "is empty"),
        (SOUND + "streets = [[[221.5, 29.8]]]", "WGS-84"),
        (SOUND + "areas = [[[[121.5, 29.8], [121.6, 29.8]]]]", "fewer than three points"),
        (SOUND + "areas = [[[[121.5, 29.8], [121.6, 29.9], [121.6, 29.8], [121.5, 29.9]]]]", "crosses itself"),
        (2 * (SOUND + "streets = [[[121.5, 29.8]]]\n"), "2 beats of this id"),
        (SOUND.replace(WEST, "1") + "streets = [[[121.5, 29.8]]]", "no organisation '1'"),
        (SOUND.replace('"n"', '" "') + "streets = [[[121.5, 29.8]]]", "id or name is empty"),
        (SOUND + "colour = 1", "colour"),
        ("[[beat", "can't be read"),
    ],
)
def test_a_table_that_is_wrong_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "beats.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CityError, match=said):
        load_beats(file, {WEST})


def test_a_sound_table_is_read(tmp_path: Path) -> None:
    file = tmp_path / "beats.toml"
    file.write_text(SOUND + "streets = [[[121.5, 29.8], [121.51, 29.8]]]", encoding="utf-8")
    (beat,) = load_beats(file, {WEST})
    assert Beats((beat,)).beat_at(121.505, 29.8) == beat
