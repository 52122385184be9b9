"""What organisations are called in the reader's language."""

from __future__ import annotations

from dashboard.i18n import Words
from dispatch.organisations import OrganisationTree


def organisation_name(organisations: OrganisationTree, code: str, words: Words) -> str:
    """The code itself where nothing is known of it."""
    known = organisations.get(code)
    return words.pick(known.name, known.name_en) if known else code
