"""The second factor: codes of an authenticator app (TOTP, RFC 6238), recovery codes, and log-ins that wait for one.

A code is taken once: the newest step that was used is kept with the account and only later ones are accepted. The shared secret lies in the
database as it is, because checking a code takes the secret itself; of recovery codes only the SHA-256.
"""

from __future__ import annotations

import hashlib
import secrets

import msgspec
import pyotp

from dispatch.clock import Clock
from storage.accounts import AccountStore, User

STEP_S = 30
DRIFT_STEPS = 1  # how far a phone's clock may be off, either way
RECOVERY_CODES = 10
WAIT_S = 300.0  # for the code after the password
MOST_WAITING = 10_000
MOST_TRIES = 5  # of one log-in; then it begins again with the password
LONGEST_CODE = 64


class CodeNeeded(Exception):
    """The first factor is right; `ticket` is what the second one must come with."""

    def __init__(self, ticket: str) -> None:
        super().__init__("A code of the account's second factor is needed.")
        self.ticket = ticket


class Waiting(msgspec.Struct):
    """A log-in that has passed its first factor."""

    user_name: str
    how: str
    wall: bool
    until_s: float
    tries: int = 0


class SecondFactor:
    """One per node."""

    def __init__(self, store: AccountStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._waiting: dict[str, Waiting] = {}  # by SHA-256 of its ticket; a restart forgets them

    # A log-in that waits (on the event loop)

    def wait(self, user_name: str, how: str, wall: bool) -> CodeNeeded:
        """Let a log-in wait for its code; raise what it returns."""
        now_s = self._clock.unix_s()
        if len(self._waiting) >= MOST_WAITING:
            self._waiting = {ticket: one for ticket, one in self._waiting.items() if one.until_s > now_s}
        ticket = secrets.token_urlsafe(32)
        self._waiting[_digest(ticket)] = Waiting(user_name, how, wall, now_s + WAIT_S)
        return CodeNeeded(ticket)

    def waiting(self, ticket: str) -> Waiting | None:
        """The log-in of a ticket, and one try less; None when it has waited or tried too long."""
        one = self._waiting.get(_digest(ticket))
        if one is None or one.until_s <= self._clock.unix_s() or one.tries >= MOST_TRIES:
            self._waiting.pop(_digest(ticket), None)
            return None
        one.tries += 1
        return one

    def done(self, ticket: str) -> None:
        self._waiting.pop(_digest(ticket), None)

    # Codes (synchronous, with the database: from a thread)

    def accept(self, user: User, code: str) -> str | None:
        """How the code is right: `code` or `recovery`; None when it is not, or was used before. Uses it up."""
        written = _plain(code)
        if user.totp_secret is not None and len(written) == 6 and written.isdecimal():
            step = self.step_of(user.totp_secret, written)
            return "code" if step is not None and self._store.take_totp_step(user.name, user.totp_secret, step) else None
        return "recovery" if written and self._store.take_recovery_code(user.name, _digest(written)) else None

    def step_of(self, secret: str, code: str) -> int | None:
        """The step, within the drift, whose code this is; the newest when there are several."""
        totp, present = pyotp.TOTP(secret), int(self._clock.unix_s() // STEP_S)
        steps = range(present + DRIFT_STEPS, present - DRIFT_STEPS - 1, -1)
        matching = [step for step in steps if secrets.compare_digest(totp.generate_otp(step), _plain(code))]
        return matching[0] if matching else None


def new_secret() -> str:
    """160 bits in base32, as RFC 4226 recommends."""
    return pyotp.random_base32()


def enrolment_address(secret: str, account: str, issuer: str) -> str:
    """What an authenticator app reads from the QR code."""
    return pyotp.TOTP(secret, name=account, issuer=issuer).provisioning_uri()


def new_recovery_codes() -> tuple[list[str], list[str]]:
    """Codes of 80 bits as they are shown, and what is kept of them."""
    codes = [pyotp.random_base32()[:16].lower() for _ in range(RECOVERY_CODES)]
    return ["-".join(code[i : i + 4] for i in range(0, 16, 4)) for code in codes], [_digest(code) for code in codes]


def _plain(code: str) -> str:
    """As people copy it: without spaces and hyphens, ASCII only."""
    written = code[: 2 * LONGEST_CODE].replace(" ", "").replace("-", "").lower()
    return written if written.isascii() and len(written) <= LONGEST_CODE else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
