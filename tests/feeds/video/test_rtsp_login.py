"""Which of a device's challenges is answered, and how; a password is told to nobody who does not ask for it plainly."""

from __future__ import annotations

import base64
import time

import pytest

from feeds.video.farm_rtsp import NONCE, REALM, Connection, Digest
from feeds.video.rtsp_login import Login

USER, PASSWORD = 'ad"min', "pä:ss\\wort"
URL = "rtsp://10.0.0.1/replay?track=1,2"


def accepted(server: Digest, login: Login, method: str = "PLAY") -> bool:
    return server.accepts(Connection.Request(method, URL, {"authorization": login.credentials(method, URL)}))


@pytest.mark.parametrize("algorithm", ["", "MD5", "SHA-256"])
@pytest.mark.parametrize("qop", ["", "auth"])
def test_each_kind_of_digest_proves_the_password_and_no_other(algorithm: str, qop: str) -> None:
    server = Digest("admin", PASSWORD, algorithm, qop)
    for password, is_right in ((PASSWORD, True), ("guess", False)):
        login = Login("admin", password)
        assert login.challenged([server.challenge()])
        assert [accepted(server, login, method) for method in ("DESCRIBE", "SETUP", "PLAY")] == [is_right] * 3
        assert password not in login.credentials("PLAY", URL)


def test_the_strongest_challenge_is_answered_and_a_password_told_plainly_only_where_nothing_else_is_asked() -> None:
    basic, md5, sha256 = (
        'Basic realm="nvr"',
        'Digest realm="nvr", nonce="a1"',
        'Digest realm="nvr", nonce="a2", algorithm=SHA-256, qop="auth"',
    )
    for offered, begins, holds in (
        ([basic, md5, sha256], "Digest ", "algorithm=SHA-256"),
        ([sha256, md5, basic], "Digest ", "qop=auth"),
        ([f"{md5}, {basic}"], "Digest ", 'nonce="a1"'),
        ([basic], "Basic ", base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()),
    ):
        login = Login(USER, PASSWORD)
        assert login.challenged(offered)
        said = login.credentials("PLAY", URL)
        assert said.startswith(begins)
        assert holds in said


def test_uses_of_a_challenge_are_counted_anew_with_each_and_what_it_holds_is_given_back() -> None:
    login = Login("admin", PASSWORD)
    for nonce in ("n1", "n2"):
        assert login.challenged([f'Digest realm="a \\"b\\"", nonce="{nonce}", opaque="o", qop="auth-int,auth"'])
        said = [login.credentials("PLAY", URL) for _ in range(2)]
        assert ["nc=00000001" in said[0], "nc=00000002" in said[1]] == [True, True]
        assert all(f'nonce="{nonce}"' in one and 'opaque="o"' in one and 'realm="a \\"b\\""' in one for one in said)


@pytest.mark.parametrize(
    "fields",
    [
        [],
        ["Bearer realm=x"],
        ['Digest realm="x", nonce="n", algorithm=MD5-sess'],
        ['Digest realm="x", nonce="n", qop="auth-int"'],
        ['Digest realm="x"'],
    ],
)
def test_what_can_not_be_answered_is_not(fields: list[str]) -> None:
    login = Login("admin", PASSWORD)
    assert not login.challenged(fields)
    assert login.credentials("PLAY", URL) == ""


@pytest.mark.parametrize("filler", ["a", "a ", 'a="', ",", 'Digest a="\\', "Digest,"])
def test_a_long_challenge_takes_no_time(filler: str) -> None:
    field = "Digest " + filler * (64_000 // len(filler))
    began = time.process_time()
    assert not Login("admin", PASSWORD).challenged([field])
    assert time.process_time() - began < 1


def test_without_a_name_nothing_is_answered_and_a_name_that_ends_its_line_is_none() -> None:
    assert not Login("", "").challenged([f'Digest realm="{REALM}", nonce="{NONCE}"'])
    for user, password in (("a\r\nX: y", "p"), ("a", "p\n")):
        with pytest.raises(ValueError, match="control characters"):
            Login(user, password)


def test_neither_name_nor_password_is_shown() -> None:
    assert PASSWORD not in repr(Login("admin", PASSWORD)) + repr(Digest("admin", PASSWORD))
