"""How a name is written down for searching: folded letters, full pinyin, pinyin initials."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

_HAN = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"\w+")
# Han characters stand alone, everything else goes by the word.
_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")


def fold(text: str) -> str:
    """Lower case, full width to half width, without accents, blanks and punctuation: Bühl-Straße -> buhlstrasse."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(_WORD.findall("".join(c for c in plain if not unicodedata.combining(c)))).replace("_", "")


@lru_cache(maxsize=4096)
def search_forms(name: str) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Forms under which a name is found, each with the places in it where a search text may begin.

    Chinese begins at any character, pinyin and initials at any syllable, other scripts at any word.
    """
    # Half a second to import, and only needed while building: a search folds its text and no more.
    from pypinyin import Style, lazy_pinyin

    tokens = _TOKEN.findall(name)
    forms = {_joined([fold(token) for token in tokens])}
    if _HAN.search(name):
        # The phrase decides how a character is read (重庆, 银行), so the whole name is asked; what is not Chinese comes
        # back in pieces of its own making, so those are asked to be our words.
        spoken: list[str] = lazy_pinyin(name, style=Style.NORMAL, errors=_words)
        syllables = [fold(part) for part in (spoken if len(spoken) == len(tokens) else map("".join, map(lazy_pinyin, tokens)))]
        forms.add(_joined(syllables))
        forms.add(_joined([s[:1] if _HAN.match(t) else s for t, s in zip(tokens, syllables, strict=True)]))
    return tuple(sorted(form for form in forms if form[0]))


def _words(text: str) -> Any:
    return _TOKEN.findall(text)


def _joined(parts: list[str]) -> tuple[str, tuple[int, ...]]:
    parts = [part for part in parts if part]
    starts, at = [], 0
    for part in parts:
        starts.append(at)
        at += len(part)
    return "".join(parts), tuple(starts)
