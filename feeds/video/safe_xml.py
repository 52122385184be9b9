"""XML of devices nobody vouches for: bounded in size and depth, without document types, so without entities of their own."""

from __future__ import annotations

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

MOST_BYTES = 512 * 1024
DEEPEST = 60


class BadXml(ValueError):
    """It is no XML that is read here; the message says why."""


def parse(data: bytes) -> Element:
    """The root; names are `{namespace}local`. Raises BadXml."""
    if len(data) > MOST_BYTES:
        raise BadXml(f"it has more than {MOST_BYTES} bytes")
    builder = TreeBuilder()
    parser = expat.ParserCreate(namespace_separator="}")
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise BadXml(f"it is nested more than {DEEPEST} deep")
        builder.start(_named(name), {_named(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_named(name))

    def refuse(*_: object) -> None:
        raise BadXml("it declares a document type, which answers of devices never need")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise BadXml(f"line {error.lineno}: {expat.ErrorString(error.code)}") from None
    return builder.close()


def _named(name: str) -> str:
    return "{" + name if "}" in name else name


def local(element: Element) -> str:
    """The name without its namespace: devices disagree about prefixes and versions."""
    return element.tag.rpartition("}")[2]


def first(element: Element, *path: str) -> Element | None:
    """The first descendant along local names, each level the first that fits anywhere below."""
    found: Element | None = element
    for name in path:
        found = next((one for one in found.iter() if one is not found and local(one) == name), None) if found is not None else None
    return found


def text(element: Element | None) -> str:
    return "" if element is None else (element.text or "").strip()
