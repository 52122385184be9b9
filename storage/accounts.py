"""Accounts, API tokens and log-in sessions in the database. Synchronous: call it from a thread.

Secrets are not here: passwords as Argon2 strings, tokens, session ids and recovery codes as SHA-256. The one exception
is the secret shared with an authenticator app: checking a code takes the secret itself. Instants are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Engine,
    Float,
    ForeignKey,
    Row,
    Select,
    String,
    Table,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from storage.database import writing
from storage.tables import metadata

T = TypeVar("T", bound=msgspec.Struct)

users_table = Table(
    "users",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("password_hash", String(256), nullable=False),
    Column("role", String(32), nullable=False),
    Column("org_code", String(32), nullable=False),
    Column("unit_id", String(64)),
    Column("is_demo", Boolean, nullable=False),
    Column("created_at", Float(53), nullable=False),
    Column("disabled_at", Float(53)),
    Column("totp_secret", String(64)),
    Column("totp_step", BigInteger),
)

recovery_codes_table = Table(
    "recovery_codes",
    metadata,
    Column("code_sha256", String(64), primary_key=True),
    Column("user_name", String(64), ForeignKey("users.name", ondelete="CASCADE"), nullable=False, index=True),
)

tokens_table = Table(
    "api_tokens",
    metadata,
    Column("secret_sha256", String(64), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("role", String(32), nullable=False),
    Column("org_code", String(32), nullable=False),
    Column("unit_id", String(64)),
    Column("datum", String(16), nullable=False),
    Column("created_at", Float(53), nullable=False),
    Column("revoked_at", Float(53)),
)

sessions_table = Table(
    "sessions",
    metadata,
    Column("session_sha256", String(64), primary_key=True),
    Column("user_name", String(64), ForeignKey("users.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("is_wall", Boolean, nullable=False),
    Column("created_at", Float(53), nullable=False),
    Column("last_seen_at", Float(53), nullable=False),
    Column("how", String(32), nullable=False, server_default="password"),
    Column("address", String(64), nullable=False, server_default=""),
    Column("agent", String(200), nullable=False, server_default=""),
)


class NameTaken(Exception):
    """An account or token of that name exists already."""


class User(msgspec.Struct, frozen=True):
    """One person's account, or one shared by a desk."""

    name: str
    password_hash: str
    role: str
    org_code: str
    created_at: float
    unit_id: str | None = None
    is_demo: bool = False
    disabled_at: float | None = None
    totp_secret: str | None = None  # shared with an authenticator app, base32; None: no second factor
    totp_step: int | None = None  # of the newest code that was used


class Token(msgspec.Struct, frozen=True):
    """One API token of a program."""

    secret_sha256: str
    name: str
    role: str
    org_code: str
    datum: str
    created_at: float
    unit_id: str | None = None
    revoked_at: float | None = None


class Session(msgspec.Struct, frozen=True):
    """One log-in of one browser."""

    session_sha256: str
    user_name: str
    is_wall: bool
    created_at: float
    last_seen_at: float
    how: str = "password"  # it was signed in
    address: str = ""  # of the browser, or of the proxy before it
    agent: str = ""  # what the browser calls itself

    @property
    def session_id(self) -> str:
        """Names the session; opens nothing, because the cookie can't be found from a piece of its hash."""
        return self.session_sha256[:16]


