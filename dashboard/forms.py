"""What a plain HTML form sent."""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import Request

from dashboard.problems import InvalidFields

MOST_FIELDS = 20


async def fields_of(request: Request) -> dict[str, str]:
    """The fields by name; of a name that comes more than once the first. Raises InvalidFields when there are too many."""
    text = (await request.body()).decode("utf-8", "replace")
    try:
        found = parse_qs(text, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise InvalidFields.one("body", f"a form here has at most {MOST_FIELDS} fields") from None
    return {name: values[0] for name, values in found.items()}
