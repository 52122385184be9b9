"""The catalogue of elements: data in catalogue.toml, extended by a city's own file of the same form."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

BUILT_IN = Path(__file__).with_name("catalogue.toml")


class ElementKind(msgspec.Struct, frozen=True):
    """One element of the catalogue: a kind of thing that can be switched on the map."""

    id: str
    zh: str
    en: str
    key: str  # one-key switch on the desk
    source: str  # units | incidents | city | readings | history | recordings | none
    stale_after_s: int  # 0: does not age
    on: bool  # shown at first


class Category(msgspec.Struct, frozen=True):
    """A group of elements in the panel."""

    id: str
    zh: str
    en: str
    elements: tuple[ElementKind, ...]


class Catalogue(msgspec.Struct, frozen=True):
    """All categories in the order of the panel."""

    categories: tuple[Category, ...]

    @property
    def kinds(self) -> dict[str, ElementKind]:
        """Element kinds by id."""
        return {kind.id: kind for category in self.categories for kind in category.elements}


def load_catalogue(city_file: Path | None = None) -> Catalogue:
    """The built-in catalogue, with the categories of `city_file` added; a category of the same id gains its elements.

    Raises ValueError when an element id or a key is declared twice, or a field is missing.
    """
    categories = _read(BUILT_IN)
    if city_file is not None and city_file.exists():
        by_id = {category.id: category for category in categories}
        for extra in _read(city_file):
            known = by_id.get(extra.id)
            by_id[extra.id] = extra if known is None else msgspec.structs.replace(known, elements=known.elements + extra.elements)
        categories = tuple(by_id.values())
    _refuse_duplicates(categories)
    return Catalogue(categories)


def _read(path: Path) -> tuple[Category, ...]:
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8"))["category"], tuple[Category, ...])
    except (KeyError, msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"catalogue {path} can't be read: {error}") from None


def _refuse_duplicates(categories: tuple[Category, ...]) -> None:
    kinds = [kind for category in categories for kind in category.elements]
    for what, values in (("id", [kind.id for kind in kinds]), ("key", [kind.key for kind in kinds])):
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise ValueError(f"catalogue: element {what} {', '.join(twice)} is declared more than once; choose another")
