"""Setting up a second factor, and taking it away. Both are put on record first."""

from __future__ import annotations

import asyncio

import msgspec

from dispatch.clock import Clock
from dispatch.errors import NotFound, NotPermitted
from dispatch.model import Actor
from operations.access.accounts import Accounts, sha256_of
from operations.access.attempts import by_code
from operations.access.on_record import Log, put_on_record
from operations.access.second_factor import enrolment_address, new_recovery_codes, new_secret
from storage.accounts import AccountStore, Session, User

BEGUN_FOR_S = 900.0  # to scan the code and type the first one
ISSUER = "Liandong"


class Begun(msgspec.Struct, frozen=True):
    """An enrolment that waits for its first code. `address` is what the QR code says."""

    secret: str
    address: str
    until_s: float


class Enrolled(msgspec.Struct, frozen=True):
    """Its session in place of all others of the account, and the recovery codes, which are shown this once."""

    cookie: str
    recovery_codes: tuple[str, ...]


class State(msgspec.Struct, frozen=True):
    """What the account page says of one's second factor."""

    is_on: bool
    may_set_up: bool
    is_required: bool
    recovery_codes_left: int


class Enrolment:
    """One per node; on the event loop."""

    def __init__(self, store: AccountStore, accounts: Accounts, log: Log, clock: Clock) -> None:
        self._store = store
        self._accounts = accounts
        self._log = log
        self._clock = clock
        self._begun: dict[str, Begun] = {}  # by SHA-256 of the session; a restart forgets them

    async def state(self, actor: Actor) -> State:
        user = await asyncio.to_thread(self._accounts.user, actor.name)
        if user is None:
            return State(False, False, False, 0)
        left = await asyncio.to_thread(self._store.recovery_codes_left, user.name)
        return State(user.totp_secret is not None, _may_set_up(user), self._accounts.needs_second_factor(user), left)

    async def begin(self, actor: Actor, cookie: str) -> Begun:
        """A new secret, good once its first code has come back. Raises NotPermitted."""
        await self._session(actor, cookie)
        now_s, secret = self._clock.unix_s(), new_secret()
        self._begun = {key: one for key, one in self._begun.items() if one.until_s > now_s}
        begun = Begun(secret, enrolment_address(secret, actor.name, ISSUER), now_s + BEGUN_FOR_S)
        self._begun[sha256_of(cookie)] = begun
        return begun

    def begun(self, cookie: str) -> Begun | None:
        """What was begun in this session and still waits."""
        begun = self._begun.get(sha256_of(cookie))
        return begun if begun is not None and begun.until_s > self._clock.unix_s() else None

    async def confirm(self, actor: Actor, cookie: str, code: str, address: str) -> Enrolled | None:
        """Switch it on with its first code; None when the code is wrong. Ends every session of the account and begins a new one.

        Raises NotPermitted, NotFound when nothing was begun, TooManyAttempts and Unavailable.
        """
        session = await self._session(actor, cookie)
        begun, limits = self.begun(cookie), by_code(actor.name, address)
        if begun is None:
            raise NotFound("nothing-begun", "No second factor is being set up in this session; begin again.")
        self._accounts.attempts.refuse_too_many(limits)
        step = self._accounts.second_factor.step_of(begun.secret, code)
        if step is None:
            self._accounts.attempts.count(limits)
            return None
        await put_on_record(self._log, self._clock, actor, "second_factor_set", actor.name, "desk")
        shown, kept = new_recovery_codes()
        await asyncio.to_thread(self._store.set_totp, actor.name, begun.secret, step, kept)
        self._begun.pop(sha256_of(cookie), None)
        await self._accounts.end_sessions_of(actor.name)
        fresh = await self._accounts.open_session(actor.name, f"{session.how}+code", session.is_wall, address, session.agent)
        return Enrolled(fresh, tuple(shown))

    async def reset(self, actor: Actor, name: str, channel: str) -> None:
        """Take the second factor of an account away and end its sessions. Raises NotFound and Unavailable; the caller has the right."""
        user = await asyncio.to_thread(self._accounts.user, name)
        if user is None or user.totp_secret is None:
            raise NotFound("no-second-factor", f"There is no account {name[:64]!r} with a second factor; check the name.")
        await put_on_record(self._log, self._clock, actor, "second_factor_reset", name, channel)
        await asyncio.to_thread(self._store.set_totp, name, None, None, [])
        await self._accounts.end_sessions_of(name)

    async def _session(self, actor: Actor, cookie: str) -> Session:
        """The asker's own session. Raises NotPermitted for programs, walls, demo accounts and those that have a second factor already."""
        user = await asyncio.to_thread(self._accounts.user, actor.name)
        session = await self._accounts.session(cookie)
        if user is None or session is None or session.is_wall or session.user_name != actor.name or not _may_set_up(user):
            raise NotPermitted("no-enrolment", f"{actor.name} can't set up a second factor here; have an old one reset first.")
        return session


def _may_set_up(user: User) -> bool:
    return user.totp_secret is None and not user.is_demo  # a demo account is everybody's
