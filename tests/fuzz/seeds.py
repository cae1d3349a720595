"""What the fuzzing begins from: stanzas of our own for each specification that we speak, under ``seeds/``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from xml.etree import ElementTree

_HERE = Path(__file__).parent / "seeds"


@cache
def stanzas() -> list[bytes]:
    """Each top-level element of each file, as it stands inside of a stream."""
    found = []
    for path in sorted(_HERE.glob("*.xml")):
        text = path.read_text(encoding="utf-8")
        root = ElementTree.fromstring(f"<s xmlns='jabber:client'>{text}</s>")
        for child in root:
            child.tail = None
            found.append(ElementTree.tostring(child, encoding="utf-8", xml_declaration=False))
    return found


@cache
def of(*names: str) -> list[bytes]:
    """The seeds with an element of one of these local names."""
    marks = [f":{name}".encode() for name in names]
    return [seed for seed in stanzas() if any(mark in seed for mark in marks)]


@cache
def streams() -> list[bytes]:
    """Each file whole, as bytes on the wire: with its own way of writing names, and several stanzas."""
    return [path.read_bytes() for path in sorted(_HERE.glob("*.xml"))]
