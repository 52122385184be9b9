"""Who may see and end whose sessions: people their own, administrators those of accounts in their scope. Ending is put on record first."""

from __future__ import annotations

import asyncio

import msgspec

from dispatch.clock import Clock
from dispatch.errors import NotFound, NotPermitted
from dispatch.model import Actor
from operations.access.accounts import Accounts, sha256_of
from operations.access.authority import Action, Authority
from operations.access.on_record import Log, put_on_record
from storage.accounts import Session, User

ALL_OF_THEM = "all"
COMMAND_LINE = "command-line"  # channel


class Listed(msgspec.Struct, frozen=True):
    """The sessions of one account, used last first. `current_id` is the one that asks, when it is among them."""

    account: str
    sessions: tuple[Session, ...]
    current_id: str | None


class Sessions:
    """One per node; on the event loop. `cookie` is that of whoever asks, empty for programs and the command line.

    `account` None is the asker's own. Raises NotPermitted, and NotFound for accounts outside the scope as for those that do not exist.
    """

    def __init__(self, accounts: Accounts, authority: Authority, log: Log, clock: Clock) -> None:
        self._accounts = accounts
        self._authority = authority
        self._log = log
        self._clock = clock

    async def of(self, actor: Actor, account: str | None = None, cookie: str = "") -> Listed:
        """Those of one account."""
        name = await self._account(actor, account)
        found = await self._accounts.sessions_of(name)
        current = sha256_of(cookie)
        return Listed(name, tuple(found), next((s.session_id for s in found if s.session_sha256 == current), None))

    async def end(self, actor: Actor, session_id: str, account: str | None = None, channel: str = "desk") -> None:
        """End one. Raises NotFound and Unavailable."""
        name = await self._account(actor, account)
        session = next((s for s in await self._accounts.sessions_of(name) if s.session_id == session_id), None)
        if session is None:
            raise NotFound("unknown-session", f"The account {name} has no session {session_id[:64]!r}; it may have ended meanwhile.")
        await put_on_record(self._log, self._clock, actor, "session_ended", f"{name} {session_id}", channel)
        await self._accounts.end_session(session.session_sha256)

    async def end_all(self, actor: Actor, account: str | None = None, cookie: str = "", channel: str = "desk") -> int:
        """End all but the one that asks; their number. Raises Unavailable."""
        name = await self._account(actor, account)
        await put_on_record(self._log, self._clock, actor, "sessions_ended", f"{name} {ALL_OF_THEM}", channel)
        return await self._accounts.end_sessions_of(name, sha256_of(cookie) if cookie else "")

    async def accounts(self, actor: Actor) -> list[User]:
        """Accounts of the actor's scope by name."""
        self._authority.authorise(actor, Action.MANAGE_ACCOUNTS)
        known = await asyncio.to_thread(self._accounts.users)
        return [user for user in known if self._authority.in_scope(actor, user.org_code)]

    async def _account(self, actor: Actor, account: str | None) -> str:
        """The name of the account that is asked about, if the actor may."""
        if account is None or (actor.kind == "user" and account == actor.name):
            self._authority.authorise(actor, Action.OWN_SESSIONS)
            if actor.kind != "user":
                raise NotPermitted("no-account", f"{actor.name} is no person's log-in and has no sessions of its own; name an account.")
            return actor.name
        self._authority.authorise(actor, Action.MANAGE_ACCOUNTS)
        user = await asyncio.to_thread(self._accounts.user, account)
        if user is None or not self._authority.in_scope(actor, user.org_code):
            raise NotFound("unknown-account", f"There is no account {account[:64]!r} in your scope; check the name.")
        return user.name
