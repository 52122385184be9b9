"""Secrets a server makes for itself and keeps beside its data, readable by its own account only."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

LENGTH = 32


def kept_secret(path: Path) -> bytes:
    """The secret in `path`, made at the first call. Raises ValueError when the file holds none, OSError when it can't be had."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(LENGTH))
            file.flush()
            os.fsync(file.fileno())
    secret = path.read_bytes()
    if len(secret) != LENGTH:
        raise ValueError(f"{path} holds {len(secret)} bytes instead of a secret of {LENGTH}; remove it and a new one is made")
    return secret
