"""`app.py token` and `app.py user`: who may come in, and with what."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec

from command_parts import WrongUse, city_folder
from settings import Settings


def token_add(options: argparse.Namespace, settings: Settings) -> int:
    """An API token, printed once."""
    from operations.access.accounts import AccountError

    try:
        token = _accounts(settings).add_token(options.role, options.scope, options.datum, options.name)
    except AccountError as error:
        raise WrongUse(str(error)) from None
    print(token)
    return 0


def user_add(options: argparse.Namespace, settings: Settings) -> int:
    """An account; the password is asked for, or read from standard input when that is no terminal."""
    from operations.access.accounts import AccountError

    password = getpass.getpass(f"Password for {options.name}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    try:
        _accounts(settings).add_user(options.name, password, options.role, options.scope, options.unit)
    except AccountError as error:
        raise WrongUse(str(error)) from None
    return 0


def user_sessions(options: argparse.Namespace, settings: Settings) -> int:
    """Where an account is signed in; ends one of its sessions, or all."""
    from dispatch.errors import DispatchError
    from operations.access.sessions import COMMAND_LINE
    from single_commands import administrator, open_sessions

    folder = city_folder(settings)
    # Whoever has this machine's files needs no scope: accounts of organisations that have ended are reached too.
    sessions, actor = open_sessions(settings, folder), msgspec.structs.replace(administrator(folder), kind="system")

    async def carry_out() -> None:
        if options.end:
            await sessions.end(actor, options.end, options.name, COMMAND_LINE)
        if options.end_all:
            await sessions.end_all(actor, options.name, channel=COMMAND_LINE)
        for s in (await sessions.of(actor, options.name)).sessions:
            since, used = (datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ") for at in (s.created_at, s.last_seen_at))
            print(f"{s.session_id}  since {since}  used {used}  {s.how}{' wall' if s.is_wall else ''}  {s.address}  {s.agent}")

    try:
        asyncio.run(carry_out())
    except DispatchError as refused:
        raise WrongUse(refused.detail) from None
    return 0


def user_reset_totp(options: argparse.Namespace, settings: Settings) -> int:
    """Take the second factor of an account away, because its phone is lost; ends its sessions."""
    from dispatch.errors import DispatchError
    from operations.access.sessions import COMMAND_LINE
    from single_commands import administrator, open_enrolment

    folder = city_folder(settings)
    actor = msgspec.structs.replace(administrator(folder), kind="system")
    try:
        asyncio.run(open_enrolment(settings, folder).reset(actor, options.name, COMMAND_LINE))
    except DispatchError as refused:
        raise WrongUse(refused.detail) from None
    return 0


def user_certificate(options: argparse.Namespace, settings: Settings) -> int:
    """Give a client certificate to an account, take all of them away, or show them."""
    from dispatch.errors import DispatchError
    from operations.access.sessions import COMMAND_LINE
    from single_commands import administrator, open_certificates

    folder = city_folder(settings)
    certificates, actor = open_certificates(settings, folder), msgspec.structs.replace(administrator(folder), kind="system")

    async def carry_out() -> None:
        if options.remove_all:
            print(f"{await certificates.take_all(actor, options.name, COMMAND_LINE)} taken")
        if options.file is not None:
            print(await certificates.give(actor, options.name, options.file.read_bytes(), options.by_subject, COMMAND_LINE))
        elif not options.remove_all:
            for one in await certificates.of(options.name):
                until = datetime.fromtimestamp(one.not_after, UTC).strftime("%Y-%m-%d")
                print(f"{one.key_sha256}  {'subject' if one.by_subject else 'fingerprint'}  until {until}  {one.subject}")

    try:
        asyncio.run(carry_out())
    except OSError as error:
        raise WrongUse(f"{options.file} can't be read: {error.strerror}; name a certificate") from None
    except DispatchError as refused:
        raise WrongUse(refused.detail) from None
    return 0


def _accounts(settings: Settings) -> Any:
    from single_commands import open_accounts

    return open_accounts(settings, city_folder(settings))
