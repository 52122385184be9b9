"""One incident's stages: known durations against targets, what can't be said, and the same counts as the figures of response."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from dispatch.deadlines import load_targets
from dispatch.kpi_facts import FactsBuilder
from dispatch.kpis import measure
from dispatch.model import Area, Assignment, AssignmentStage, Grade, Incident, Stage
from dispatch.stage_line import StageSpan, Verdict, stage_spans

T0 = datetime(2026, 5, 1, 8, tzinfo=UTC)
TARGETS = load_targets()


def at(seconds: float | None) -> datetime | None:
    return None if seconds is None else T0 + timedelta(seconds=seconds)


def crew(unit_id: str = "A", **times: Any) -> Assignment:
    fields = {name: at(value) if name.endswith("_at") else value for name, value in ({"pushed_at": 20.0} | times).items()}
    return Assignment(
        assignment_id=f"a-{unit_id}", unit_id=unit_id, **{"stage": AssignmentStage.FEEDBACK, "pushed_by": "li", "entered": (), **fields}
    )


def incident(*crews: Assignment, **fields: Any) -> Incident:
    known: dict[str, Any] = {
        "incident_id": "i1",
        "number": 1,
        "incident_type": "theft",
        "grade": Grade.URGENT,
        "text": "",
        "org_code": "330203010000",
        "stage": Stage.CLOSED,
        "stage_since": at(3000),
        "called_at": T0,
        "received_at": T0,
        "version": 9,
        "area": Area.TOWN,
    }
    return Incident(**known | fields, assignments=crews)


def spans_of(one: Incident, now_s: float = 5000) -> dict[tuple[str, str], StageSpan]:
    return {(span.unit_id, span.stage): span for span in stage_spans(one, TARGETS, T0 + timedelta(seconds=now_s))}


WHOLE = {"acknowledged_at": 45.0, "departed_at": 200.0, "arrived_at": 300.0, "feedback_at": 1000.0}
HISTORIES = {
    "whole": incident(crew(**WHOLE, entered=(AssignmentStage.ON_SCENE,)), reviewed_at=at(2000)),
    "no arrival": incident(crew(**WHOLE | {"arrived_at": None})),
    "out of order": incident(crew(**WHOLE | {"departed_at": 30.0})),
    "silent": incident(crew(ended_at=2000.0, stage=AssignmentStage.RECALLED)),
    "under way": incident(crew(acknowledged_at=40.0, stage=AssignmentStage.ACKNOWLEDGED), stage=Stage.ACKNOWLEDGED),
    "nobody sent": incident(stage=Stage.RECEIVED),
    "merged": incident(crew(**WHOLE, stage=AssignmentStage.RELEASED, ended_at=1500.0), stage=Stage.MERGED, stage_since=at(1500)),
    "reopened": incident(
        crew(**WHOLE, stage=AssignmentStage.RELEASED, ended_at=3000.0),
        crew("B", pushed_at=4000.0, acknowledged_at=4020.0, arrived_at=4500.0, stage=AssignmentStage.ON_SCENE),
        stage=Stage.ON_SCENE,
        stage_since=at(4500),
        round_start=1,
    ),
    "two crews": incident(crew(**WHOLE), crew("B", pushed_at=60.0, acknowledged_at=70.0, ended_at=90.0, stage=AssignmentStage.RECALLED)),
}


def test_known_durations_against_the_targets_of_grade_and_place() -> None:
    found = spans_of(HISTORIES["whole"])
    said = {stage: (span.took_s, span.target_s, span.verdict) for (_, stage), span in found.items()}
    assert said["acknowledge"] == (25.0, 30.0, Verdict.DONE)
    assert said["depart"] == (155.0, 60.0, Verdict.LATE)
    assert said["arrive"] == (280.0, 300.0, Verdict.DONE)
    assert said["feedback"] == (700.0, 600.0, Verdict.LATE)
    assert said["review"] == (1000.0, 86_400.0, Verdict.DONE)
    assert (said["push"][0], said["first_arrival"][0], said["close"][0]) == (20.0, 300.0, 3000.0)
    assert [span.stage for span in found.values() if span.entered] == ["arrive"]


def test_what_can_not_be_said_is_said_plainly() -> None:
    assert spans_of(HISTORIES["no arrival"])["A", "arrive"].verdict == Verdict.MISSING
    disordered = spans_of(HISTORIES["out of order"])["A", "depart"]
    assert (disordered.verdict, disordered.took_s) == (Verdict.OUT_OF_ORDER, None)
    silent = spans_of(HISTORIES["silent"])["A", "acknowledge"]
    assert (silent.verdict, silent.took_s) == (Verdict.LATE_UNREACHED, 1980.0)
    assert spans_of(HISTORIES["under way"], 50)["A", "depart"].verdict == Verdict.UNREACHED


def test_a_duty_circle_binds_the_arrival_at_grade_1_if_that_is_sooner() -> None:
    bound = incident(crew(**WHOLE, arrive_within_s=180.0), grade=Grade.MAJOR)
    span = spans_of(bound)["A", "arrive"]
    assert (span.target_s, span.by_circle, span.verdict) == (180.0, True, Verdict.LATE)
    looser = incident(crew(**WHOLE, arrive_within_s=900.0), grade=Grade.MAJOR)
    assert spans_of(looser)["A", "arrive"].by_circle is False
    assert spans_of(incident(crew(**WHOLE, arrive_within_s=180.0)))["A", "arrive"].target_s == 300.0


@pytest.mark.parametrize("name", HISTORIES)
def test_an_incident_stands_here_as_in_the_figures_of_response(name: str) -> None:
    one, now = HISTORIES[name], T0 + timedelta(seconds=5000)
    builder = FactsBuilder(UTC)
    builder.add(one)
    (*_, total) = measure(builder.built(), TARGETS, np.zeros(1, np.int64), ("all",), now.timestamp())
    spans = stage_spans(one, TARGETS, now)
    for figures in total.stages:
        own = [span for span in spans if span.stage == figures.stage]
        verdicts = [span.verdict for span in own]
        counted = (figures.n, figures.missing, figures.out_of_order, figures.unreached, figures.late_unreached, figures.entered)
        late = verdicts.count(Verdict.LATE_UNREACHED)
        assert counted == (
            verdicts.count(Verdict.DONE) + verdicts.count(Verdict.LATE),
            verdicts.count(Verdict.MISSING),
            verdicts.count(Verdict.OUT_OF_ORDER),
            verdicts.count(Verdict.UNREACHED) + late,
            late,
            sum(span.entered and span.verdict in (Verdict.DONE, Verdict.LATE) for span in own),
        ), figures.stage
        assert figures.targeted - figures.within == verdicts.count(Verdict.LATE) + late, figures.stage
