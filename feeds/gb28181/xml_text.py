"""The bodies of GB/T 28181, MANSCDP+xml: from bytes in any of its encodings to a small tree. No I/O.

A document type is refused, and with it every entity; depth, elements and length are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.parsers import expat

from feeds.gb28181.sip import BadMessage

MAX_DEPTH = 8
MAX_ELEMENTS = 20_000
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_DECLARED = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']([A-Za-z0-9._-]+)", re.IGNORECASE)


class Tree:
    """An element with its text and children."""

    __slots__ = ("children", "tag", "text")

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.text = ""
        self.children: list[Tree] = []

    def get(self, name: str) -> str:
        """Text of the first child of this name; empty without one."""
        return next((child.text.strip() for child in self.children if child.tag == name), "")

    def find(self, name: str) -> Iterator[Tree]:
        """Every element of this name at any depth below."""
        for child in self.children:
            if child.tag == name:
                yield child
            yield from child.find(name)


def read(body: bytes) -> Tree:
    """The root. Raises BadMessage: bad_xml, bad_encoding, too_long."""
    text = _DECLARATION.sub("", decoded(body), count=1).strip("\0 \r\n\t\ufeff")
    parser = expat.ParserCreate("utf-8")
    root = Tree("")
    path, count = [root], 0

    def start(tag: str, _attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if len(path) > MAX_DEPTH or count > MAX_ELEMENTS:
            raise BadMessage("too_long")
        path[-1].children.append(Tree(tag))
        path.append(path[-1].children[-1])

    def end(_tag: str) -> None:
        path.pop()

    def characters(piece: str) -> None:
        path[-1].text += piece

    def refuse(*_: object) -> None:
        raise BadMessage("bad_xml")

    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, characters
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(text.encode("utf-8", "surrogatepass"), True)
    except expat.ExpatError:
        raise BadMessage("bad_xml") from None
    return root.children[0]


def decoded(body: bytes) -> str:
    """Text of a body. Raises BadMessage("bad_encoding").

    Devices say GB2312 and send GBK, GB18030 or UTF-8. GB18030 holds the first two; bytes that are UTF-8 and nothing but ASCII and
    characters from U+0800 on (as Chinese is) are hardly ever anything else.
    """
    declared = _DECLARED.search(body[:200])
    says_utf8 = declared is None or declared.group(1).lower().replace(b"-", b"") == b"utf8"
    try:
        text = body.decode("utf-8")
        if says_utf8 or not any("\x7f" < sign < "\u0800" for sign in text):
            return text
    except UnicodeDecodeError:
        pass  # then it is of the other family
    try:
        return body.decode("gb18030")
    except UnicodeDecodeError:
        raise BadMessage("bad_encoding") from None


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