class AccountStore:
    """Reads and writes the three tables, one transaction a call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_user(self, user: User) -> None:
        """Raises NameTaken."""
        self._insert(users_table, user, user.name)

    def user(self, name: str) -> User | None:
        return self._one(select(users_table).where(users_table.c.name == name), User)

    def users(self) -> list[User]:
        with self._engine.connect() as connection:
            return [_read(row, User) for row in connection.execute(select(users_table).order_by(users_table.c.name))]

    def change_user(self, name: str, **changes: Any) -> bool:
        """Set columns of an account and end its sessions; False when there is no such account."""
        with writing(self._engine) as connection:
            found = connection.execute(update(users_table).where(users_table.c.name == name).values(**changes)).rowcount
            connection.execute(delete(sessions_table).where(sessions_table.c.user_name == name))
        return found > 0

    def set_totp(self, name: str, secret: str | None, step: int | None, recovery_sha256: Sequence[str]) -> None:
        """Give an account a second factor, its first code being used, or take it away; with its recovery codes."""
        with writing(self._engine) as connection:
            connection.execute(update(users_table).where(users_table.c.name == name).values(totp_secret=secret, totp_step=step))
            connection.execute(delete(recovery_codes_table).where(recovery_codes_table.c.user_name == name))
            for code in recovery_sha256:
                connection.execute(insert(recovery_codes_table).values(code_sha256=code, user_name=name))

    def take_totp_step(self, name: str, secret: str, step: int) -> bool:
        """Use the code of a step; False when this or a later one was used before, or the secret is another by now."""
        user = users_table.c
        unused = (user.name == name) & (user.totp_secret == secret) & or_(user.totp_step.is_(None), user.totp_step < step)
        with writing(self._engine) as connection:
            return connection.execute(update(users_table).where(unused).values(totp_step=step)).rowcount > 0

    def take_recovery_code(self, name: str, code_sha256: str) -> bool:
        """Use a recovery code up; False when there is none such."""
        code = recovery_codes_table.c
        with writing(self._engine) as connection:
            found = delete(recovery_codes_table).where((code.code_sha256 == code_sha256) & (code.user_name == name))
            return connection.execute(found).rowcount > 0

    def recovery_codes_left(self, name: str) -> int:
        query = select(func.count()).where(recovery_codes_table.c.user_name == name)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def disable_demo_users(self, now_s: float) -> int:
        """Disable every demo account and end its sessions; the number that had been enabled."""
        demo = select(users_table.c.name).where(users_table.c.is_demo)
        with writing(self._engine) as connection:
            connection.execute(delete(sessions_table).where(sessions_table.c.user_name.in_(demo)))
            enabled = users_table.c.is_demo & users_table.c.disabled_at.is_(None)
            return connection.execute(update(users_table).where(enabled).values(disabled_at=now_s)).rowcount

    def add_token(self, token: Token) -> None:
        """Takes the place of a revoked token of that name. Raises NameTaken while one is in use."""
        revoked = (tokens_table.c.name == token.name) & tokens_table.c.revoked_at.is_not(None)
        try:
            with writing(self._engine) as connection:
                connection.execute(delete(tokens_table).where(revoked))
                connection.execute(insert(tokens_table).values(**msgspec.structs.asdict(token)))
        except IntegrityError:
            raise NameTaken(token.name) from None

    def token(self, secret_sha256: str) -> Token | None:
        return self._one(select(tokens_table).where(tokens_table.c.secret_sha256 == secret_sha256), Token)

    def token_named(self, name: str) -> Token | None:
        """The token in use under that name."""
        in_use = (tokens_table.c.name == name) & tokens_table.c.revoked_at.is_(None)
        return self._one(select(tokens_table).where(in_use), Token)

    def tokens_of(self, role: str) -> list[str]:
        """Names of the tokens in use of a role."""
        in_use = (tokens_table.c.role == role) & tokens_table.c.revoked_at.is_(None)
        with self._engine.connect() as connection:
            return list(connection.execute(select(tokens_table.c.name).where(in_use).order_by(tokens_table.c.name)).scalars())

    def revoke_token(self, name: str, now_s: float) -> bool:
        """Revoke by name; False when there is no such token in use."""
        in_use = (tokens_table.c.name == name) & tokens_table.c.revoked_at.is_(None)
        with writing(self._engine) as connection:
            return connection.execute(update(tokens_table).where(in_use).values(revoked_at=now_s)).rowcount > 0

    def add_session(self, session: Session) -> None:
        self._insert(sessions_table, session, "session")

    def session(self, session_sha256: str) -> Session | None:
        return self._one(select(sessions_table).where(sessions_table.c.session_sha256 == session_sha256), Session)

    def touch_session(self, session_sha256: str, last_seen_at: float) -> None:
        with writing(self._engine) as connection:
            same = sessions_table.c.session_sha256 == session_sha256
            connection.execute(update(sessions_table).where(same).values(last_seen_at=last_seen_at))

    def sessions_of(self, user_name: str, limit: int) -> list[Session]:
        """Those that have not been deleted, used last first."""
        query = select(sessions_table).where(sessions_table.c.user_name == user_name)
        with self._engine.connect() as connection:
            found = connection.execute(query.order_by(sessions_table.c.last_seen_at.desc(), sessions_table.c.session_sha256).limit(limit))
            return [_read(row, Session) for row in found]

    def end_session(self, session_sha256: str) -> None:
        with writing(self._engine) as connection:
            connection.execute(delete(sessions_table).where(sessions_table.c.session_sha256 == session_sha256))

    def end_sessions_of(self, user_name: str, but_sha256: str = "") -> int:
        """End every session of an account but one; their number."""
        ended = (sessions_table.c.user_name == user_name) & (sessions_table.c.session_sha256 != but_sha256)
        with writing(self._engine) as connection:
            return connection.execute(delete(sessions_table).where(ended)).rowcount

    def end_old_sessions(self, seen_before: float, wall_created_before: float) -> int:
        """Delete sessions that no rule keeps alive any more; their number."""
        idle = ~sessions_table.c.is_wall & (sessions_table.c.last_seen_at < seen_before)
        worn = sessions_table.c.is_wall & (sessions_table.c.created_at < wall_created_before)
        with writing(self._engine) as connection:
            return connection.execute(delete(sessions_table).where(idle | worn)).rowcount

    def _insert(self, table: Table, row: msgspec.Struct, name: str) -> None:
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(table).values(**msgspec.structs.asdict(row)))
        except IntegrityError:
            raise NameTaken(name) from None

    def _one(self, query: Select[Any], kind: type[T]) -> T | None:
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _read(row, kind)


def _read(row: Row[Any], kind: type[T]) -> T:
    return kind(**row._mapping)
