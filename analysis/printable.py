# SPDX-License-Identifier: BSD-3-Clause
"""Texts of users as one line that any terminal, page and picture shows: pure functions, text in, text out."""

import unicodedata
from collections.abc import Callable, Iterable

# Controls, halves of surrogate pairs, line and paragraph separators, and what turns the direction of a line.
UNSHOWN = ("Cc", "Cs", "Zl", "Zp")
DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def printable(value: bytes | str) -> str:
    """Bytes that are no UTF-8 (surrogate escapes in a str) as \\xe9, characters that show nothing as \\n, \\x1b, \\u202e."""
    raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape" if is_escaped(value) else "surrogatepass")
    text = raw.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(escaped(c) if unicodedata.category(c) in UNSHOWN or c in DIRECTIONS else c for c in text)


def is_escaped(text: str) -> bool:
    """Whether its surrogates, if any, are Python's for bytes that are no UTF-8."""
    return all("\udc80" <= c <= "\udcff" for c in text if "\ud800" <= c <= "\udfff")


def short(text: str, most: int) -> str:
    """Its beginning and its end where it has more than so many characters."""
    if len(text) <= most:
        return text
    tail = (most - 1) // 3
    return f"{text[: most - 1 - tail]}…{text[len(text) - tail :]}"


def distinct(texts: Iterable[str], shown: Callable[[str], str]) -> dict[str, str]:
    """What to show for each text: no two alike, whatever `shown` cuts off."""
    found: dict[str, str] = {}
    for text in texts:
        if text in found:
            continue
        name, again = shown(text), 1
        while (name if again == 1 else f"{name} ({again})") in found.values():
            again += 1
        found[text] = name if again == 1 else f"{name} ({again})"
    return found
