"""A span of the past by RTSP's own Range: what is asked, what is got, and what is said when a recorder refuses, lies or falls silent."""

from __future__ import annotations

import asyncio
import io
import itertools
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import av
import pytest

from dispatch.clock import SystemClock
from feeds.video import rtp, rtsp_session, screen_clock, span_pull
from feeds.video.farm import TestCamera
from feeds.video.farm_media import SUB, Encoder, Fault
from feeds.video.farm_recorder import BY_EXTENSION, BY_RANGE, BY_REPORTS
from feeds.video.farm_rtsp import sdp
from feeds.video.fmp4 import Fmp4Writer
from feeds.video.hub import Hub, Timing
from feeds.video.pull import Packet, PullFailed
from feeds.video.rtsp_client import RtspClient, Stuck
from feeds.video.span_pull import pull_span
from feeds.video.span_time import Span
from feeds.video.street_scene import StreetScene
from operations.cameras.video import REASONS
from tests.certificates import CertificateAuthority
from tests.feeds.video.farm_thread import FarmThread, running_farm
from tests.feeds.video.scripted_recorder import SDP, Asked, honest, pictures, scripted
from tests.feeds.video.test_hub import Anything

PASSWORD = 'pä:ss@"55'
KEPT_S = 3_600.0
CAMERAS = (
    TestCamera("dated", main=SUB, recorder_s=KEPT_S, dates=(BY_EXTENSION,)),
    TestCamera("reported", main=SUB, recorder_s=KEPT_S, dates=(BY_REPORTS,)),
    TestCamera("ranged", main=SUB, recorder_s=KEPT_S, dates=(BY_RANGE,)),
    TestCamera("mute", main=SUB, recorder_s=KEPT_S, dates=()),
    TestCamera("hevc", main=replace(SUB, codec="hevc"), recorder_s=KEPT_S),
    TestCamera("sliced", main=replace(SUB, slices=4), recorder_s=KEPT_S),
    TestCamera("b-frames", main=replace(SUB, b_frames=2), recorder_s=KEPT_S),
    TestCamera("older", main=SUB, recorder_s=KEPT_S, knows_replay=False),
    TestCamera("locked", main=SUB, recorder_s=KEPT_S, user="admin", password=PASSWORD, digest=("SHA-256", "auth"), session_s=2.0),
    TestCamera("plain", main=SUB, recorder_s=KEPT_S, user="admin", password=PASSWORD),
    TestCamera("none"),
)
AT_S = 1_796_048_700.0
SPAN = Span(AT_S, AT_S + 10)
DATED = ("dated", "reported", "ranged", "sliced", "older", "plain")  # cameras whose recorder tells when each picture was taken
Played = dict[str, tuple[Span, list[Packet]]]  # by camera


