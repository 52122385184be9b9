"""A secret is made once, kept private, and a damaged one is refused."""

from __future__ import annotations

import pytest

from storage.secret import LENGTH, kept_secret


def test_it_is_made_once_and_for_the_owner_only(tmp_path):
    path = tmp_path / "data" / "one.secret"
    made = kept_secret(path)
    assert len(made) == LENGTH
    assert kept_secret(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert kept_secret(tmp_path / "other.secret") != made


def test_a_damaged_one_is_refused(tmp_path):
    path = tmp_path / "one.secret"
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match="holds 5 bytes instead of a secret of 32"):
        kept_secret(path)
