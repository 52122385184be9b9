"""The command line: exit code 2 for wrong use, with the value and the remedy on stderr and nothing done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.certificates import CertificateAuthority
from tests.cities import WEST, degrees
from tests.contract.conftest import City, app, app_process
from tests.servers import ROOT

CSV = "id,lon,lat,name\nk-1,121.55,29.87,A\nk-2,abc,29,B\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "COMMAND"),
        ("fly", "'fly'"),
        ("run --port 99999", "99999"),
        ("run --host 0.0.0.0", "--no-demo"),
        ("run --tls-cert {tmp}/none.pem", "both or neither"),
        ("run --tls-client-ca {tmp}/none.pem", "--tls-cert"),
        ("run --tls-cert {tmp}/none.pem --tls-key {tmp}/none.key", "none.pem"),
        ("city build {tmp}/list.csv --out {tmp}/out", "list.csv"),
        ("city build {tmp}/none.osm.pbf --out {tmp}/out", "none.osm.pbf is not there"),
        ("city info {tmp}", "city build"),
        ("import incidents {tmp}/none.csv --mapping docs/examples/sf-fire-calls.toml", "none.csv"),
        ("import incidents {tmp}/list.csv --mapping docs/examples/sf-fire-calls.toml", "'Call Number'"),
        ("import elements unicorn {tmp}/list.csv --data {tmp}/d --city {city}", "'unicorn'"),
        ("import elements patrol_car {tmp}/list.csv --data {tmp}/d --city {city}", "comes from units"),
        ("token add --data {tmp}/d --city {city} --role queen", "'queen'"),
        ("token add --data {tmp}/d --city {city} --role feed --scope 9999", "'9999'"),
        ("token add --data {tmp}/d --city {city} --role feed --datum mars", "'mars'"),
        ("verify --data {tmp}/nothing", "--data"),
        ("export incident 7 --data {tmp}/d --city {city} --out {tmp}", "is a folder"),
        ("bench fly", "'fly'"),
    ],
)
def test_wrong_use_is_2_and_says_what_and_what_to_do(tmp_path: Path, a_city: Path, arguments: str, said: str) -> None:
    (tmp_path / "list.csv").write_text(CSV)
    done = app(*(part.format(tmp=tmp_path, city=a_city) for part in arguments.split()))
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert not (tmp_path / "nothing").exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_read_enough_ends_it_quietly(a_city: Path, unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "app.py", "city", "info", str(a_city)]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with open(writing, "wb") as closed:
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=closed, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--city", "{tmp}", "city build"), ("--database", "postgresql://u:secret@127.0.0.1:1/x", "Connection refused")],
)
def test_a_server_that_cannot_start_says_why_in_one_line(tmp_path: Path, a_city: Path, option: str, value: str, said: str) -> None:
    given = {"--city": str(a_city), "--data": str(tmp_path / "d"), "--port": "0"} | {option: value.format(tmp=tmp_path)}
    done = app_process("run", "--no-demo", *(part for pair in given.items() for part in pair))
    assert done.code == 2
    assert done.err.startswith("liandong: ")
    assert said in done.err
    assert "secret" not in done.err
    assert done.err.count("\n") == 1


def test_a_list_of_elements_goes_in_but_for_the_rows_that_are_none(tmp_path: Path, a_city: Path) -> None:
    (tmp_path / "list.csv").write_text(CSV)
    done = app("import", "elements", "hydrant", str(tmp_path / "list.csv"), "--data", str(tmp_path / "d"), "--city", str(a_city))
    assert done.code == 1, done.err
    assert "2 rows, 1 elements written" in done.out
    assert "row 2: k-2: lon 'abc'" in done.out
    checked = app("verify", "--data", str(tmp_path / "d"))
    assert (checked.code, checked.err) == (0, "")
    assert checked.out.startswith("journal: 1 events")


def test_duty_circles_go_in_from_a_file_but_for_those_that_are_none(tmp_path: Path, a_city: Path) -> None:
    corners = [degrees(*point) for point in ((200, 200), (400, 200), (400, 400), (200, 200))]
    tier = {"minutes": 1, "area": {"type": "Polygon", "coordinates": [corners]}}
    lon, lat = degrees(300, 300)
    good = {"circle_id": "a", "name": "x", "org_code": WEST, "lon": lon, "lat": lat, "tiers": [tier]}
    features = [{"type": "Feature", "properties": properties} for properties in (good, good | {"circle_id": "b", "org_code": "9"}, {})]
    (tmp_path / "circles.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    done = app("import", "duty-circles", str(tmp_path / "circles.geojson"), "--data", str(tmp_path / "d"), "--city", str(a_city))
    assert done.code == 1, done.err
    assert "3 features, 1 circles set" in done.out
    assert "rejected, feature 3: Object missing required field" in done.out
    assert "refused: b: org_code organisation '9' is not known" in done.out


def test_an_account_is_added_once_with_its_password_from_standard_input(tmp_path: Path, a_city: Path) -> None:
    add = ("user", "add", "wang", "--role", "viewer", "--scope", "330203", "--data", str(tmp_path), "--city", str(a_city))
    short = app(*add, stdin="short\n")
    assert (short.code, "10 to 128" in short.err) == (2, True)
    assert app(*add, stdin="a-long-enough-password\n").code == 0
    again = app(*add, stdin="a-long-enough-password\n")
    assert (again.code, "wang" in again.err) == (2, True)


def test_sessions_of_an_account_are_shown_and_ended(city: City) -> None:
    """While the server runs, on its data, in another process than its own."""
    browser, data = city.server.client("reviewer"), ("--data", str(city.server.data))
    shown = app("user", "sessions", "reviewer", *data)
    assert shown.code == 0, shown.err
    [line] = shown.out.splitlines()
    assert "  password  127.0.0.1  python-httpx/" in line
    ended = app("user", "sessions", "reviewer", "--end", line.split()[0], *data)
    assert (ended.code, ended.out) == (0, "")
    assert browser.get("/account").status_code == 401
    again = app("user", "sessions", "reviewer", "--end", line.split()[0], *data)
    assert (again.code, "no session" in again.err) == (2, True)
    nobody = app("user", "sessions", "nobody", "--end-all", *data)
    assert (nobody.code, "no account 'nobody'" in nobody.err) == (2, True)
    without = app("user", "reset-totp", "reviewer", *data)
    assert (without.code, "no account 'reviewer' with a second factor" in without.err) == (2, True)


def test_a_certificate_is_given_shown_and_taken_away(tmp_path: Path, a_city: Path) -> None:
    where = ("--data", str(tmp_path / "d"), "--city", str(a_city))
    assert app("user", "add", "wang", "--role", "viewer", *where, stdin="a-long-enough-password\n").code == 0
    card = str(CertificateAuthority(tmp_path, "root").issue("wang", "wang 010203")[0])
    given = app("user", "certificate", "wang", card, "--by-subject", *where)
    assert (given.code, given.out) == (0, "CN=wang 010203,O=Police\n")
    assert "subject  until 2099-01-01  CN=wang 010203" in app("user", "certificate", "wang", *where).out
    (tmp_path / "list.csv").write_text(CSV)
    for file, said in (("none.pem", "can't be read"), ("list.csv", "holds no certificate"), ("wang.crt", "belongs to an account")):
        refused = app("user", "certificate", "wang", str(tmp_path / file), "--by-subject", *where)
        assert (refused.code, said in refused.err) == (2, True), refused.err
    assert app("user", "certificate", "wang", "--remove-all", *where).out == "1 taken\n"
    assert app("user", "certificate", "wang", *where).out == ""
    assert app("user", "certificate", "nobody", card, *where).code == 2


def test_one_journal_has_one_writer(city: City, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(CSV)
    done = app("import", "elements", "hydrant", str(tmp_path / "list.csv"), "--data", str(city.server.data))
    assert done.code == 2
    assert "stop it first" in done.err


def test_a_running_journal_can_be_verified(city: City) -> None:
    done = app("verify", "--data", str(city.server.data))
    assert (done.code, done.err) == (0, "")


def test_city_info_is_one_json_object(a_city: Path) -> None:
    info = json.loads(app("city", "info", str(a_city)).out)
    assert info.keys() >= {"nodes", "directed_edges", "restrictions", "bounds", "datum", "age_s"}
    assert info["datum"] == "wgs84"