@pytest.fixture(scope="module")
def farm() -> Iterator[FarmThread]:
    with running_farm(*CAMERAS) as running:
        yield running


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorder that says nothing is given up sooner."""
    monkeypatch.setattr(span_pull, "OPEN_WITHIN_S", 1.0)
    monkeypatch.setattr(span_pull, "SILENT_S", 0.6)


def url_of(farm: FarmThread, name: str) -> str:
    return farm.replay_url(name).replace(PASSWORD, quote(PASSWORD, safe=""))


def yes() -> bool:
    return True


def pulled(url: str, span: Span = SPAN, is_wanted: Callable[[], bool] = yes) -> list[Packet]:
    """Pictures to the end, without the parameters before them."""
    return [one for one in pull_span(url, span, SystemClock(), yes, is_wanted) if one is not None and one.by_recorder]


def refusal(url: str, span: Span = SPAN) -> PullFailed:
    with pytest.raises(PullFailed) as refused:
        pulled(url, span)
    assert refused.value.reason in REASONS
    said = f"{refused.value!r} {refused.value.__cause__!r}"
    assert not any(secret in said for secret in (PASSWORD, "admin", "127.0.0.1", "replay?"))
    return refused.value


def shown_s(packets: list[Packet]) -> list[float]:
    """The burnt-in clocks, read by a decoder that shares nothing with what put the pictures together."""
    writer, film = Fmp4Writer(), b""
    for one in packets:
        film += b"".join(item.data for item in writer.feed(one.data, one.pts, one.captured_at, one.by_recorder))
    with av.open(io.BytesIO(film), format="mp4") as container:
        return [(screen_clock.read(frame.to_ndarray(format="gray")) or 0) / 1000 for frame in container.decode(video=0)]


def past(seconds: float, length_s: float = 2.0) -> Span:
    from_s = float(int(time.time()) - seconds)
    return Span(from_s, from_s + length_s)


@pytest.fixture(scope="module")
def played(farm: FarmThread) -> Played:
    """What these cameras' recorders play, each at the pace at which it was taken: all at the same time. The one that is locked plays longer
    than a session of it lasts."""
    spans = {name: past(600) for name in (*DATED, "b-frames", "hevc")} | {"locked": past(600, 5.0)}
    with ThreadPoolExecutor(len(spans)) as pool:
        return dict(zip(spans, pool.map(lambda name: (spans[name], pulled(url_of(farm, name), spans[name])), spans), strict=True))


@pytest.mark.parametrize("name", DATED)
def test_the_time_on_each_picture_is_when_it_is_said_to_have_been_taken(played: Played, name: str) -> None:
    span, packets = played[name]
    shown = shown_s(packets)
    told = sorted({one.captured_at for one in packets})
    assert len(shown) == len(told) == pytest.approx(30, abs=2)
    # The farm's first picture is taken up to one tick after the second where its answer says that it begins.
    assert told == pytest.approx(shown, abs=0.002 if name != "ranged" else 0.07)
    assert (shown[0] - span.from_s, shown[-1] - span.from_s) == (pytest.approx(0.0, abs=0.1), pytest.approx(2.0, abs=0.1))


def test_pictures_out_of_order_are_shown_in_order(played: Played) -> None:
    shown = shown_s(played["b-frames"][1])
    assert shown == sorted(shown)
    assert len(shown) > 20


def test_hevc_is_transcoded_where_it_may_be(played: Played, farm: FarmThread) -> None:
    span, packets = played["hevc"]
    shown = shown_s(packets)
    assert shown[0] - span.from_s == pytest.approx(0.0, abs=0.2)
    with pytest.raises(PullFailed) as refused:
        list(pull_span(url_of(farm, "hevc"), span, SystemClock(), lambda: False, yes))
    assert refused.value.reason == "transcoding-at-limit"


@pytest.mark.parametrize("b_frames", [0, 2])
def test_what_is_transcoded_keeps_the_time_of_each_picture_to_the_last(b_frames: int) -> None:
    form = replace(SUB, codec="hevc", b_frames=b_frames)
    encoder, scene, packetizer, taken = Encoder(form), StreetScene("gate", form.width, form.height), rtp.Packetizer("hevc", 1), range(20)
    units = [one for k in taken for one in encoder.encode(scene.draw(k / form.fps, round((AT_S + k / form.fps) * 1000)), k)]
    media = b"".join(
        rtp.interleaved(0, packet)
        for unit in units + encoder.finish()
        for packet in packetizer.packets(
            unit.nals, unit.tick * 90_000 // form.fps, rtp.replay_extension(AT_S + unit.tick / form.fps, unit.is_key)
        )
    )
    media += rtp.interleaved(1, packetizer.bye())
    described = sdp("hevc", encoder.parameters)

    def says(asked: Asked) -> bytes | None:
        if asked.method == "DESCRIBE":
            return asked.answer(body=described)
        return (honest(asked) or b"") + (media if asked.method == "PLAY" else b"")

    with scripted(says) as recorder:
        packets = pulled(recorder.url())
    assert [one.captured_at - AT_S for one in packets] == pytest.approx([k / form.fps for k in taken], abs=0.001)
    assert shown_s(packets) == pytest.approx([one.captured_at for one in packets], abs=0.002)


def test_a_session_is_kept_alive_beyond_its_time(played: Played) -> None:
    span, packets = played["locked"]
    assert packets[-1].captured_at - span.from_s == pytest.approx(5.0, abs=0.2)


@pytest.mark.parametrize(
    ("name", "seconds", "reason", "says"),
    [
        ("mute", 600, "no-recorder", "does not say"),
        ("dated", 7_200, "no-recorder", "nothing of that time"),
        ("none", 600, "unreachable", "no such stream"),
        ("locked", 600, "login-refused", "refuses the name"),
    ],
)
def test_what_is_refused_is_said_by_its_reason(farm: FarmThread, name: str, seconds: float, reason: str, says: str) -> None:
    url = url_of(farm, name)
    refused = refusal(url.replace(quote(PASSWORD, safe=""), "guess"), past(seconds))
    assert (refused.reason, says in str(refused)) == (reason, True)


def test_an_address_of_live_pictures_shows_nothing_of_the_present(farm: FarmThread) -> None:
    assert refusal(farm.url("dated", "main"), past(600)).reason == "no-recorder"


@pytest.mark.parametrize("is_range_told", [True, False])
def test_a_report_of_when_it_was_sent_dates_nothing_where_the_span_ends_now(is_range_told: bool) -> None:
    span = past(60, 61)

    def says(asked: Asked) -> bytes | None:
        if asked.method != "PLAY":
            return honest(asked)
        packetizer = rtp.Packetizer("h264", 1)
        media = [rtp.interleaved(1, packetizer.sender_report(time.time(), 0))]
        media += [rtp.interleaved(0, one) for k in range(2) for one in packetizer.packets([b"\x65key"], k * 90_000)]
        answer = asked.answer(Range=asked.headers["range"]) if is_range_told else asked.answer()
        return answer + b"".join(media) + rtp.interleaved(1, packetizer.bye())

    with scripted(says) as recorder:
        if is_range_told:
            assert [one.captured_at - span.from_s for one in pulled(recorder.url(), span)] == [0, 1]
        else:
            assert "does not say" in str(refusal(recorder.url(), span))


def test_true_reports_date_a_span_that_is_hardly_over(farm: FarmThread) -> None:
    span = past(5)
    assert [one.captured_at - span.from_s for one in pulled(url_of(farm, "reported"), span)][:1] == [pytest.approx(0.0, abs=0.1)]


@pytest.mark.usefixtures("soon")
def test_silence_is_the_end(farm: FarmThread) -> None:
    farm.fail("dated", Fault.STALL)
    began = time.monotonic()
    try:
        assert pulled(url_of(farm, "dated"), past(600)) == []
    finally:
        farm.fail("dated", Fault.NONE)
    assert time.monotonic() - began < 3


def test_what_is_asked_is_as_the_standards_have_it() -> None:
    with scripted(lambda asked: (honest(asked) or b"") + (pictures(AT_S, 3) if asked.method == "PLAY" else b"")) as recorder:
        packets = pulled(recorder.url("admin:secret@"))
    assert [(one.data[4:], one.captured_at - AT_S) for one in packets] == [(b"\x65key", 0), (b"\x41more", 1), (b"\x41more", 2)]
    base = recorder.url()
    assert [(one.method, one.url) for one in recorder.asked] == [
        ("DESCRIBE", base),
        ("SETUP", f"{base}/track0"),
        ("PLAY", base),
        ("TEARDOWN", base),
    ]
    describe, setup, play, teardown = recorder.asked
    assert describe.headers["accept"] == "application/sdp"
    assert setup.headers["transport"] == "RTP/AVP/TCP;unicast;interleaved=0-1"
    assert play.headers["range"] == "clock=20261130T142500Z-20261130T142510Z"
    assert play.headers["rate-control"] == "yes"
    assert [one.headers.get("require") for one in (describe, setup, play)] == ["onvif-replay"] * 3
    assert [one.headers.get("session") for one in (setup, play, teardown)] == [None, "77", "77"]
    assert not any("authorization" in one.headers for one in recorder.asked), "nobody asked for a log-in"


@pytest.mark.parametrize(
    ("status", "reason", "says"),
    [
        ("401 Unauthorized", "login-refused", "refuses the name"),
        ("403 Forbidden", "login-refused", "refuses the name"),
        ("404 Not Found", "unreachable", "no such stream"),
        ("302 Moved", "unreachable", "another address"),
        ("453 Not Enough Bandwidth", "unreachable", "as much as it can"),
        ("454 Session Not Found", "unreachable", "ended the session"),
        ("457 Invalid Range", "no-recorder", "nothing of that time"),
        ("456 Header Field Not Valid", "no-recorder", "does not take a span"),
        ("551 Option not supported", "no-recorder", "does not take a span"),
        ("500 Internal Server Error", "unreachable", "refuses (500)"),
    ],
)
def test_each_refusal_has_its_sentence(status: str, reason: str, says: str) -> None:
    with scripted(lambda asked: asked.answer(status, Location="rtsp://10.9.9.9/") if asked.method == "PLAY" else honest(asked)) as recorder:
        refused = refusal(recorder.url("admin:secret@"))
    assert (refused.reason, says in str(refused)) == (reason, True)
    assert recorder.methods()[-1] == "TEARDOWN"


def test_what_need_not_be_understood_is_left_out_once_it_was_not() -> None:
    def older(asked: Asked) -> bytes | None:
        if "require" in asked.headers:
            return asked.answer("551 Option not supported")
        return (honest(asked) or b"") + (pictures(AT_S, 1) if asked.method == "PLAY" else b"")

    with scripted(older) as recorder:
        assert len(pulled(recorder.url())) == 1
    assert recorder.methods()[:4] == ["DESCRIBE", "DESCRIBE", "SETUP", "PLAY"]


def test_where_all_tracks_can_not_be_played_at_once_the_one_is() -> None:
    def single(asked: Asked) -> bytes | None:
        if asked.method == "PLAY" and not asked.url.endswith("/track0"):
            return asked.answer("459 Aggregate Operation Not Allowed")
        return (honest(asked) or b"") + (pictures(AT_S, 2) if asked.method == "PLAY" else b"")

    with scripted(single) as recorder:
        assert len(pulled(recorder.url())) == 2
    assert [one.url for one in recorder.asked if one.method == "PLAY"] == [recorder.url(), f"{recorder.url()}/track0"]


def test_a_password_is_asked_for_once_and_never_told_to_who_does_not_ask(capfd: pytest.CaptureFixture[str]) -> None:
    def basic(asked: Asked) -> bytes | None:
        if "authorization" not in asked.headers:
            return asked.answer("401 Unauthorized", WWW_Authenticate='Basic realm="nvr"')
        return asked.answer("401 Unauthorized", WWW_Authenticate='Basic realm="nvr"') if asked.method == "PLAY" else honest(asked)

    with scripted(basic) as recorder:
        assert refusal(recorder.url("admin:secret@")).reason == "login-refused"
        assert refusal(recorder.url()).reason == "login-refused"
    assert recorder.methods() == ["DESCRIBE", "DESCRIBE", "SETUP", "PLAY", "PLAY", "TEARDOWN", "DESCRIBE"]
    assert "secret" not in "".join(capfd.readouterr())


def test_a_challenge_that_is_too_old_is_answered_anew() -> None:
    def stale(asked: Asked) -> bytes | None:
        nonce = f"of-{asked.method}"
        if f'nonce="{nonce}"' not in asked.headers.get("authorization", ""):
            return asked.answer("401 Unauthorized", WWW_Authenticate=f'Digest realm="nvr", nonce="{nonce}", stale=true')
        return (honest(asked) or b"") + (pictures(AT_S, 1) if asked.method == "PLAY" else b"")

    with scripted(stale) as recorder:
        assert len(pulled(recorder.url("admin:secret@"))) == 1


def test_over_tls_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    certificate, key = CertificateAuthority(tmp_path, "recorder").issue("nvr", "nvr.example", host="nvr.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with scripted(
        lambda asked: (honest(asked) or b"") + (pictures(AT_S, 3) if asked.method == "PLAY" else b""), context=context
    ) as recorder:
        assert len(pulled(recorder.url(scheme="rtsps"))) == 3
        assert refusal(recorder.url()).reason in ("unreachable", "unplayable"), "no TLS where it is wanted"


def endless(piece: bytes, size: int = 3 << 20) -> bytes:
    return piece * (size // len(piece))


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    ("said", "reasons"),
    [
        (b"", {"unreachable"}),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", {"unplayable"}),
        (b"\x00\x01\x02", {"unplayable"}),
        (b"RTSP/1.0 OK\r\n\r\n", {"unplayable"}),
        (b"RTSP/1.0 200 OK\r\nX: " + endless(b"x"), {"unplayable"}),
        (b"RTSP/1.0 200 OK\r\n" + b"X: y\r\n" * 65 + b"\r\n", {"unplayable"}),
        (b"RTSP/1.0 200 OK\r\nContent-Length: 999999999999\r\n\r\n", {"unplayable"}),
        (b"RTSP/1.0 200 OK\r\nContent-Length: -5\r\n\r\n", {"unplayable"}),
        (b"RTSP/1.0 200 OK\r\nContent-Length: 70000\r\n\r\n", {"unplayable"}),
        (b"RTSP/1.0 200 OK\r\nContent-Length: 500\r\n\r\nv=0", {"unreachable"}),
        (b"RTSP/1.0 200 OK\r\nCSeq: 99\r\n\r\n", {"unreachable"}),
        (b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", {"unplayable"}),
        (b"TEARDOWN x RTSP/1.0\r\nCSeq: 1\r\n\r\n", {"unreachable"}),
        (b"$\x00\xff\xff" + b"x" * 100, {"unreachable"}),
        (endless(b"$\x00\xff\xff" + bytes(65_535), 9 << 20), {"unplayable"}),
        (endless(b"\r\n"), {"unreachable"}),
        (endless(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"), {"unreachable"}),
    ],
    ids=lambda value: f"{value[:24]!r}" if isinstance(value, bytes) else None,
)
def test_a_recorder_that_lies_is_refused_by_name_and_in_time(said: bytes, reasons: set[str]) -> None:
    with scripted(lambda asked: said if asked.method == "DESCRIBE" else honest(asked)) as recorder:
        began = time.monotonic()
        assert refusal(recorder.url("admin:secret@")).reason in reasons
        assert time.monotonic() - began < 4


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("v=0\r\n", "no pictures"),
        (SDP.replace("H264", "JPEG"), "neither H.264 nor H.265"),
        (SDP.replace("RTP/AVP 96", "RTP/AVP x"), "is no video"),
        (SDP.replace("a=control:track0", "a=control:rtsp://x/\x01 y"), "is no video"),
    ],
)
def test_a_description_that_can_not_be_used_is_refused(body: str, says: str) -> None:
    with scripted(lambda asked: asked.answer(body=body) if asked.method == "DESCRIBE" else honest(asked)) as recorder:
        refused = refusal(recorder.url())
    assert (refused.reason, says in str(refused)) == ("unplayable", True)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    "media",
    [
        b"",
        b"$\x00\x00\x08abc",
        endless(b"$\x01\x00\x08" + bytes(8), 1 << 20),
        endless(b"$\x00\x00\x04junk", 1 << 20),
        endless(b"$\x07\x00\x04junk", 1 << 20),
        endless(b"$\x00\x00\x00", 1 << 20),
        endless(b"RTSP/1.0 200 OK\r\n\r\n", 1 << 20),
    ],
    ids=["nothing", "half a packet", "reports", "no packets", "another channel", "empty", "answers"],
)
def test_what_comes_instead_of_pictures_is_none_and_ends(media: bytes) -> None:
    with scripted(lambda asked: (honest(asked) or b"") + (media if asked.method == "PLAY" else b"")) as recorder:
        began = time.monotonic()
        assert pulled(recorder.url()) == []
        assert time.monotonic() - began < 4


@pytest.mark.usefixtures("soon")
def test_pictures_that_never_come_whole_are_said_to_be_so() -> None:
    packets = itertools.chain.from_iterable(rtp.Packetizer("h264", k).packets([b"\x65key" + bytes(3_000)], 0)[1:] for k in range(40))
    media = b"".join(rtp.interleaved(0, one) for one in packets)
    with scripted(lambda asked: (honest(asked) or b"") + (media if asked.method == "PLAY" else b"")) as recorder:
        refused = refusal(recorder.url())
    assert (refused.reason, "came whole" in str(refused)) == ("unplayable", True)


def test_a_recorder_that_plays_on_is_stopped_at_the_end_of_the_span() -> None:
    with scripted(lambda asked: (honest(asked) or b"") + (pictures(AT_S - 1, 60) if asked.method == "PLAY" else b"")) as recorder:
        assert [one.captured_at - AT_S for one in pulled(recorder.url())] == list(range(-1, 10))
    assert recorder.methods()[-1] == "TEARDOWN"


def test_behind_a_gap_that_reaches_beyond_the_span_nothing_is_shown() -> None:
    media = pictures(AT_S, 3).removesuffix(rtp.interleaved(1, rtp.Packetizer("h264", 1).bye())) + pictures(AT_S + 900, 3)
    with scripted(lambda asked: (honest(asked) or b"") + (media if asked.method == "PLAY" else b"")) as recorder:
        assert [one.captured_at - AT_S for one in pulled(recorder.url())] == [0, 1, 2]


@pytest.mark.parametrize(
    ("transport", "channel", "reason"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=6-7", 6, None),
        ("RTP/AVP/TCP;unicast", 0, None),
        ("RTP/AVP;unicast;client_port=5000-5001", 0, "unplayable"),
    ],
)
def test_pictures_come_where_the_recorder_says(transport: str, channel: int, reason: str | None) -> None:
    def says(asked: Asked) -> bytes | None:
        if asked.method == "SETUP":
            return asked.answer(Session="77", Transport=transport)
        packets = [
            rtp.interleaved(channel, one) for one in rtp.Packetizer("h264", 1).packets([b"\x65key"], 0, rtp.replay_extension(AT_S, True))
        ]
        end = rtp.interleaved(channel + 1, rtp.Packetizer("h264", 1).bye())
        return (honest(asked) or b"") + (b"".join([*packets, end]) if asked.method == "PLAY" else b"")

    with scripted(says) as recorder:
        if reason is None:
            assert len(pulled(recorder.url())) == 1
        else:
            assert refusal(recorder.url()).reason == reason


def test_a_session_that_the_recorder_has_forgotten_is_said_to_be_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtsp_session, "SESSION_S", 0.1)

    def forgetful(asked: Asked) -> bytes | None:
        match asked.method:
            case "SETUP":
                return asked.answer(Session="77", Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
            case "GET_PARAMETER":
                return asked.answer("501 Not Implemented")
            case "OPTIONS":
                return asked.answer("454 Session Not Found")
        return honest(asked)

    with scripted(forgetful) as recorder:
        assert "ended the session" in str(refusal(recorder.url()))
    assert recorder.methods()[3:5] == ["GET_PARAMETER", "OPTIONS"]


@pytest.mark.usefixtures("soon")
def test_of_what_keeps_a_session_alive_one_challenge_is_answered_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtsp_session, "SESSION_S", 0.5)

    def never_content(asked: Asked) -> bytes | None:
        match asked.method:
            case "SETUP":
                return asked.answer(Session="77", Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
            case "GET_PARAMETER":
                return asked.answer("401 Unauthorized", WWW_Authenticate='Digest realm="nvr", nonce="n"')
        return honest(asked)

    with scripted(never_content) as recorder:
        assert pulled(recorder.url("admin:secret@")) == []
    assert 2 <= recorder.methods().count("GET_PARAMETER") <= 8, "within a second, each quarter of one"


def test_that_a_recorder_can_not_be_sent_anything_is_no_end_of_its_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtsp_session, "SESSION_S", 0.1)
    media = pictures(AT_S, 3).removesuffix(rtp.interleaved(1, rtp.Packetizer("h264", 1).bye()))

    def congested(client: RtspClient, text: str) -> None:
        if text.startswith("GET_PARAMETER"):
            raise Stuck
        written(client, text)

    written = RtspClient._write
    monkeypatch.setattr(RtspClient, "_write", congested)

    def says(asked: Asked) -> bytes | None:
        if asked.method == "SETUP":
            return asked.answer(Session="77", Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
        return (honest(asked) or b"") + (media if asked.method == "PLAY" else b"")

    with scripted(says) as recorder:
        assert refusal(recorder.url()).reason == "unreachable"


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("end", [b"", b"TEARDOWN x RTSP/1.0\r\nCSeq: 1\r\n\r\n", rtp.interleaved(1, rtp.Packetizer("h264", 1).bye())])
def test_the_last_picture_is_shown_where_nothing_says_that_it_is_whole(end: bytes) -> None:
    packetizer, media = rtp.Packetizer("h264", 1), b""
    for k in range(3):
        (packet,) = packetizer.packets([b"\x65key"], k * 90_000, rtp.replay_extension(AT_S + k, is_key=True))
        media += rtp.interleaved(0, packet[:1] + bytes((packet[1] & 0x7F,)) + packet[2:])  # without the marker
    with scripted(lambda asked: (honest(asked) or b"") + (media + end if asked.method == "PLAY" else b"")) as recorder:
        assert [one.captured_at - AT_S for one in pulled(recorder.url())] == [0, 1, 2]


@pytest.mark.parametrize("stage", ["DESCRIBE", "PLAY"])
def test_it_ends_at_once_when_nobody_wants_it_and_leaves_no_thread(stage: str) -> None:
    """Also while a recorder says nothing, before its pictures or instead of them."""

    others = set(threading.enumerate())  # of hubs that other tests have left running

    async def closed() -> None:
        with scripted(lambda asked: b"" if asked.method == stage == "DESCRIBE" else honest(asked)) as recorder:
            hub = Hub((recorder.url(),), SystemClock(), Timing(), Anything(), lambda _hub: None, once=True, span=SPAN)
            while stage not in recorder.methods():  # noqa: ASYNC110 a thread asks
                await asyncio.sleep(0.01)
            hub.close()
            began = time.monotonic()
            while any(one.name == "camera" for one in threading.enumerate() if one not in others):
                assert time.monotonic() - began < 2
                await asyncio.sleep(0.01)

    asyncio.run(closed())


@pytest.mark.parametrize(
    "address", ["rtsp://a%0D%0AX:b@127.0.0.1:1/", "rtsp://127.0.0.1:1/", "rtsp://127.0.0.1:99999/", "file:///etc/passwd"]
)
def test_addresses_that_can_not_be_asked_are_refused_by_name(address: str) -> None:
    assert refusal(address).reason in ("unplayable", "unreachable", "bad-address")
