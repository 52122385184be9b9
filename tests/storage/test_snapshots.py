"""A snapshot that this version can't read as the present picture must not be taken for one."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from dispatch.picture import OperatingPicture
from storage.read_models import SNAPSHOT_SCHEMA, picture_bytes, picture_of_bytes
from tests.dispatch.driver import Node


def fields_of(kind: Any, seen: dict[str, Any]) -> dict[str, Any]:
    """Names and types of all fields of a structure and the structures in it."""
    if kind.__name__ in seen:
        return seen
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    seen[kind.__name__] = [(field.name, type(field.type).__name__) for field in info.fields]
    waiting: list[Any] = [field.type for field in info.fields]
    while waiting:
        part = waiting.pop()
        if isinstance(part, msgspec.inspect.StructType):
            fields_of(part.cls, seen)
        waiting += [getattr(part, name) for name in ("key_type", "value_type", "item_type") if hasattr(part, name)]
        waiting += list(getattr(part, "types", ()))
    return seen


def test_a_changed_picture_has_a_changed_schema_number() -> None:
    """When this fails: raise SNAPSHOT_SCHEMA, then write the new pair here. Without it an old snapshot would be read wrongly."""
    shape = hashlib.sha256(repr(sorted(fields_of(OperatingPicture, {}).items())).encode()).hexdigest()[:12]
    assert (SNAPSHOT_SCHEMA, shape) == (10, "add78be4c011")


def test_a_picture_comes_back_as_it_was() -> None:
    node = Node()
    node.pushed("A", "B")
    assert picture_of_bytes(picture_bytes(node.picture)) == node.picture
