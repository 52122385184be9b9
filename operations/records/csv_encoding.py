"""What a CSV is written in: UTF-8, or what Excel in China saves by itself (GBK), where that can be told without doubt."""

from __future__ import annotations

from pathlib import Path

# Of other alphabets read as GBK (Big5, Latin letters with accents) about half are characters that GB 2312, the ones in daily use, has not;
# a list of real names has few such.
_IN_DAILY_USE = 0.9


def encoding_of(path: Path) -> str:
    """Name of the encoding to open it with. Raises OSError, and UnicodeDecodeError where it is neither, or could be something else."""
    data = path.read_bytes()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        try:
            beyond = [letter for letter in data.decode("gb18030") if not letter.isascii()]
        except UnicodeDecodeError:
            raise error from None
        if sum(map(_is_in_daily_use, beyond)) < _IN_DAILY_USE * len(beyond):
            raise error from None
        return "gb18030"
    return "utf-8-sig"


def _is_in_daily_use(letter: str) -> bool:
    return bool(letter.encode("gb2312", "ignore"))
