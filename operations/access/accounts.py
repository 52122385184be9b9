"""Who is who: accounts with passwords, log-in sessions, API tokens of programs.

Passwords are Argon2id, computed in a thread; of tokens and session ids only the SHA-256 is kept. What an actor may do is not
decided here but in `operations.access.authority`.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from dispatch.clock import Clock
from dispatch.model import Actor
from dispatch.organisations import OrganisationTree
from geodata.datum import DATUMS
from operations.access.attempts import Attempts, by_address, by_code, by_name
from operations.access.authority import as_enrolling, as_wall
from operations.access.permissions import ROLES, Role
from operations.access.second_factor import SecondFactor
from storage.accounts import AccountStore, NameTaken, Session, Token, User

SESSION_COOKIE = "liandong_session"
PASSWORD = "password"  # how a session was signed in
TOKEN_PREFIX = "ld_"  # lets a leaked token be recognised in logs and code
SESSION_ABSOLUTE_S = 7 * 86_400.0
WALL_ABSOLUTE_S = 365 * 86_400.0  # a wall has nobody to log in again
# How long a session or token found valid is believed without asking the database: what another process revokes is felt after this.
BELIEVED_S = 5.0
TOUCH_EVERY_S = 60.0  # last_seen_at is written no more often than this
PASSWORD_LENGTH = (10, 128)
COMMON_PASSWORDS = frozenset(
    {"1234567890", "0123456789", "12345678910", "password123", "password1234", "qwertyuiop", "1q2w3e4r5t", "abcd1234567"}
)
MOST_LISTED = 500  # sessions of one account that are shown
DEMO_PASSWORD = "liandong-demo"  # well known: such accounts exist only in demo mode, which binds to loopback


class AccountError(Exception):
    """An account or token can't be made or changed; the message names the value and the remedy."""


class WaitedTooLong(Exception):
    """A log-in did not get its second factor in time."""


