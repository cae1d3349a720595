"""Anonymous unique occupant identifiers (XEP-0421), and with them: who said it."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element

from botkit.model import anomalies
from botkit.model.messages import Source
from botkit.model.rooms import OCCUPANT_ID_0, Occupant
from botkit.protocol.draft import Draft
from botkit.protocol.known import Known
from botkit.protocol.namespaces import OCCUPANT_ID

OCCUPANT_ID_TAG: Final = f"{{{OCCUPANT_ID}}}occupant-id"
_LONGEST: Final = 128  # §4: "MUST have a maximum length of 128 characters"


def valid(value: str | None) -> bool:
    """Whether ``value`` can be an occupant-id."""
    return value is not None and 0 < len(value) <= _LONGEST


def read_occupant_id(draft: Draft, child: Element) -> None:
    """``<occupant-id/>`` directly inside of the message."""
    draft.occupant_id_count += 1
    value = child.get("id")
    if value and len(value) <= _LONGEST:
        draft.occupant_id = value
    else:
        draft.odd(anomalies.MALFORMED_OCCUPANT_ID)


def _trusted(draft: Draft, features: frozenset[str] | None) -> str | None:
    if draft.occupant_id_count == 0:
        return None
    if draft.occupant_id_count > 1:  # §3: "MUST NOT contain more than one"; some servers replaced only the first
        draft.odd(anomalies.DOUBLED_OCCUPANT_ID)
        return None
    if features is not None and OCCUPANT_ID_0 not in features:  # §3: "MUST be ignored if support ... is not advertised"
        draft.odd(anomalies.UNOFFERED_OCCUPANT_ID)
        return None
    return draft.occupant_id


def author(draft: Draft, known: Known, features: frozenset[str] | None) -> Occupant:
    """Who sent the message, with what is known of that occupant.

    What the presence told holds only if it is about the same person. For a live message the nick says so, unless the
    occupant-id contradicts it (the nick changed hands). For history the nick says nothing at all, as anybody may have
    it by now: only equal occupant-ids count.
    """
    address = draft.sender
    if address.resource is None:
        return Occupant(address=address)
    stated = _trusted(draft, features)
    occupant = known.occupant(address)
    if occupant is not None:
        if stated is not None and occupant.occupant_id == stated:
            return occupant
        if draft.source is Source.LIVE:
            if stated is None:
                return occupant
            if occupant.occupant_id is None:
                return _with_id(occupant, stated)
            draft.odd(anomalies.OCCUPANT_ID_MISMATCH)
    return Occupant(address=address, known=False, occupant_id=stated)


def _with_id(occupant: Occupant, occupant_id: str) -> Occupant:
    return Occupant(
        address=occupant.address,
        affiliation=occupant.affiliation,
        role=occupant.role,
        real=occupant.real,
        occupant_id=occupant_id,
        status=occupant.status,
        titles=occupant.titles,
        is_self=occupant.is_self,
    )
