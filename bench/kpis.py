"""`bench kpis`: response times over a million incidents, as `/kpi` asks for them, beside pandas doing the same, equal to the second."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bench import harness
from dispatch.deadlines import Targets, load_targets
from dispatch.kpi_facts import AREAS, INCIDENT_COLUMNS, RESPONSE_COLUMNS, Columns, Facts
from dispatch.kpis import GroupFigures, measure
from dispatch.model import Step

INCIDENTS, PER_INCIDENT = 1_000_000, 1.2
ORGS, TYPES = 120, 30
ROUNDS = 5
BEGAN_S, YEAR_S = 1_767_225_600.0, 365 * 86_400.0
NOW_S = BEGAN_S + YEAR_S + 86_400.0
NOTES = {
    "work": "8 stages, 120 organisations and all together: n, p50, p90, within target, missing, out of order, not reached",
    "ours": "dispatch.kpis.measure on columns as a month's facts are kept in memory; also the p50's interval, which pandas is spared",
    "pandas": "DataFrames of the same columns, groupby and quantile",
    "data": "made: a stage lacks its time in 3 of 100, times are out of order in 1 of 100, 5 of 100 crews were recalled before arriving",
    "equal": "every one of these figures of every group and stage; seconds to a thousandth",
}
# Of each stage: where it begins and ends, and what comes after it.
_OF_CREW = {
    "acknowledge": ("pushed_at", "acknowledged_at", ("departed_at", "arrived_at", "feedback_at")),
    "depart": ("acknowledged_at", "departed_at", ("arrived_at", "feedback_at")),
    "arrive": ("pushed_at", "arrived_at", ("feedback_at",)),
    "feedback": ("arrived_at", "feedback_at", ()),
}
_OF_INCIDENT = {
    "push": ("received_at", "pushed_at", ("arrived_at", "feedback_at")),
    "first_arrival": ("received_at", "arrived_at", ("feedback_at",)),
    "review": ("feedback_at", "reviewed_at", ()),
    "close": ("received_at", "ended_at", ()),
}
_STEPS = {"acknowledge": Step.ACKNOWLEDGE, "depart": Step.DEPART, "arrive": Step.ARRIVE, "feedback": Step.FEEDBACK, "review": Step.REVIEW}
_FIGURES = ("n", "p50_s", "p90_s", "within", "missing", "out_of_order", "unreached")
ALL = -1


def run() -> dict[str, Any]:
    """About a minute."""
    facts, targets = _facts(), load_targets()
    orgs = tuple(facts.orgs)
    group_of = facts.incidents["org"].astype(np.int64)
    one = pd.DataFrame({name: facts.incidents[name] for name in INCIDENT_COLUMNS if name != "incident_id"})
    crews = pd.DataFrame({name: facts.responses[name] for name in RESPONSE_COLUMNS})
    for name in ("org", "grade", "area"):
        crews[name] = facts.incidents[name][crews["incident"]]
    ours = measure(facts, targets, group_of, orgs, NOW_S)
    theirs = _pandas(one, crews, targets)
    compared = _compare(ours, theirs, orgs)
    taken = harness.turn_about(
        {
            "ours": lambda: harness.timed(lambda: measure(facts, targets, group_of, orgs, NOW_S)),
            "pandas": lambda: harness.timed(lambda: _pandas(one, crews, targets)),
        },
        ROUNDS,
    )
    harness.keep_samples("kpis", taken)
    figures = {
        "incidents": INCIDENTS,
        "responses": len(crews),
        "seconds_1m": harness.percentile(taken["ours"], 50),
        "seconds_1m_pandas": harness.percentile(taken["pandas"], 50),
        "figures_compared": compared,
    }
    return harness.result("kpis", figures, {"vs_pandas": harness.ratio(taken["ours"], taken["pandas"])}, NOTES)


def _facts() -> Facts:
    """A year of a large city, made by a fixed seed; times as the journal has them, to the millisecond."""
    random = np.random.default_rng(3)
    received = np.sort(np.round(random.uniform(BEGAN_S, BEGAN_S + YEAR_S, INCIDENTS), 3))
    of_incident = np.sort(random.integers(INCIDENTS, size=int(INCIDENTS * PER_INCIDENT))).astype(np.int32)
    n = len(of_incident)
    crew: dict[str, Any] = {"incident": of_incident}
    at = received[of_incident]
    for name, mean_s in (
        ("pushed_at", 40.0),
        ("acknowledged_at", 25.0),
        ("departed_at", 60.0),
        ("arrived_at", 300.0),
        ("feedback_at", 1500.0),
    ):
        at = at + np.round(random.gamma(2.0, mean_s / 2.0, n), 3)
        crew[name] = np.where(random.random(n) < 0.03, np.nan, at) if name != "pushed_at" else at.copy()
    crew["ended_at"] = at + 5.0
    recalled = random.random(n) < 0.05
    crew["arrived_at"][recalled] = crew["feedback_at"][recalled] = np.nan
    disordered = random.random(n) < 0.01
    crew["arrived_at"][disordered] -= 3_600.0
    crew["entered"], crew["acknowledges"] = np.zeros(n, np.int8), np.ones(n, np.bool_)
    one: dict[str, Any] = {name: np.zeros(INCIDENTS, kind) for name, kind in INCIDENT_COLUMNS.items()}
    one |= {"received_at": received, "org": random.integers(ORGS, size=INCIDENTS).astype(np.int16)}
    one |= {"type": random.integers(TYPES, size=INCIDENTS).astype(np.int16), "grade": random.integers(1, 5, INCIDENTS).astype(np.int8)}
    one["area"] = random.integers(1, 4, INCIDENTS).astype(np.int8)
    for name, pick in (("pushed_at", np.fmin), ("arrived_at", np.fmin), ("feedback_at", np.fmax)):
        column = np.full(INCIDENTS, np.nan)
        pick.at(column, of_incident, crew[name])
        one[name] = column
    one["reviewed_at"] = one["feedback_at"] + 600.0
    one["ended_at"] = one["feedback_at"] + 900.0
    names = tuple(f"org-{number:03}" for number in range(ORGS)), tuple(f"type-{number:02}" for number in range(TYPES)), ("",)
    return Facts(Columns([one]), Columns([crew]), *names)


def _pandas(one: pd.DataFrame, crews: pd.DataFrame, targets: Targets) -> dict[str, pd.DataFrame]:
    """Of each stage: a row an organisation, and one of all together."""
    found = {stage: _stage(one, stage, *columns, targets) for stage, columns in _OF_INCIDENT.items()}
    return found | {stage: _stage(crews, stage, *columns, targets) for stage, columns in _OF_CREW.items()}


def _stage(rows: pd.DataFrame, stage: str, begins: str, ends: str, after: tuple[str, ...], targets: Targets) -> pd.DataFrame:
    took = ((rows[ends] - rows[begins]) * 1000).round()
    is_later = rows[list(after)].notna().any(axis=1) if after else pd.Series(False, index=rows.index)
    ok = took >= 0
    missing = took.isna() & (rows[ends].notna() | is_later)
    counted = pd.DataFrame({"org": rows["org"], "n": ok, "missing": missing, "out_of_order": took < 0})
    counted["unreached"] = took.isna() & ~missing
    counted["within"] = ok & (took <= _limits(rows, stage, targets) * 1000)
    sums = counted.groupby("org").sum()
    sums.loc[ALL] = sums.sum()
    timed = took[ok]
    quantiles = timed.groupby(rows["org"][ok]).quantile([0.5, 0.9]).unstack() / 1000
    quantiles.loc[ALL] = timed.quantile([0.5, 0.9]).to_numpy() / 1000
    return sums.assign(p50_s=quantiles[0.5], p90_s=quantiles[0.9])


def _limits(rows: pd.DataFrame, stage: str, targets: Targets) -> pd.Series:
    """Each row's target in seconds; NaN where it has none."""
    table = {}
    for number, area in enumerate(AREAS):
        target = targets.of(_STEPS[stage], area) if stage in _STEPS else None
        for grade in (1, 2, 3, 4):
            table[number, grade] = np.nan if target is None else target.seconds[grade - 1] or np.nan
    limits = pd.Series(table)
    return limits.reindex(pd.MultiIndex.from_arrays([rows["area"], rows["grade"]])).set_axis(rows.index)


def _compare(ours: tuple[GroupFigures, ...], theirs: dict[str, pd.DataFrame], orgs: tuple[str, ...]) -> int:
    """How many figures were compared. Raises RuntimeError where one differs."""
    compared = 0
    for group in ours:
        for one in group.stages:
            row = theirs[one.stage].loc[ALL if group.key == "all" else orgs.index(group.key)]
            for name in _FIGURES:
                mine, other = getattr(one, name), float(row[name])
                if abs(mine - other) > 0.0011:
                    raise RuntimeError(f"{group.key} {one.stage} {name}: {mine} here, {other} by pandas")
                compared += 1
    return compared


if __name__ == "__main__":
    harness.main(run)
