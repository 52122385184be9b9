"""A further call: suggested in the form and in the panel, answered with one click, asked once."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.callbacks.commands import send
from dashboard.callbacks.context import facts_for
from dashboard.callbacks.further_calls import carry_out, glances, lines_of
from dashboard.callbacks.selection import panel_of
from dispatch.duplicates import Call
from dispatch.model import Actor, Stage
from tests.dashboard.api_world import CITY, EAST, WEST, ApiCity, degrees
from tests.dashboard.pages_world import COMMANDER, PAGE, commands_in, parts_of, words_in

CALL_TAKER = Actor("taker", "call_taker", CITY)


@pytest.fixture
def spot(city: ApiCity) -> dict[str, float]:
    """A place, hours after whatever an earlier test reported there."""
    city.clock.advance(10_000)
    lon, lat = degrees(500, 500)
    return {"lon": lon, "lat": lat}


def lines(city: ApiCity, incident_id: str, actor: Actor = COMMANDER) -> Any:
    """The suggestions in the panel of an incident."""
    above, _, _ = city.run(panel_of(city.services, actor, {"kind": "incident", "incident_id": incident_id}, PAGE))
    return [part for part in parts_of(above, "Div") if part.className == "due-line alike"]


def form(city: ApiCity, spot: dict[str, float], answers: dict[str, Any], actor: Actor = COMMANDER, number: str = "") -> Any:
    call = Call("assault", "有人打架", "", city.clock.now(), spot["lon"], spot["lat"])
    return city.run(lines_of(city.services, actor, call, number, answers, facts_for(city.services, actor, PAGE)))


def press(city: ApiCity, command: str, incident_id: str, **more: Any) -> dict[str, str]:
    pending = {"command": command, "incident": incident_id, "unit": "", "key": f"{command}-{incident_id}", "shown": None, **more}
    return city.run(send(city.services, COMMANDER, pending, "", None, facts_for(city.services, COMMANDER, PAGE)))


def test_the_panel_says_why_and_merges_the_later_call_with_one_click(city: ApiCity, spot: dict[str, float]) -> None:
    caller = {"name": "王先生", "number": "13700001234"}
    first = city.incident("commander", caller=caller, **spot)
    city.clock.advance(240)
    later = city.incident("commander", caller=caller | {"number": "+86 137 0000 1234"}, **spot)
    said = words_in(lines(city, later["incident_id"]))
    assert f"May be the same as #{first['number']}" in said.replace("  ", " ")
    assert "0 m away · 4:00 earlier · same kind · similar words · same caller's number" in said
    assert commands_in(lines(city, first["incident_id"])) == [("merge", ""), ("tell_apart", "")]
    assert f"Merge #{later['number']} into #{first['number']}" in words_in(lines(city, first["incident_id"]))
    assert press(city, "merge", later["incident_id"], into=first["incident_id"])["kind"] == "good"
    assert city.services.handler.picture.incidents[later["incident_id"]].merged_into == first["incident_id"]
    assert lines(city, first["incident_id"]) == []


def test_the_one_with_units_on_it_stays(city: ApiCity, spot: dict[str, float]) -> None:
    for unit_id in ("stays", "stays-too"):
        city.unit(unit_id)
    first, later = city.incident("commander", **spot), city.incident("commander", **spot)
    city.command(later["incident_id"], "push", "commander", unit_ids=["stays"])
    assert f"Merge #{first['number']} into #{later['number']}" in words_in(lines(city, later["incident_id"]))
    city.command(first["incident_id"], "push", "commander", unit_ids=["stays-too"])
    assert "units are on both" in words_in(lines(city, later["incident_id"]))
    assert commands_in(lines(city, later["incident_id"])) == [("tell_apart", "")]


def test_the_queue_is_told_at_a_glance_without_asking_for_the_caller(city: ApiCity, spot: dict[str, float]) -> None:
    caller = {"name": "王先生", "number": "13700009999"}
    elsewhere = dict(zip(("lon", "lat"), degrees(100, 1000), strict=True))
    first, by_number = city.incident("commander", caller=caller, **spot), city.incident("commander", caller=caller, **elsewhere)
    later = city.incident("commander", **spot)
    asked = [one["incident_id"] for one in (first, later, by_number)] + ["nothing"]
    found = city.run(glances(city.services, COMMANDER, asked))
    assert found == {first["incident_id"]: later["number"], later["incident_id"]: first["number"]}
    assert city.run(glances(city.services, Actor("east", "commander", EAST), asked)) == {}
    press(city, "tell_apart", later["incident_id"], other=first["incident_id"])
    assert city.run(glances(city.services, COMMANDER, asked)) == {}


def test_not_the_same_is_kept_and_not_asked_again(city: ApiCity, spot: dict[str, float]) -> None:
    first, later = city.incident("commander", **spot), city.incident("commander", **spot)
    assert press(city, "tell_apart", later["incident_id"], other=first["incident_id"])["kind"] == "good"
    assert lines(city, later["incident_id"]) == lines(city, first["incident_id"]) == []
    above, below, _ = city.run(panel_of(city.services, COMMANDER, {"kind": "incident", "incident_id": later["incident_id"]}, PAGE))
    assert f"Not the same as #{first['number']}" in words_in([above, below])


def test_the_form_asks_while_the_call_is_taken(city: ApiCity, spot: dict[str, float]) -> None:
    first = city.incident("commander", **spot)
    asked = form(city, spot, {})
    assert f"#{first['number']}" in words_in(asked)
    assert [command for command, _ in commands_in(asked)] == ["same", "apart"]
    assert [command for command, _ in commands_in(form(city, spot, {}, CALL_TAKER))] == ["apart"], "who may not merge says what it is not"
    assert form(city, spot, {}, Actor("east", "call_taker", "330203520000")) == []
    assert "recorded as a further call of it" in words_in(form(city, spot, {"same": first["incident_id"], "apart": []}))
    assert form(city, spot, {"same": None, "apart": [first["incident_id"]]}) == []


@pytest.mark.parametrize("answer", ["same", "apart"])
def test_what_was_answered_in_the_form_is_carried_out_with_the_recording(city: ApiCity, spot: dict[str, float], answer: str) -> None:
    first, later = city.incident("commander", **spot), city.incident("commander", **spot)
    answers = {"same": first["incident_id"], "apart": []} if answer == "same" else {"same": None, "apart": [first["incident_id"]]}
    for _ in range(2):  # sent twice, done once
        chosen = city.run(carry_out(city.services, COMMANDER, later["incident_id"], answers, f"form-{answer}"))
    recorded = city.services.handler.picture.incidents[later["incident_id"]]
    if answer == "same":
        assert (chosen, recorded.stage) == (first["incident_id"], Stage.MERGED)
    else:
        assert (chosen, recorded.told_apart) == (later["incident_id"], (first["incident_id"],))


def test_who_may_only_look_has_no_answer_to_give(city: ApiCity, spot: dict[str, float]) -> None:
    city.incident("commander", **spot)
    here = city.incident("commander", **spot)
    seen = lines(city, here["incident_id"], Actor("west", "viewer", WEST))
    assert len(seen) == 1
    assert commands_in(seen) == []
    answer = city.command(here["incident_id"], "tell_apart", "viewer", other=here["incident_id"])
    assert answer.status_code == 403
    assert city.command(here["incident_id"], "tell_apart", "operator", other="nothing").status_code == 404
