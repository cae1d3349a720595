"""Which reader takes which child of a message, and the one pass over them."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element

from botkit.model import anomalies
from botkit.model.address import Address
from botkit.protocol import namespaces as ns
from botkit.protocol.correction import read_replace
from botkit.protocol.delay import DELAY_TAG, read_delay, read_legacy_delay
from botkit.protocol.draft import Draft, Reader
from botkit.protocol.encryption import read_announcement, read_encrypted, read_omemo
from botkit.protocol.fallback import read_fallback
from botkit.protocol.invitations import read_conference
from botkit.protocol.mam import RESULT_TAG
from botkit.protocol.muc_user import X_TAG
from botkit.protocol.occupant_id import OCCUPANT_ID_TAG, read_occupant_id
from botkit.protocol.oob import read_oob, read_reference, read_sharing
from botkit.protocol.reactions import read_reactions
from botkit.protocol.replies import read_reply
from botkit.protocol.retraction import (
    MODERATED_TAGS,
    RETRACT_TAGS,
    RETRACTED_TAGS,
    read_apply_to,
    read_retract,
    read_tombstone,
)
from botkit.protocol.shown import (
    FOREIGN,
    SHOWN_IN_ROOMS_TAGS,
    SHOWN_TAGS,
    read_foreign,
    read_shown,
    read_shown_in_rooms,
)
from botkit.protocol.stanza_errors import ERROR
from botkit.protocol.stanza_ids import ORIGIN_ID_TAG, STANZA_ID_TAG, read_origin_id, read_stanza_id
from botkit.protocol.text import read_body, read_subject, read_thread
from botkit.protocol.xhtml import read_html


def _read_muc_user(draft: Draft, child: Element) -> None:
    draft.add("muc_users", child)


def _read_result(draft: Draft, child: Element) -> None:
    if draft.result is None:
        draft.result = child
    read_shown_in_rooms(draft, child)


def _read_error(draft: Draft, child: Element) -> None:
    if draft.error is None:
        draft.error = child
    read_shown_in_rooms(draft, child)


def _read_carbon(draft: Draft, child: Element) -> None:
    """We never ask for carbons (XEP-0280), so whoever sends one made it up; what stands beside it counts."""
    draft.odd(anomalies.FORGED_CARBON)
    read_shown_in_rooms(draft, child)


READERS: Final[dict[str, Reader]] = {
    **dict.fromkeys(SHOWN_TAGS, read_shown),
    **dict.fromkeys(SHOWN_IN_ROOMS_TAGS, read_shown_in_rooms),
    f"{{{ns.CLIENT}}}body": read_body,
    f"{{{ns.CLIENT}}}subject": read_subject,
    f"{{{ns.CLIENT}}}thread": read_thread,
    ERROR: _read_error,
    STANZA_ID_TAG: read_stanza_id,
    ORIGIN_ID_TAG: read_origin_id,
    OCCUPANT_ID_TAG: read_occupant_id,
    DELAY_TAG: read_delay,
    f"{{{ns.LEGACY_DELAY}}}x": read_legacy_delay,
    f"{{{ns.CORRECT}}}replace": read_replace,
    f"{{{ns.REPLY}}}reply": read_reply,
    f"{{{ns.FALLBACK}}}fallback": read_fallback,
    f"{{{ns.REACTIONS}}}reactions": read_reactions,
    RETRACT_TAGS[0]: read_retract,
    f"{{{ns.FASTEN}}}apply-to": read_apply_to,
    **dict.fromkeys((*RETRACTED_TAGS, *MODERATED_TAGS), read_tombstone),
    X_TAG: _read_muc_user,
    f"{{{ns.CONFERENCE}}}x": read_conference,
    f"{{{ns.CARBONS}}}received": _read_carbon,
    f"{{{ns.CARBONS}}}sent": _read_carbon,
    RESULT_TAG: _read_result,
    f"{{{ns.OOB}}}x": read_oob,
    f"{{{ns.FILE_SHARING}}}file-sharing": read_sharing,
    f"{{{ns.FILE_SHARING}}}sources": read_sharing,
    f"{{{ns.SIMS}}}media-sharing": read_sharing,
    f"{{{ns.URL_DATA}}}url-data": read_sharing,
    f"{{{ns.REFERENCE}}}reference": read_reference,
    f"{{{ns.XHTML_IM}}}html": read_html,
    f"{{{ns.OMEMO_LEGACY}}}encrypted": read_omemo,
    f"{{{ns.OMEMO_1}}}encrypted": read_omemo,
    f"{{{ns.OMEMO_2}}}encrypted": read_omemo,
    f"{{{ns.OPENPGP}}}openpgp": read_encrypted,
    f"{{{ns.OPENPGP_LEGACY}}}x": read_encrypted,
    f"{{{ns.EME}}}encryption": read_announcement,
}


def read_message(stanza: Element) -> Draft:
    """Gather what the children of a ``<message/>`` say. A fault of ours in one of them costs that child alone."""
    to = stanza.get("to")
    from_ = stanza.get("from")
    # RFC 6120 §8.1.2.1: without "from" it is from our own account
    text = from_ or (to or "").partition("/")[0]
    draft = Draft(Address.received(text), text.partition("/")[0], to)
    if not from_ or draft.sender.domain == "":
        draft.odd(anomalies.ODD_SENDER)
    lang = stanza.get(ns.XML_LANG)
    if lang is not None:
        draft.lang = lang
    draft.groupchat = stanza.get("type") == "groupchat"
    stray = [stanza.text] if stanza.text else None
    for child in stanza:
        reader = READERS.get(child.tag)
        if reader is not None:
            try:
                reader(draft, child)
            except Exception:
                draft.odd(anomalies.UNREADABLE_CHILD)
        elif child.tag.endswith(FOREIGN):
            read_foreign(draft, child)
        if child.tail:
            if stray is None:
                stray = []
            stray.append(child.tail)
    if stray is not None:
        _keep_stray(draft, stray)
    return draft


def _keep_stray(draft: Draft, texts: list[str]) -> None:
    """Keep text outside of every child, but for layout."""
    shown = "\n".join(text.strip() for text in texts if not text.isspace())
    if shown:
        draft.stray = shown
        draft.odd(anomalies.STRAY_TEXT)
