"""Digest's response, by the examples of its standards."""

from __future__ import annotations

import pytest

from feeds.digest_response import Challenge, Quality, response

OF_7616 = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
OWN_7616 = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


@pytest.mark.parametrize(
    ("challenge", "password", "quality", "expected"),
    [
        (
            Challenge("md5", "testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093"),
            "Circle Of Life",
            Quality("auth", "00000001", "0a4f113b"),
            "6629fae49393a05397450978507c4ef1",
        ),
        (
            Challenge("md5", "http-auth@example.org", OF_7616),
            "Circle of Life",
            Quality("auth", "00000001", OWN_7616),
            "8ca523f5e9506fed4657c9700eebdbec",
        ),
        (
            Challenge("sha256", "http-auth@example.org", OF_7616),
            "Circle of Life",
            Quality("auth", "00000001", OWN_7616),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
        # RFC 2069, with the response that its errata put right.
        (
            Challenge("md5", "testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093"),
            "CircleOfLife",
            None,
            "1949323746fe6a43ef61f9606e7febea",
        ),
    ],
    ids=["2617", "7616-md5", "7616-sha256", "2069"],
)
def test_the_examples_of_the_standards(challenge: Challenge, password: str, quality: Quality | None, expected: str) -> None:
    assert response(challenge, "Mufasa", password, "GET", "/dir/index.html", quality) == expected
