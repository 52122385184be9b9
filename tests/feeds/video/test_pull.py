"""What is opened, what is said of a failure, and when pictures were taken."""

from __future__ import annotations

import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.clock import SystemClock
from feeds.video.admission import Admission, Limits
from feeds.video.pull import CameraTime, PullFailed, check_address, pull
from operations.cameras.video import REASONS, Quality

SECRET = "s3cret-55"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"rtsp://admin:{SECRET}@127.0.0.1:1/main", "unreachable"),
        (f"file:///{SECRET}", "bad-address"),
        (f"http://admin:{SECRET}@127.0.0.1/", "bad-address"),
        (f"rtsp://[{SECRET}", "bad-address"),
        (f"/etc/{SECRET}", "bad-address"),
    ],
)
def test_a_failure_is_named_without_the_address(url: str, reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PullFailed) as failed:
        list(pull(url, SystemClock(), lambda: False, h264_only=False))
    assert failed.value.reason == reason
    assert failed.value.reason in REASONS
    told = f"{failed.value!r} {failed.value.__cause__!r}" + "".join(capfd.readouterr())
    assert SECRET not in told


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(range(256))])
def test_a_device_that_hangs_up_is_said_to_be_away_and_not_to_send_the_wrong_format(answer: bytes) -> None:
    """As one that starts anew, or has too many connections: told as a wrong format it would be asked for again a minute later."""

    def answer_once() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        device = threading.Thread(target=answer_once)
        device.start()
        with pytest.raises(PullFailed, match="hangs up") as failed:
            list(pull(f"rtsp://127.0.0.1:{listening.getsockname()[1]}/main", SystemClock(), lambda: False, h264_only=False))
        device.join()
    assert failed.value.reason == "unreachable"


@settings(max_examples=50)
@given(st.text(max_size=60).filter(lambda text: not text.lower().startswith(("rtsp://", "rtsps://"))))
def test_any_text_that_is_no_address_is_refused_by_name(text: str) -> None:
    with pytest.raises(PullFailed, match=r"not one of rtsp"):
        check_address(text)


def test_the_cameras_own_time_counts_unless_it_can_not_be_right() -> None:
    times = CameraTime()
    assert times.of(0, 1000.0, 1000.2) == (1000.0, pytest.approx(0.2))
    assert times.of(90_000, 1001.0, 1009.0) == (1001.0, pytest.approx(8.0))
    assert times.of(180_000, 5.0, 1002.2)[1] is None
    assert times.of(270_000, 1100.0, 1003.2)[1] is None


def test_without_it_what_came_fastest_tells_when_pictures_were_taken() -> None:
    times = CameraTime()
    late_by = [0.30, 0.05, 0.40, 0.10]
    taken = [times.of(90_000 * k, None, 500.0 + k + late)[0] for k, late in enumerate(late_by)]
    assert taken[1:] == pytest.approx([501.05, 502.05, 503.05])
    assert times.of(90_000 * 4, None, 504.06) == (pytest.approx(504.05), None)


def test_a_count_that_begins_anew_is_learned_anew() -> None:
    times = CameraTime()
    times.of(0, None, 100.0)
    assert times.of(10**9, None, 101.0)[0] == pytest.approx(101.0)


def test_large_pictures_count_twice_and_one_too_many_is_refused() -> None:
    admission = Admission(Limits(load=4))
    admission.admit(Quality.SUB, [Quality.MAIN, Quality.SUB])
    for quality, running in ((Quality.MAIN, [Quality.MAIN, Quality.SUB]), (Quality.SUB, [Quality.MAIN, Quality.MAIN])):
        with pytest.raises(PullFailed) as refused:
            admission.admit(quality, running)
        assert refused.value.reason == "at-limit"


def test_a_busy_process_takes_no_further_stream_but_always_a_first() -> None:
    admission = Admission(Limits(cpu_share=-1.0))
    admission.admit(Quality.SUB, [])
    with pytest.raises(PullFailed, match="busy"):
        admission.admit(Quality.SUB, [Quality.SUB])