class Accounts:
    """Accounts, sessions and tokens of one node."""

    def __init__(
        self,
        store: AccountStore,
        organisations: OrganisationTree,
        clock: Clock,
        session_idle_s: float = 12 * 3600.0,
        hasher: PasswordHasher | None = None,
        admins_need_second_factor: bool = False,
    ) -> None:
        self._store = store
        self._organisations = organisations
        self._clock = clock
        self._session_idle_s = session_idle_s
        self._hasher = hasher or PasswordHasher()
        self._admins_need_second_factor = admins_need_second_factor
        self.attempts = Attempts(clock)
        self.second_factor = SecondFactor(store, clock)
        # Hash that an unknown name is checked against, so that it takes as long as a wrong password; made at the first log-in.
        self._decoy = ""
        # Each Argon2 run takes 64 MiB: a flood of log-ins must queue, not eat the memory.
        self._hashing = asyncio.Semaphore(2)
        self._sessions: dict[str, tuple[float, Session, Actor]] = {}  # by SHA-256: believed until, session, actor
        self._tokens: dict[str, tuple[float, Actor, str]] = {}  # by SHA-256: believed until, actor, datum
        self._told_of_ends: list[Callable[[], None]] = []
        self._ends = 0  # how often sessions have been ended here

    # Log-in -----------------------------------------------------------------------------------------------------------

    async def login(self, name: str, password: str, address: str, wall: bool = False, agent: str = "") -> str | None:
        """A new session's cookie value, or None when name and password don't belong together. Raises TooManyAttempts and CodeNeeded.

        `agent` is what the browser calls itself, kept so that people can tell their sessions apart.
        """
        limits = by_name(name, address)
        self.attempts.refuse_too_many(limits)
        user = await asyncio.to_thread(self.user, name)
        async with self._hashing:
            self.attempts.refuse_too_many(limits)  # those that failed while this one queued count too
            matches = await self._verify(user.password_hash if user is not None else None, password)
            if user is None or not matches or user.disabled_at is not None:
                self.attempts.count(limits)
                return None
        return await self._first_factor_passed(user, PASSWORD, address, wall, agent)

    async def login_with_code(self, ticket: str, code: str, address: str, agent: str = "") -> str | None:
        """Finish a log-in that waits for its second factor: the session's cookie value, None when the code is wrong or used.

        Raises WaitedTooLong and TooManyAttempts.
        """
        waiting = self.second_factor.waiting(ticket)
        if waiting is None:
            raise WaitedTooLong("The log-in has waited or tried too long for its code; begin again.")
        limits = by_code(waiting.user_name, address)
        self.attempts.refuse_too_many(limits)
        self.attempts.count(limits)  # before it is looked at: many at once must not be tried for one
        user = await asyncio.to_thread(self.user, waiting.user_name)
        if user is None or user.disabled_at is not None:
            return None
        accepted = await asyncio.to_thread(self.second_factor.accept, user, code)
        if accepted is None:
            return None
        self.attempts.take_back(limits)
        self.attempts.forget(next(iter(limits)))
        self.second_factor.done(ticket)
        return await self.open_session(user.name, f"{waiting.how}+{accepted}", waiting.wall, address, agent)

    async def enter(self, name: str, how: str, address: str, wall: bool, agent: str) -> str | None:
        """A session for somebody whom another than us has recognised; None when there is no account of that name, or it is disabled.

        Demo accounts are everybody's and nobody is recognised as one. Raises CodeNeeded.
        """
        user = await asyncio.to_thread(self.user, name)
        if user is None or user.disabled_at is not None or user.is_demo:
            return None
        return await self._first_factor_passed(user, how, address, wall, agent)

    def refuse_address(self, address: str) -> None:
        """Raises TooManyAttempts when too much has failed from this address."""
        self.attempts.refuse_too_many(by_address(address))

    def count_address(self, address: str) -> None:
        """Something that was to prove who it is did not, and named nobody."""
        self.attempts.count(by_address(address))

    async def open_session(self, name: str, how: str, wall: bool, address: str, agent: str) -> str:
        """A new session of somebody who has shown who it is; its cookie value."""
        secret, now_s = secrets.token_urlsafe(32), self._clock.unix_s()
        session = Session(sha256_of(secret), name, wall, now_s, now_s, how, address[:64], _printable(agent)[:200])
        await asyncio.to_thread(self._add_session, session)
        return secret

    async def _first_factor_passed(self, user: User, how: str, address: str, wall: bool, agent: str) -> str:
        """A session, unless the account has a second factor. Raises CodeNeeded."""
        if user.totp_secret is not None:
            raise self.second_factor.wait(user.name, how, wall)
        self.attempts.forget(next(iter(by_name(user.name, address))))
        return await self.open_session(user.name, how, wall, address, agent)

    async def logout(self, cookie: str) -> None:
        """End the session; an unknown cookie is no error."""
        await self.end_session(sha256_of(cookie))

    async def actor_of_session(self, cookie: str) -> Actor | None:
        """Who the cookie's session belongs to; None when it is unknown, has ended, or its account is disabled."""
        key, now_s = sha256_of(cookie), self._clock.unix_s()
        believed_until, session, actor = self._sessions.get(key, (0.0, None, None))
        if session is None or now_s >= believed_until:
            found, ends = None, -1
            while ends != self._ends:  # what was read while sessions were being ended may no longer be so
                ends, found = self._ends, await asyncio.to_thread(self._find_session, key, now_s)
            if found is None:
                self._sessions.pop(key, None)
                return None
            session, actor = found
            _forget_old(self._sessions, now_s)
            self._sessions[key] = (now_s + BELIEVED_S, session, actor)
        return actor

    async def session(self, cookie: str) -> Session | None:
        """The session of a cookie; None when it is over."""
        found = await asyncio.to_thread(self._store.session, sha256_of(cookie))
        return None if found is None or self._is_over(found, self._clock.unix_s()) else found

    def needs_second_factor(self, user: User) -> bool:
        """Whether the account may do nothing but set one up until it has one."""
        return self._admins_need_second_factor and user.role == Role.ADMIN

    # Sessions; who may see and end whose is decided in `operations.access.sessions` -------------------------------------------

    async def sessions_of(self, name: str) -> list[Session]:
        """Those of an account that no rule has ended, used last first."""
        found, now_s = await asyncio.to_thread(self._store.sessions_of, name, MOST_LISTED), self._clock.unix_s()
        return [session for session in found if not self._is_over(session, now_s)]

    async def end_session(self, session_sha256: str) -> None:
        """One that is not there is no error."""
        await asyncio.to_thread(self._store.end_session, session_sha256)
        self._forget_sessions(session_sha256)

    async def end_sessions_of(self, name: str, but_sha256: str = "") -> int:
        """End every session of an account but one; their number."""
        ended = await asyncio.to_thread(self._store.end_sessions_of, name, but_sha256)
        self._forget_sessions()
        return ended

    def when_sessions_end(self, look: Callable[[], None]) -> None:
        """Have `look` called on the event loop when sessions were ended here, so that what outlives a request can end too."""
        self._told_of_ends.append(look)

    def _forget_sessions(self, session_sha256: str | None = None) -> None:
        """Believe this one, or none of them, any more without asking the database."""
        self._ends += 1
        if session_sha256 is None:
            self._sessions.clear()
        else:
            self._sessions.pop(session_sha256, None)
        for look in self._told_of_ends:
            look()

    # Tokens -----------------------------------------------------------------------------------------------------------

    async def actor_of_token(self, bearer: str) -> tuple[Actor, str] | None:
        """Whose the token is and the datum its positions come in; None when it is unknown or revoked."""
        key, now_s = sha256_of(bearer), self._clock.unix_s()
        known = self._tokens.get(key)
        if known is None or now_s >= known[0]:
            token = await asyncio.to_thread(self._store.token, key)
            if token is None or token.revoked_at is not None:
                self._tokens.pop(key, None)
                return None
            actor = Actor(name=token.name, role=token.role, org_code=token.org_code, unit_id=token.unit_id, kind="token")
            _forget_old(self._tokens, now_s)
            known = self._tokens[key] = (now_s + BELIEVED_S, actor, token.datum)
        return known[1], known[2]

    def still_has(self, actor: Actor) -> bool:
        """Whether the account or token of that name is in use with the same role, scope and unit. Synchronous, from any thread."""
        if actor.kind == "token":
            held: User | Token | None = self._store.token_named(actor.name)
        else:
            user = self._store.user(actor.name)
            held = user if user is not None and user.disabled_at is None else None
        return held is not None and (held.role, held.org_code, held.unit_id) == (actor.role, actor.org_code, actor.unit_id)

    # Administration (synchronous: command line and start-up) ----------------------------------------------------------

    def add_user(
        self, name: str, password: str, role: str, scope: str | None = None, unit_id: str | None = None, is_demo: bool = False
    ) -> User:
        """Make an account. `scope` may be a short code; none is the city. Raises AccountError."""
        _refuse_name(name)
        check_password(name, password)
        user = User(
            name=name,
            password_hash=self._hasher.hash(password),
            role=_known_role(role),
            org_code=self._known_scope(scope or self._organisations.city.code),
            created_at=self._clock.unix_s(),
            unit_id=unit_id,
            is_demo=is_demo,
        )
        try:
            self._store.add_user(user)
        except NameTaken:
            raise AccountError(f"there is an account {name} already; choose another name") from None
        return user

    def set_password(self, name: str, password: str) -> None:
        """Give an account another password and end its sessions; a demo account becomes a real one. Raises AccountError."""
        check_password(name, password)
        self._change(name, password_hash=self._hasher.hash(password), is_demo=False)

    def disable_user(self, name: str) -> None:
        """Disable an account and end its sessions. Raises AccountError."""
        self._change(name, disabled_at=self._clock.unix_s())

    def users(self) -> list[User]:
        return self._store.users()

    def user(self, name: str) -> User | None:
        return self._store.user(name) if _is_name(name) else None

    def add_token(
        self, role: str, scope: str | None = None, datum: str = "wgs84", name: str | None = None, unit_id: str | None = None
    ) -> str:
        """Make an API token and return its secret, which is shown this once. No scope is the city. Raises AccountError."""
        role, org_code = _known_role(role), self._known_scope(scope or self._organisations.city.code)
        if datum not in DATUMS:
            raise AccountError(f"datum {datum!r} is not known; use one of {', '.join(DATUMS)}")
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        name = name or f"{role}-{secrets.token_hex(4)}"
        _refuse_name(name)
        try:
            self._store.add_token(Token(sha256_of(secret), name, role, org_code, datum, self._clock.unix_s(), unit_id))
        except NameTaken:
            raise AccountError(f"there is a token {name} already; choose another name or revoke it") from None
        return secret

    def feed_names(self) -> list[str]:
        """What the feeds that may report are called: each by its token."""
        return self._store.tokens_of(Role.FEED)

    def revoke_token(self, name: str) -> None:
        """Revoke by name. Raises AccountError."""
        if not self._store.revoke_token(name, self._clock.unix_s()):
            raise AccountError(f"there is no token {name} in use; check the name")
        self._tokens.clear()

    def ensure_demo_accounts(self, crew: tuple[str, str] | None = None) -> list[tuple[str, str, str, str]]:
        """The demo accounts as (name, password, role, scope), made where missing. Call in demo mode only.

        `crew` is (unit_id, org_code) of the unit that the demo officer's phone belongs to.
        """
        accounts = []
        for name, role, org_code, unit_id in self._demo_accounts(crew):
            known = self._store.user(name)
            if known is None:
                self.add_user(name, DEMO_PASSWORD, role, org_code, unit_id, is_demo=True)
            elif not known.is_demo:
                continue  # a real account took the name: its password is nobody's to print
            elif (known.role, known.org_code, known.unit_id, known.disabled_at) != (role, org_code, unit_id, None):
                # Another city or crew, or disabled by a start without demo mode.
                self._change(name, role=role, org_code=org_code, unit_id=unit_id, disabled_at=None)
            accounts.append((name, DEMO_PASSWORD, role, org_code))
        return accounts

    def disable_demo_accounts(self) -> int:
        """Disable them all; call at every start without demo mode. Returns how many had been enabled."""
        self._sessions.clear()
        return self._store.disable_demo_users(self._clock.unix_s())

    # Inside -----------------------------------------------------------------------------------------------------------

    def _demo_accounts(self, crew: tuple[str, str] | None) -> list[tuple[str, str, str, str | None]]:
        city = self._organisations.city.code
        below = [o for o in self._organisations.all() if o.has_command_room]
        county = next((o.code for o in below if o.level == "county"), city)
        station = next((o.code for o in below if o.level == "station"), county)
        accounts: list[tuple[str, str, str, str | None]] = [
            ("operator", "operator", city, None),
            ("calltaker", "call_taker", city, None),
            ("commander", "commander", city, None),
            ("county", "commander", county, None),
            ("station", "commander", station, None),
            ("viewer", "viewer", city, None),
            ("reviewer", "reviewer", city, None),
            ("supervisor", "supervisor", city, None),
            ("admin", "admin", city, None),
        ]
        if crew is not None:
            accounts.append(("officer", "officer", crew[1], crew[0]))
        return accounts

    async def _verify(self, password_hash: str | None, password: str) -> bool:
        return await asyncio.to_thread(self._verify_now, password_hash, password[: PASSWORD_LENGTH[1] + 1])

    def _verify_now(self, password_hash: str | None, password: str) -> bool:
        if not self._decoy:
            self._decoy = self._hasher.hash(secrets.token_urlsafe(16))
        try:
            self._hasher.verify(password_hash or self._decoy, password)
        except (VerifyMismatchError, InvalidHashError, UnicodeEncodeError):
            return False
        return password_hash is not None

    def _add_session(self, session: Session) -> None:
        now_s = session.created_at
        self._store.end_old_sessions(now_s - self._session_idle_s, now_s - WALL_ABSOLUTE_S)
        self._store.add_session(session)

    def _find_session(self, key: str, now_s: float) -> tuple[Session, Actor] | None:
        session = self._store.session(key)
        if session is None:
            return None
        user = self._store.user(session.user_name)
        if self._is_over(session, now_s) or user is None or user.disabled_at is not None:
            self._store.end_session(key)
            return None
        if now_s - session.last_seen_at >= TOUCH_EVERY_S:
            self._store.touch_session(key, now_s)
        actor = Actor(name=user.name, role=user.role, org_code=user.org_code, unit_id=user.unit_id)
        if user.totp_secret is None and self.needs_second_factor(user):
            return session, as_enrolling(actor)
        return session, as_wall(actor) if session.is_wall else actor

    def _is_over(self, session: Session, now_s: float) -> bool:
        age_s, idle_s = now_s - session.created_at, now_s - session.last_seen_at
        return age_s >= WALL_ABSOLUTE_S if session.is_wall else age_s >= SESSION_ABSOLUTE_S or idle_s >= self._session_idle_s

    def _change(self, name: str, **changes: object) -> None:
        if not self._store.change_user(name, **changes):
            raise AccountError(f"there is no account {name}; check the name")
        self._sessions.clear()

    def _known_scope(self, scope: str) -> str:
        try:
            return self._organisations.expand(scope)
        except ValueError as error:
            raise AccountError(str(error)) from None


