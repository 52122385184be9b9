"""Passwords that cost little to check: what the real hash costs is a property of its own (`tests/operations/test_accounts.py`)."""

from __future__ import annotations

from argon2 import PasswordHasher

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
