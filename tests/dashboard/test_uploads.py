"""Uploads from the outside: every rule of tus 1.0 that is served, cuts, foreign uploads, downloads, hostile names and types."""

from __future__ import annotations

import asyncio
import base64
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from dashboard import evidence_files, uploads
from dashboard.problems import add_problem_handlers
from dispatch.commands import Cancel, Classify, Recall
from dispatch.errors import Unavailable
from dispatch.model import Actor
from operations.footage.evidence import MAX_OPEN_PER_ACTOR, Evidence
from operations.footage.marked_copies import MarkedCopies
from operations.incidents.handle import Handler
from storage.evidence import EvidenceFiles
from tests.dashboard.live_world import as_actor, header
from tests.dashboard.terminal_world import TerminalWorld
from tests.operations import access_world as world

CAR = world.actor("officer", world.STATION, unit_id="car")
VAN = Actor("officer-of-van", "officer", world.STATION, unit_id="van")
FAR = world.actor("officer", world.FAR, unit_id="far")
DESK = world.actor("operator", world.COUNTY)
REVIEWER = world.actor("reviewer", world.COUNTY)
VIEWER = world.actor("viewer", world.COUNTY)
OTHER_DESK = world.actor("operator", world.OTHER)
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8
MAX_BYTES = 1 << 20
TUS = {"Tus-Resumable": "1.0.0"}
FONTS = Path(__file__).parents[2] / "dashboard" / "assets" / "build" / "fonts.css"


class City(TerminalWorld):
    """With a place for evidence, and an ASGI client of its routes."""

    def __init__(self, folder: Path, handler: Handler | None = None) -> None:
        super().__init__()
        self.handler = handler or self.handler
        self.evidence = Evidence(EvidenceFiles(folder), self.handler, self.clock, MAX_BYTES)
        server = FastAPI()
        add_problem_handlers(server)
        server.include_router(uploads.router(self))  # type: ignore[arg-type]
        server.include_router(evidence_files.router(self))  # type: ignore[arg-type]
        self.marked_copies = MarkedCopies(self.evidence, self.clock, UTC, FONTS)
        self.application = as_actor(server)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=self.application), base_url="http://city")
        self.incident_id = ""

    async def ask_for(self, method: str, path: str, actor: Actor, content: Any = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(method, path, headers=TUS | header(actor) | named, content=content)

    async def create(self, actor: Actor = CAR, size: int = len(JPEG), **metadata: str) -> httpx.Response:
        known = {"incident_id": self.incident_id, "filename": "photo.jpg", "filetype": "image/jpeg"} | metadata
        return await self.ask_for("POST", "/uploads", actor, Upload_Length=str(size), Upload_Metadata=encoded(known))

    async def opened(self, actor: Actor = CAR, size: int = len(JPEG), **metadata: str) -> str:
        answer = await self.create(actor, size, **metadata)
        assert answer.status_code == 201, answer.text
        return answer.headers["location"]

    async def send(self, path: str, offset: int, content: Any, actor: Actor = CAR, **headers: str) -> httpx.Response:
        known = {"Content_Type": "application/offset+octet-stream", "Upload_Offset": str(offset)} | headers
        return await self.ask_for("PATCH", path, actor, content, **known)

    async def whole(self, content: bytes = JPEG, actor: Actor = CAR, **metadata: str) -> str:
        path = await self.opened(actor, len(content), **metadata)
        answer = await self.send(path, 0, content, actor)
        assert answer.status_code == 204, answer.text
        return path

    async def offset(self, path: str, actor: Actor = CAR) -> int:
        return int((await self.ask_for("HEAD", path, actor)).headers["upload-offset"])

    async def added(self) -> list[Any]:
        return [r for r in await self.history.timeline(self.incident_id) if type(r.body).__name__ == "UploadAdded"]


def encoded(metadata: dict[str, str]) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items())