def check_password(name: str, password: str) -> None:
    """Raises AccountError when the password is too short, too long, the name, or among the commonest."""
    shortest, longest = PASSWORD_LENGTH
    if not shortest <= len(password) <= longest:
        raise AccountError(f"the password has {len(password)} characters; use {shortest} to {longest}")
    if name.lower() in password.lower() and len(password) < len(name) + 6:
        raise AccountError("the password is little more than the account's name; choose another")
    if password.lower() in COMMON_PASSWORDS or len(set(password)) < 4:
        raise AccountError("the password is among the first that are guessed; choose another")


def _known_role(role: str) -> str:
    if role not in ROLES:
        raise AccountError(f"role {role!r} is not known; use one of {', '.join(ROLES)}")
    return role


def _is_name(name: str) -> bool:
    return 1 <= len(name) <= 64 and name.isprintable() and name == name.strip()


def _refuse_name(name: str) -> None:
    if not _is_name(name):
        raise AccountError(f"name {name!r} can't be used; 1 to 64 printable characters, no spaces around")


def _printable(text: str) -> str:
    """What a browser says of itself, without what would upset a screen or a database."""
    return "".join(character for character in text if character.isprintable())


def sha256_of(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _forget_old(believed: dict, now_s: float) -> None:
    """Keep the memory of believed secrets small: one entry per browser and program of the last seconds."""
    if len(believed) > 10_000:
        for key in [key for key, entry in believed.items() if entry[0] <= now_s]:
            del believed[key]
