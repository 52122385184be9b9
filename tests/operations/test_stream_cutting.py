"""Cutting a growing recording: wherever its slices are cut, the pieces are the same, whole, and one can begin where they say."""

from __future__ import annotations

import contextlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.footage.mp4_cutter import Mp4Cutter
from operations.footage.stream_cutting import Cutter, Piece, Uncuttable, container_of
from operations.footage.webm_cutter import WebmCutter
from tests.operations.recorded import FPS, pictures, recorded

CUTTERS: dict[str, type[Cutter]] = {"webm": WebmCutter, "mp4": Mp4Cutter}
SECONDS = 4
both = pytest.mark.parametrize("container", ["webm", "mp4"])


def cut(container: str, slices: list[bytes]) -> tuple[Cutter, list[Piece]]:
    cutter = CUTTERS[container]()
    return cutter, [piece for slice_ in slices for piece in cutter.feed(slice_)]


def sliced(video: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(at % (len(video) + 1) for at in cuts), len(video)]
    return [video[a:b] for a, b in pairwise(edges)]


@both
@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 10**6), max_size=60))
def test_slices_cut_anywhere_give_the_same_pieces(container: str, cuts: list[int]) -> None:
    whole = cut(container, [recorded(container)])
    again = cut(container, sliced(recorded(container), cuts))
    assert (again[0].init, again[1]) == (whole[0].init, whole[1])


@both
def test_every_key_frame_is_a_place_to_begin(container: str) -> None:
    cutter, pieces = cut(container, [recorded(container)])
    starts = [index for index, piece in enumerate(pieces) if piece.starts]
    assert len(starts) == SECONDS
    assert cutter.init is not None
    for seconds_left, start in zip(range(SECONDS, 0, -1), starts, strict=True):
        assert pictures(cutter.init + b"".join(piece.data for piece in pieces[start:])) == seconds_left * FPS


@both
def test_one_who_missed_pieces_goes_on_at_the_next_key_frame(container: str) -> None:
    cutter, pieces = cut(container, [recorded(container)])
    starts = [index for index, piece in enumerate(pieces) if piece.starts]
    missed = [*pieces[: starts[1]], *pieces[starts[3] :]]  # WebM: also in the middle of a cluster
    assert cutter.init is not None
    assert pictures(cutter.init + b"".join(piece.data for piece in missed)) == 2 * FPS


def test_a_webm_cluster_may_be_left_in_the_middle() -> None:
    cutter, pieces = cut("webm", [recorded("webm")])
    starts = [index for index, piece in enumerate(pieces) if piece.starts]
    left = [*pieces[: starts[0] + 3], *pieces[starts[2] :]]
    assert cutter.init is not None
    assert pictures(cutter.init + b"".join(piece.data for piece in left)) == 3 + 2 * FPS


@both
def test_the_codec_is_read_from_the_recording(container: str) -> None:
    cutter, _ = cut(container, [recorded(container)])
    codec = cutter.codec()
    assert codec == "vp8" if container == "webm" else codec.startswith("avc1.") and len(codec) == 11


@both
@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 2000), noise=st.binary(min_size=1, max_size=40), cuts=st.lists(st.integers(0, 10**6), max_size=5))
def test_broken_bytes_are_refused_and_never_fail_otherwise(container: str, at: int, noise: bytes, cuts: list[int]) -> None:
    video = recorded(container)
    broken = video[:at] + noise + video[at + len(noise) :]
    with contextlib.suppress(Uncuttable):
        cut(container, sliced(broken, cuts))


@both
@settings(max_examples=60, deadline=None)
@given(noise=st.binary(min_size=1, max_size=300))
def test_noise_is_refused_and_never_fails_otherwise(container: str, noise: bytes) -> None:
    with contextlib.suppress(Uncuttable):
        assert cut(container, [noise])[1] == []


@both
def test_what_is_held_does_not_grow_with_the_recording(container: str) -> None:
    cutter = CUTTERS[container]()
    most = 0
    for slice_ in sliced(recorded(container), list(range(0, 10**5, 100))):
        cutter.feed(slice_)
        most = max(most, len(cutter._held))  # type: ignore[attr-defined]
    assert most < len(recorded(container)) / 2


@pytest.mark.parametrize(
    ("mime", "container"),
    [
        ("video/webm;codecs=vp8", "webm"),
        ('video/webm; codecs="vp8"', "webm"),
        ("video/mp4;codecs=avc1.42E01E", "mp4"),
        ("video/mp4", "mp4"),
        ("video/quicktime", None),
        ("video/webm;codecs=vp8,opus", None),
        ("text/html", None),
        ("", None),
    ],
)
def test_media_types(mime: str, container: str | None) -> None:
    assert container_of(mime) == container