def rule(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["type"].removeprefix("urn:liandong:problem:")


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[City]:
    """`car` and `far` (of another county) are on the incident, `van` is of the same station and is not."""
    city = City(tmp_path)
    await city.handler.start()
    for unit_id, org_code in (("car", world.STATION), ("van", world.STATION), ("far", world.FAR)):
        await city.register(unit_id, org_code)
    city.incident_id = await city.call()
    await city.push(city.incident_id, "car", "far")
    yield city
    await city.client.aclose()
    await city.handler.stop()
    await city.history.stop()


async def test_what_the_server_speaks(city: City) -> None:
    for path in ("/uploads", "/uploads/" + "0" * 32):
        answer = await city.client.options(path, headers=header(CAR))
        assert answer.status_code == 204
        assert answer.headers["tus-version"] == "1.0.0"
        assert answer.headers["tus-extension"] == "creation,termination"
        assert answer.headers["tus-max-size"] == str(MAX_BYTES)


async def test_a_photo_in_pieces_is_whole_and_on_record(city: City) -> None:
    path = await city.opened(taken_at="2026-05-01T15:59:00+08:00")
    for start in range(0, len(JPEG), 700):
        answer = await city.send(path, start, JPEG[start : start + 700])
        assert answer.status_code == 204
        assert answer.headers["tus-resumable"] == "1.0.0"
        assert int(answer.headers["upload-offset"]) == min(start + 700, len(JPEG))
    (recorded,) = await city.added()
    body = recorded.body
    assert (body.filename, body.media_type, body.size_bytes, body.unit_id) == ("photo.jpg", "image/jpeg", len(JPEG), "car")
    assert body.sha256 == hashlib.sha256(JPEG).hexdigest()
    assert body.taken_at == world.NOW - timedelta(minutes=1)
    assert (recorded.actor, recorded.channel) == (CAR.name, "terminal")
    assert city.handler.picture.incidents[city.incident_id].uploads == 1
    assert (await city.client.get(path, headers=header(CAR))).content == JPEG


async def test_head_tells_offset_and_length_and_is_never_kept(city: City) -> None:
    path = await city.opened()
    await city.send(path, 0, JPEG[:10])
    answer = await city.ask_for("HEAD", path, CAR)
    assert answer.status_code == 200
    assert (answer.headers["upload-offset"], answer.headers["upload-length"]) == ("10", str(len(JPEG)))
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["tus-resumable"] == "1.0.0"


@pytest.mark.parametrize("version", ["0.2.2", "", None])
@pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH", "DELETE"])
async def test_another_version_changes_nothing(city: City, method: str, version: str | None) -> None:
    path = await city.opened()
    headers = header(CAR) | ({} if version is None else {"Tus-Resumable": version})
    answer = await city.client.request(method, "/uploads" if method == "POST" else path, headers=headers)
    assert answer.status_code == 412
    assert answer.headers["tus-version"] == "1.0.0"
    assert await city.offset(path) == 0


async def test_a_wrong_offset_is_a_conflict_and_changes_nothing(city: City) -> None:
    path = await city.opened()
    await city.send(path, 0, JPEG[:100])
    for offset in (0, 99, 101, len(JPEG)):
        answer = await city.send(path, offset, b"xxxx")
        assert (answer.status_code, rule(answer)) == (409, "upload-offset")
        assert "stands at 100 bytes" in answer.json()["detail"]
    assert await city.offset(path) == 100
    assert (await city.send(path, 100, JPEG[100:])).status_code == 204


@pytest.mark.parametrize("offset", ["", "-1", "1.5", "٣", "1" * 30])
async def test_an_offset_that_is_no_number_is_refused(city: City, offset: str) -> None:
    path = await city.opened()
    headers: list[Any] = [(k.encode(), v.encode()) for k, v in (TUS | header(CAR)).items()]
    headers += [(b"content-type", b"application/offset+octet-stream"), (b"upload-offset", offset.encode())]
    answer = await city.client.patch(path, headers=headers, content=b"x")
    assert (answer.status_code, rule(answer)) == (400, "upload-offset")


async def test_bytes_of_another_content_type_are_refused(city: City) -> None:
    path = await city.opened()
    answer = await city.send(path, 0, JPEG, Content_Type="image/jpeg")
    assert (answer.status_code, rule(answer)) == (415, "content-type")
    assert await city.offset(path) == 0


async def test_more_than_was_announced_is_refused_announced_or_not(city: City) -> None:
    path = await city.opened(size=100)
    answer = await city.send(path, 0, JPEG[:101])
    assert (answer.status_code, rule(answer)) == (413, "upload-size")

    async def unannounced() -> AsyncIterator[bytes]:
        yield JPEG[:101]

    assert (await city.send(path, 0, unannounced())).status_code == 409
    assert await city.offset(path) == 0


async def test_a_cut_piece_is_kept_as_far_as_it_came(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_PIECE_BYTES", 100)
    path = await city.opened()
    headers = TUS | header(CAR) | {"content-type": "application/offset+octet-stream", "upload-offset": "0"}
    messages = [{"type": "http.request", "body": JPEG[:130], "more_body": True}, {"type": "http.request", "body": JPEG[130:150]}]
    messages[1]["more_body"] = True
    messages.append({"type": "http.disconnect"})

    async def receive() -> Any:
        return messages.pop(0)

    scope = {
        "type": "http",
        "method": "PATCH",
        "path": path,
        "query_string": b"",
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
    }
    await city.application(scope, receive, lambda _: asyncio.sleep(0))
    assert await city.offset(path) == 150
    assert (await city.send(path, 150, JPEG[150:])).status_code == 204
    assert (await city.added())[0].body.sha256 == hashlib.sha256(JPEG).hexdigest()


async def test_a_piece_that_stops_coming_is_kept_as_far_as_it_came(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_SILENT_S", 0.05)
    path = await city.opened()

    async def stalling() -> AsyncIterator[bytes]:
        yield JPEG[:70]
        await asyncio.sleep(30)

    answer = await city.send(path, 0, stalling())
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, "70")


async def test_what_a_full_disk_could_not_take_can_be_sent_again(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await city.opened()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(EvidenceFiles, "append", full)
        answer = await city.send(path, 0, JPEG)
    assert (answer.status_code, rule(answer)) == (507, "storage-full")
    assert (await city.send(path, 0, JPEG)).status_code == 204


async def test_an_upload_goes_on_after_a_restart(city: City, tmp_path: Path) -> None:
    path = await city.opened()
    await city.send(path, 0, JPEG[:1000])
    again = City(tmp_path, city.handler)
    await again.evidence.start()
    assert await again.offset(path) == 1000
    assert (await again.send(path, 1000, JPEG[1000:])).status_code == 204
    assert len(await city.added()) == 1
    await again.client.aclose()
    await again.history.stop()


async def test_a_lost_last_answer_is_no_loss(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal could not take it: the phone asks again, and hears "all of it" only when the journal has it."""
    path = await city.opened()

    async def down(*_: object, **__: object) -> None:
        raise Unavailable("not-durable", "The command was not recorded; send it again.")

    with monkeypatch.context() as broken:
        broken.setattr(city.handler, "handle", down)
        assert (await city.send(path, 0, JPEG)).status_code == 503
        assert (await city.ask_for("HEAD", path, CAR)).status_code == 503
    assert await city.added() == []
    assert await city.offset(path) == len(JPEG)
    assert len(await city.added()) == 1


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        ("filename !!!", "'filename' is not base64"),
        ("filename " + base64.b64encode(b"\xff\xfe").decode(), "'filename' is not base64 of UTF-8"),
        (encoded({"taken_at": "yesterday"}), "'yesterday' is no ISO 8601 instant"),
        (encoded({"taken_at": "2026-01-31T08:00:00"}), "has no offset"),
        (encoded({"taken_at": "2036-01-31T08:00:00+08:00"}), "is in the future"),
        (encoded({"filename": "a"}), "'filename' twice"),
        (encoded({"filetype": "text/html"}), "'text/html' is not accepted"),
        (encoded({"filetype": "image/svg+xml"}), "'image/svg+xml' is not accepted"),
        ("filetype", "no media type is not accepted"),
    ],
)
async def test_metadata_that_can_not_be_taken_is_named(city: City, metadata: str, named: str) -> None:
    key = metadata.partition(" ")[0]
    known = {"incident_id": city.incident_id, "filename": "a.jpg", "filetype": "image/jpeg"}
    if "twice" not in named:
        known.pop(key, None)
    answer = await city.ask_for("POST", "/uploads", CAR, Upload_Length="10", Upload_Metadata=f"{encoded(known)},{metadata}")
    assert answer.status_code == 422
    assert named in answer.json()["detail"]
    assert answer.headers["tus-resumable"] == "1.0.0"


@pytest.mark.parametrize(
    ("length", "status"),
    [(None, 400), ("", 400), ("-5", 400), ("0", 422), (str(MAX_BYTES + 1), 413), ("9" * 40, 400)],
)
async def test_a_length_that_can_not_be_taken_is_refused(city: City, length: str | None, status: int) -> None:
    known = {"incident_id": city.incident_id, "filename": "a.jpg", "filetype": "image/jpeg"}
    headers = {"Upload_Metadata": encoded(known)} | ({} if length is None else {"Upload_Length": length})
    assert (await city.ask_for("POST", "/uploads", CAR, **headers)).status_code == status


async def test_one_account_can_not_open_uploads_without_end(city: City) -> None:
    for _ in range(MAX_OPEN_PER_ACTOR):
        await city.opened()
    answer = await city.create()
    assert (answer.status_code, rule(answer)) == (422, "too-many-uploads")
    assert (await city.create(DESK)).status_code == 201


@pytest.mark.parametrize("incident_id", ["no-such-incident", "", "x" * 500, "a\x00b"])
async def test_an_unknown_incident_takes_nothing(city: City, incident_id: str) -> None:
    answer = await city.create(incident_id=incident_id)
    assert (answer.status_code, rule(answer)) == (404, "unknown-incident")


async def test_only_those_who_are_on_it_or_command_it_may_add(city: City) -> None:
    assert (await city.create(FAR)).status_code == 201
    assert (await city.create(DESK)).status_code == 201
    assert rule(await city.create(VAN)) == "not-assigned"
    assert rule(await city.create(VIEWER)) == "role-not-permitted"
    assert (await city.create(OTHER_DESK)).status_code == 403


async def test_a_crew_hands_in_late_what_it_took_there(city: City) -> None:
    path = await city.opened(FAR)
    await city.send(path, 0, JPEG[:50], FAR)
    await city.ask(Recall(incident_id=city.incident_id, unit_ids=("far",)))
    await city.ask(Cancel(incident_id=city.incident_id))
    assert (await city.send(path, 50, JPEG[50:], FAR)).status_code == 204
    await city.whole(actor=FAR)
    assert [r.body.unit_id for r in await city.added()] == ["far", "far"]


@pytest.mark.parametrize("who", [VAN, DESK, Actor(CAR.name, "officer", world.STATION, unit_id="van")])
async def test_a_foreign_upload_is_as_if_it_were_not_there(city: City, who: Actor) -> None:
    path = await city.opened()
    unknown = "/uploads/" + "0" * 32
    for method in ("HEAD", "PATCH", "DELETE"):
        content_type = {"Content_Type": "application/offset+octet-stream", "Upload_Offset": "0"}
        answers = [await city.ask_for(method, p, who, b"x" if method == "PATCH" else None, **content_type) for p in (path, unknown)]
        assert [a.status_code for a in answers] == [404, 404]
        assert "upload-offset" not in answers[0].headers
    assert await city.offset(path) == 0


async def test_an_upload_can_be_given_up_until_it_is_evidence(city: City) -> None:
    path = await city.opened()
    assert (await city.ask_for("DELETE", path, CAR)).status_code == 204
    assert (await city.ask_for("HEAD", path, CAR)).status_code == 404
    kept = await city.whole()
    answer = await city.ask_for("DELETE", kept, CAR)
    assert (answer.status_code, rule(answer)) == (409, "upload-conflict")
    assert await city.offset(kept) == len(JPEG)


async def test_methods_can_be_overridden(city: City) -> None:
    path = await city.opened()
    piece = {"Content_Type": "application/offset+octet-stream", "Upload_Offset": "0"}
    answer = await city.ask_for("POST", path, CAR, JPEG[:9], X_HTTP_Method_Override="PATCH", **piece)
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, "9")
    assert (await city.ask_for("POST", path, CAR)).status_code == 405
    assert (await city.ask_for("POST", path, CAR, X_HTTP_Method_Override="DELETE")).status_code == 204
    assert (await city.ask_for("HEAD", path, CAR)).status_code == 404


async def test_what_is_not_what_it_says_is_refused_kept_and_never_shown(city: City) -> None:
    """The phone hears why, the desk finds it on record, and who may see evidence fetches bytes that no browser makes a page of."""
    svg = b"<svg onload=alert(1)>" + b" " * 19
    path = await city.opened(size=40)
    answer = await city.send(path, 0, svg)
    assert (answer.status_code, rule(answer)) == (422, "media-mismatch")
    (recorded,) = await city.added()
    assert (recorded.body.mismatched, recorded.body.sha256) == (True, hashlib.sha256(svg).hexdigest())
    assert await city.offset(path) == 40, "asked again, the phone hears that all of it is here"
    fetched = await city.client.get(path, headers=header(DESK))
    assert fetched.content == svg
    assert fetched.headers["content-type"] == "application/octet-stream"
    assert fetched.headers["content-disposition"].startswith("attachment")
    assert (await city.client.get(path, headers=header(VIEWER))).status_code == 403
    assert (await city.ask_for("DELETE", path, CAR)).status_code == 409


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ('a"; x=".jpg', "a%22%3B%20x%3D%22.jpg"),
        ("现场\r\nSet-Cookie: a=b", "BASet-Cookie%3A%20a%3Db"),
    ],
)
async def test_hostile_names_stay_names(city: City, tmp_path: Path, name: str, shown: str) -> None:
    answer = await city.client.get(await city.whole(filename=name), headers=header(CAR))
    disposition = answer.headers["content-disposition"]
    assert shown in disposition
    assert "set-cookie" not in answer.headers
    assert sorted(os.listdir(tmp_path)) == ["incoming", "kept"]


async def test_what_is_downloaded_can_not_act_as_a_page(city: City) -> None:
    photo = await city.client.get(await city.whole(), headers=header(CAR))
    assert photo.headers["content-type"] == "image/jpeg"
    assert photo.headers["content-security-policy"] == "sandbox"
    assert photo.headers["content-disposition"].startswith("inline")
    paper = await city.client.get(await city.whole(b"%PDF-1.7 ...", filename="a.pdf", filetype="application/pdf"), headers=header(CAR))
    assert paper.headers["content-disposition"].startswith("attachment")


async def test_ranges_are_answered(city: City) -> None:
    path = await city.whole()
    etag = (await city.client.get(path, headers=header(CAR))).headers["etag"]
    part = await city.client.get(path, headers=header(CAR) | {"Range": "bytes=10-19", "If-Range": etag})
    assert (part.status_code, part.content) == (206, JPEG[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(JPEG)}"
    tail = await city.client.get(path, headers=header(CAR) | {"Range": "bytes=-5"})
    assert tail.content == JPEG[-5:]
    beyond = await city.client.get(path, headers=header(CAR) | {"Range": f"bytes={len(JPEG)}-"})
    assert beyond.status_code == 416


async def test_evidence_is_read_by_whoever_may_see_its_incident(city: City) -> None:
    path = await city.whole()
    answers = {who.name: await city.client.get(path, headers=header(who)) for who in (CAR, VAN, FAR, DESK, REVIEWER, VIEWER)}
    assert {name for name, a in answers.items() if a.status_code == 200} == {who.name for who in (CAR, VAN, FAR, DESK, REVIEWER)}
    assert answers[VIEWER.name].status_code == 403
    await city.ask(Recall(incident_id=city.incident_id, unit_ids=("far",)))
    for who in (FAR, world.actor("reviewer", world.OTHER)):
        assert (await city.client.get(path, headers=header(who))).status_code == 404
    await city.ask(Classify(incident_id=city.incident_id, incident_type="complaint"))
    assert (await city.client.get(path, headers=header(CAR))).status_code == 404


async def test_what_is_not_complete_is_not_handed_out(city: City) -> None:
    path = await city.opened()
    await city.send(path, 0, JPEG[:100])
    answer = await city.client.get(path, headers=header(CAR))
    assert (answer.status_code, rule(answer)) == (404, "upload-incomplete")


@pytest.mark.parametrize("upload_id", ["..%2f..%2fetc%2fpasswd", "ABC", "0" * 33])
async def test_an_id_that_is_none_is_not_found(city: City, upload_id: str) -> None:
    assert (await city.client.get(f"/uploads/{upload_id}", headers=header(CAR))).status_code == 404
