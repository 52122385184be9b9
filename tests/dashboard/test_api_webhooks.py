"""Webhooks over HTTP: the secret is shown once, wrong values are named, and what is sent is what the caller may see."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from settings import Settings, SettingsError
from tests.dashboard.api_world import CITY, COUNTY, EAST, WEST, ApiCity, fields_of, problem_of
from tests.operations.webhook_world import Receiver, until

BODY = {"url": "http://127.0.0.1:9/in", "events": ["incident_received"]}
SHOWN = {"webhook_id", "url", "events", "owner", "role", "org_code", "created_at", "state", "reason"}
SHOWN |= {"failures", "failing_since", "next_attempt_at", "revision"}


def add(city: ApiCity, scope: str = CITY, **more: Any) -> dict[str, Any]:
    answer = city.post("/webhooks", BODY | more, "commander", scope)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.fixture(autouse=True)
def no_leftovers(city: ApiCity) -> Any:
    yield
    for hook in city.get("/webhooks", "admin").json()["webhooks"]:
        assert city.ask("DELETE", f"/webhooks/{hook['webhook_id']}", "admin").status_code == 204


def test_the_secret_is_in_the_first_answer_only(city: ApiCity) -> None:
    made = add(city)
    assert set(made) == SHOWN | {"secret"}
    assert (made["state"], made["events"], made["role"], made["org_code"]) == ("ok", ["incident_received"], "commander", CITY)
    listed = city.get("/webhooks", "commander")
    assert listed.json()["webhooks"] == [{name: made[name] for name in SHOWN}]
    again = city.post(f"/webhooks/{made['webhook_id']}/redeliver", {}, "commander")
    log = city.get(f"/webhooks/{made['webhook_id']}/deliveries", "commander")
    assert again.status_code == log.status_code == 200
    for answer in (listed, again, log):
        assert made["secret"] not in answer.text


def test_a_secret_of_ones_own(city: ApiCity) -> None:
    secret = "whsec_" + "QUFB" * 10
    assert add(city, secret=secret)["secret"] == secret


def test_the_same_key_makes_one_webhook(city: ApiCity) -> None:
    key = {"Idempotency-Key": "once"}
    first, second = (city.post("/webhooks", BODY, "commander", headers=key) for _ in range(2))
    assert first.json() == second.json()
    assert len(city.get("/webhooks", "commander").json()["webhooks"]) == 1
    problem_of(city.post("/webhooks", BODY | {"events": ["*"]}, "commander", headers=key), 409)
    problem_of(city.post("/webhooks", BODY, "commander", headers={"Idempotency-Key": "x" * 201}), 422)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "http://elsewhere.test/"}, "url"),
        ({"url": "ftp://127.0.0.1/"}, "url"),
        ({"url": "http://a:b@127.0.0.1/"}, "url"),
        ({"url": "\x00"}, "url"),
        ({"url": "x" * 501}, "url"),
        ({"url": None}, "url"),
        ({"events": []}, "events"),
        ({"events": ["incident_eaten"]}, "events.0"),
        ({"events": "*"}, "events"),
        ({"secret": "short"}, "secret"),
        ({"secret": "whsec_" + "A" * 200}, "secret"),
        ({"sekret": "x"}, "sekret"),
    ],
)
def test_wrong_values_are_named(city: ApiCity, change: dict[str, Any], field: str) -> None:
    assert fields_of(problem_of(city.post("/webhooks", BODY | change, "commander"), 422)) == {field}
    assert city.get("/webhooks", "admin").json()["webhooks"] == []


def test_a_revision_that_is_none(city: ApiCity) -> None:
    webhook_id = add(city)["webhook_id"]
    for revision in (-1, 2**60, "x", 1.5):
        problem = problem_of(city.post(f"/webhooks/{webhook_id}/redeliver", {"after_revision": revision}, "commander"), 422)
        assert fields_of(problem) == {"after_revision"}
    refused = city.post(f"/webhooks/{webhook_id}/redeliver", {"after_revision": 2**40}, "commander")
    assert problem_of(refused, 422)["type"].endswith(":not-delivered-yet")


def test_another_scopes_webhook_is_refused_like_one_that_is_not_there(city: ApiCity) -> None:
    hidden, missing = add(city, WEST)["webhook_id"], "00000000-0000-7000-8000-000000000000"
    for method, rest, body in (("DELETE", "", None), ("GET", "/deliveries", None), ("POST", "/redeliver", {})):
        answers = [problem_of(city.ask(method, f"/webhooks/{i}{rest}", "commander", EAST, json=body), 404) for i in (hidden, missing)]
        assert answers[0]["detail"].replace(hidden, missing) == answers[1]["detail"]
    assert city.get("/webhooks", "commander", EAST).json() == {"webhooks": []}
    assert len(city.get("/webhooks", "commander", COUNTY).json()["webhooks"]) == 1


def test_an_incident_received_over_http_arrives_with_its_log(city: ApiCity) -> None:
    receiver = Receiver()
    made: list[dict[str, Any]] = []
    running = receiver.running()  # entered step by step: the city drives its own event loop
    city.run(running.__aenter__())
    try:
        for scope, path in ((WEST, "/west"), (EAST, "/east")):
            made.append(add(city, scope, url=receiver.url(path), events=["*"]))
        incident = city.incident(text="nur hier", caller={"name": "王小明", "number": "13812345678"})
        city.run(until(lambda: bool(receiver.events("/west"))))
        city.run(asyncio.sleep(0.3))
        (event,) = receiver.events("/west")
        assert (event["incident_id"], event["text"]) == (incident["incident_id"], "nur hier")
        assert b"13812345678" not in receiver.requests[0].body
        assert receiver.events("/east") == []
        (attempt,) = city.get(f"/webhooks/{made[0]['webhook_id']}/deliveries", "commander", WEST).json()["deliveries"]
        assert (attempt["status"], attempt["events"], attempt["reason"]) == (204, 1, "")
        assert attempt["delivery_id"] == receiver.requests[0].headers["webhook-id"]
        assert city.get("/ready", "admin").json()["parts"]["webhooks"] == {"state": "ok", "webhooks": 2, "failing": 0, "disabled": 0}
    finally:
        city.run(running.__aexit__(None, None, None))


@pytest.mark.parametrize("hosts", ["http://a", "a/b", "a:b", "a b", "*"])
def test_a_setting_that_is_no_list_of_hosts_is_refused(hosts: str) -> None:
    with pytest.raises(SettingsError, match="webhook_hosts holds"):
        Settings(webhook_hosts=hosts)


def test_hosts_of_the_setting() -> None:
    assert Settings(webhook_hosts=" Records.Local:8443, 10.0.0.7,[fd00::7]:1,").hosts_for_webhooks == {
        "records.local:8443",
        "10.0.0.7",
        "[fd00::7]:1",
    }
