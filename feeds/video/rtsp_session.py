"""One session with a device over RTSP (RFC 2326): its pictures described, set up and played, and kept alive."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import suppress

from feeds.video import rtp
from feeds.video.rtsp_client import RtspClient, Unwanted
from feeds.video.rtsp_framing import Answer, Framed
from feeds.video.sdp import Track, described

SESSION_S = 60.0  # that a session is kept where its device says nothing of it (RFC 2326, 12.37)
NOT_OF_ALL, NO_TRANSPORT, NO_OPTION = 459, 461, 551  # what is refused: to play all tracks at once; a way of sending; what is required
LOGIN_REFUSED, GONE = (401, 403), (404, 410)
_SESSION = re.compile(r"([!-:<-~]{1,200})\s*(?:;\s*timeout\s*=\s*(\d{1,6}))?")
_CHANNELS = re.compile(r"interleaved\s*=\s*(\d{1,3})")


class Refused(Exception):
    """By the device."""

    def __init__(self, method: str, status: int) -> None:
        super().__init__(f"{method}: {status}")
        self.method, self.status = method, status


class Session:
    """Raises Refused and what the client raises."""

    def __init__(self, client: RtspClient, deadline: float, require: Mapping[str, str] | None = None) -> None:
        """`deadline`: of each answer until it plays, monotonic s. `require`: headers that are left out where they are not understood."""
        self.client, self._deadline = client, deadline
        self.track = Track(-1)
        self.alive_at = 0.0  # when it is to be kept alive, monotonic s
        self._channel = 0
        self._base = self._all = self._own = client.url  # addresses: what is relative to; of all tracks; of the one that is played
        self._require = dict(require or {})
        self._alive = "GET_PARAMETER"
        self._alive_every_s = SESSION_S / 2
        self._is_proven = False  # what keeps it alive, with the log-in of a challenge to it

    def ask_methods(self) -> None:
        """Some devices end the connection over a request that they don't know."""
        answer = self.client.ask("OPTIONS", self.client.url, {}, self._deadline)
        if "GET_PARAMETER" not in answer.get("public").upper():
            self._alive = "OPTIONS"

    def describe(self) -> Track | None:
        """None where there are no pictures."""
        answer = self._ask("DESCRIBE", self.client.url, {"Accept": "application/sdp"})
        found = described(answer.body.decode("utf-8", "replace"))
        if found.track is not None:
            self.track = found.track
            self._base = answer.get("content-base") or answer.get("content-location") or self.client.url
            self._all, self._own = self._at(found.control), self._at(found.track.control)
        return found.track

    def set_up(self) -> None:
        answer = self._ask("SETUP", self._own, {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"})
        session, transport = _SESSION.match(answer.get("session")), answer.get("transport")
        if session is None:
            raise ValueError("no session")
        self.client.session = session[1]
        if "TCP" not in transport.upper():
            raise Refused("SETUP", NO_TRANSPORT)
        if channels := _CHANNELS.search(transport):  # else those that were asked for
            self._channel = int(channels[1])
        if session[2]:
            self._alive_every_s = min(max(1.0, float(session[2])), SESSION_S) / 2

    def play(self, headers: Mapping[str, str]) -> Answer:
        answer = self._try("PLAY", self._all, headers)
        if answer.status == NOT_OF_ALL:
            self._all = self._own
            answer = self._try("PLAY", self._own, headers)
        _check("PLAY", answer)
        self.alive_at = time.monotonic() + self._alive_every_s
        return answer

    def keep_alive(self) -> None:
        """At `alive_at`; what is answered is to be heard."""
        self.alive_at, self._is_proven = time.monotonic() + self._alive_every_s, False
        self.client.send(self._alive, self._all, {})

    def hear(self, answer: Answer) -> None:
        """To what keeps the session alive."""
        if not self._is_proven and self.client.is_challenged(answer):
            self._is_proven = True
            self.client.send(self._alive, self._all, {})
        elif answer.status in (405, 501, NO_OPTION) and self._alive != "OPTIONS":
            self._alive, self.alive_at = "OPTIONS", 0.0
        elif answer.status == 454:  # there is none any more
            _check(self._alive, answer)

    def packet(self, got: Framed) -> rtp.Received | None:
        """None for what is none of the track."""
        if got.channel != self._channel:
            return None
        try:
            packet = rtp.received(got.data)
        except ValueError:
            return None
        return packet if packet.payload_type == self.track.payload_type else None

    def is_control(self, got: Framed) -> bool:
        """Whether it is RTCP, of the track."""
        return got.channel == self._channel + 1

    def close(self) -> None:
        self.say_goodbye()
        self.client.close()

    def say_goodbye(self) -> None:
        with suppress(OSError, ValueError, Unwanted):
            if self.client.session:
                self.client.send("TEARDOWN", self._all, {})

    def _ask(self, method: str, url: str, headers: Mapping[str, str]) -> Answer:
        answer = self._try(method, url, headers)
        _check(method, answer)
        return answer

    def _try(self, method: str, url: str, headers: Mapping[str, str]) -> Answer:
        answer = self.client.ask(method, url, {**headers, **self._require}, self._deadline)
        if answer.status == NO_OPTION and self._require:
            self._require = {}
            answer = self.client.ask(method, url, headers, self._deadline)
        return answer

    def _at(self, control: str) -> str:
        """The address of a part, as devices mean it: put behind the whole, whatever that ends with."""
        if control in ("", "*"):
            return self._base
        return control if "://" in control else f"{self._base.rstrip('/')}/{control.lstrip('/')}"


def _check(method: str, answer: Answer) -> None:
    if answer.status != 200:
        raise Refused(method, answer.status)
