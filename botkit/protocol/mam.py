"""Message archive management (XEP-0313), paged with result sets (XEP-0059)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from botkit.model.archive import ArchivedEvent, ArchiveQuery, Page
from botkit.model.messages import ArchiveId
from botkit.protocol.delay import format_stamp, forwarded_stamp
from botkit.protocol.namespaces import DATA_FORMS, FORWARD, MAM, MESSAGE, RSM

RESULT_TAG: Final = f"{{{MAM}}}result"
FIN_TAG: Final = f"{{{MAM}}}fin"
_FORWARDED: Final = f"{{{FORWARD}}}forwarded"
_SET: Final = f"{{{RSM}}}set"


@dataclass(frozen=True, slots=True)
class Fin:
    """The end of a page. ``first`` and ``last`` are None where the page is empty, ``count`` where it was not said."""

    complete: bool
    first: ArchiveId | None = None
    last: ArchiveId | None = None
    count: int | None = None


def build_query(query: ArchiveQuery, query_id: str) -> Element:
    """The IQ-set payload. Only the fields that every archive has (§4.1): start and end."""
    element = Element(f"{{{MAM}}}query", {"queryid": query_id})
    form = SubElement(element, f"{{{DATA_FORMS}}}x", {"type": "submit"})
    _field(form, "FORM_TYPE", MAM, hidden=True)
    if query.start is not None:
        _field(form, "start", format_stamp(query.start))
    if query.end is not None:
        _field(form, "end", format_stamp(query.end))
    rsm = SubElement(element, _SET)
    SubElement(rsm, f"{{{RSM}}}max").text = str(query.page_size)
    if query.after is not None:
        SubElement(rsm, f"{{{RSM}}}after").text = query.after
    elif query.before is not None:  # both at once is not defined (XEP-0059 §2.4); "" asks for the last page
        SubElement(rsm, f"{{{RSM}}}before").text = query.before or None
    return element


def _field(form: Element, var: str, value: str, *, hidden: bool = False) -> None:
    field = SubElement(form, f"{{{DATA_FORMS}}}field", {"var": var})
    if hidden:
        field.set("type", "hidden")
    SubElement(field, f"{{{DATA_FORMS}}}value").text = value


def parse_fin(element: Element | None) -> Fin:
    """The payload of the IQ result, ``<fin/>`` or an IQ around it; what is missing or wrong in it is not said.

    ``complete`` only on ``true`` or ``1`` (xs:boolean): whoever pages stops also on an empty page.
    """
    if element is not None and element.tag != FIN_TAG:
        element = next((child for child in element if child.tag == FIN_TAG), None)
    if element is None:
        return Fin(False)
    said: dict[str, str] = {}
    for rsm in element:
        if rsm.tag == _SET:
            for child in rsm:
                said.setdefault(str(child.tag), (child.text or "").strip())
    count = said.get(f"{{{RSM}}}count", "")
    first, last = said.get(f"{{{RSM}}}first"), said.get(f"{{{RSM}}}last")
    return Fin(
        complete=element.get("complete") in ("true", "1"),
        first=ArchiveId(first) if first else None,
        last=ArchiveId(last) if last else None,
        count=int(count) if count.isascii() and count.isdigit() and len(count) < 16 else None,
    )


def parse_page(answer: Element | None, rows: tuple[ArchivedEvent, ...]) -> Page:
    """The page that ``rows`` came in, from the IQ's answer; its ids are those of the rows where the answer has none."""
    fin = parse_fin(answer)
    return Page(
        rows=rows,
        first=fin.first or (rows[0].archive_id if rows else None),
        last=fin.last or (rows[-1].archive_id if rows else None),
        complete=fin.complete,
        count=fin.count,
    )


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What a ``<result/>`` holds. ``stamp`` and ``message`` are None where they are missing or wrong."""

    archive_id: ArchiveId
    query_id: str | None
    stamp: datetime | None
    message: Element | None


def parse_result(result: Element) -> Forwarded | None:
    """``<result/>`` (§4.2); None without an id."""
    archive_id = result.get("id")
    if not archive_id:
        return None
    stamp: datetime | None = None
    message: Element | None = None
    for child in result:
        if child.tag == _FORWARDED and message is None:
            stamp = forwarded_stamp(child)
            message = next((part for part in child if part.tag == MESSAGE), None)
    return Forwarded(ArchiveId(archive_id), result.get("queryid"), stamp, message)
