"""What the platform asks of devices and has not been answered yet: sent again over UDP as SIP wants it, forgotten in the end. No I/O."""

from __future__ import annotations

import heapq
import itertools
import secrets
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from dispatch.clock import Clock
from feeds.gb28181 import sip
from feeds.gb28181.messages import CONTENT_TYPE
from feeds.gb28181.sip import Message

# A datagram may be lost: again after half a second, then after twice as long each time.
FIRST_AGAIN_S = 0.5
MAX_TRIES = 5
# What is waited for at once, of all devices together: more means that the network is gone.
MAX_WAITING = 20_000


class Peer(NamedTuple):
    """Where a device speaks from; answers and questions go there."""

    transport: str  # UDP | TCP
    host: str
    port: int


class Dialog(msgspec.Struct):
    """A subscription: what is asked again under the same names is a renewal."""

    event: str
    call_id: str
    tag: str
    to_tag: str = ""  # the device's, once it has answered
    cseq: int = 0
    is_held: bool = False


class _Waiting(msgspec.Struct):
    peer: Peer
    data: bytes
    dialog: Dialog | None
    tries: int = 0


class Requests:
    """Open questions by the branch of their Via."""

    def __init__(self, platform_id: str, realm: str, clock: Clock) -> None:
        self._platform_id = platform_id
        self._realm = realm
        self._clock = clock
        self._numbers = itertools.count(1)
        self._waiting: dict[str, _Waiting] = {}
        self._queue: list[
            tuple[float, int, str]
        ] = []  # when, in which order, which branch is sent next; those answered meanwhile are passed over
        self.unanswered = 0  # given up since the start

    def message(self, device_id: str, peer: Peer, body: bytes) -> None:
        """A MESSAGE with a body of its own."""
        number = next(self._numbers)
        self._ask("MESSAGE", device_id, peer, body, Dialog("", f"{number}-{secrets.token_hex(6)}", secrets.token_hex(5)), ())

    def subscribe(self, device_id: str, peer: Peer, body: bytes, dialog: Dialog, expires_s: int) -> None:
        """A SUBSCRIBE that begins or renews `dialog`."""
        contact = f"<sip:{self._platform_id}@{self._realm}>"
        self._ask("SUBSCRIBE", device_id, peer, body, dialog, (("Event", dialog.event), ("Expires", str(expires_s)), ("Contact", contact)))

    def answered(self, message: Message) -> bool:
        """Take a response; whether it was to a question of ours."""
        if message.status < 200:
            return message.branch in self._waiting
        waiting = self._waiting.pop(message.branch, None)
        if waiting is not None and waiting.dialog is not None:
            waiting.dialog.is_held = message.status < 300
            waiting.dialog.to_tag = sip.parameter(message.get("to"), "tag") if waiting.dialog.is_held else ""
        return waiting is not None

    def due(self) -> Iterator[tuple[Peer, bytes]]:
        """What is to be sent now."""
        now = self._clock.unix_s()
        while self._queue and self._queue[0][0] <= now:
            *_, branch = heapq.heappop(self._queue)
            waiting = self._waiting.get(branch)
            if waiting is None:
                continue
            if waiting.tries >= (MAX_TRIES if waiting.peer.transport == "UDP" else 1):
                del self._waiting[branch]
                self.unanswered += 1
                continue
            # Over TCP it is sent once and waited for as long as UDP would take.
            again_s = FIRST_AGAIN_S * (2**waiting.tries if waiting.peer.transport == "UDP" else 2**MAX_TRIES)
            waiting.tries += 1
            heapq.heappush(self._queue, (now + again_s, next(self._numbers), branch))
            yield waiting.peer, waiting.data

    def _ask(self, method: str, device_id: str, peer: Peer, body: bytes, dialog: Dialog, more: tuple[tuple[str, str], ...]) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self.unanswered += 1
            return
        branch = f"z9hG4bK{secrets.token_hex(8)}"
        dialog.cseq += 1
        to = f"<sip:{device_id}@{self._realm}>"
        fields = [
            ("Via", f"SIP/2.0/{peer.transport} {self._realm};rport;branch={branch}"),
            ("From", f"<sip:{self._platform_id}@{self._realm}>;tag={dialog.tag}"),
            ("To", f"{to};tag={dialog.to_tag}" if dialog.to_tag else to),
            ("Call-ID", dialog.call_id),
            ("CSeq", f"{dialog.cseq} {method}"),
            ("Max-Forwards", "70"),
            ("User-Agent", "Liandong"),
            *more,
            ("Content-Type", CONTENT_TYPE),
        ]
        where = f"[{peer.host}]" if ":" in peer.host else peer.host
        data = sip.request(method, f"sip:{device_id}@{where}:{peer.port}", *fields, body=body)
        self._waiting[branch] = _Waiting(peer, data, dialog if dialog.event else None)
        heapq.heappush(self._queue, (self._clock.unix_s(), next(self._numbers), branch))
