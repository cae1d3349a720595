"""Unique and stable stanza ids (XEP-0359)."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element

from botkit.model import anomalies
from botkit.model.messages import ArchiveId
from botkit.model.rooms import MAM_2, STANZA_ID_0
from botkit.protocol.draft import Draft
from botkit.protocol.namespaces import STANZA_ID

STANZA_ID_TAG: Final = f"{{{STANZA_ID}}}stanza-id"
ORIGIN_ID_TAG: Final = f"{{{STANZA_ID}}}origin-id"


def read_stanza_id(draft: Draft, child: Element) -> None:
    """``<stanza-id/>``: kept if the sender's bare JID assigned it (§5: any other ``by`` may be a spoof)."""
    by = child.get("by")
    if by != draft.sender_bare and not draft.said_by_sender(by):
        if draft.groupchat:
            draft.odd(anomalies.FORGED_STANZA_ID)
        return
    draft.stanza_id_count += 1
    value = child.get("id")
    if value:
        draft.own_stanza_id = value  # type: ignore[assignment]  # an ArchiveId; a NewType costs a call
    else:
        draft.odd(anomalies.MALFORMED_STANZA_ID)


def read_origin_id(draft: Draft, child: Element) -> None:
    """``<origin-id/>``: a claim of the sender; the first one counts."""
    value = child.get("id")
    if not value:
        draft.odd(anomalies.MALFORMED_ORIGIN_ID)
    elif draft.origin_id is not None:
        draft.odd(anomalies.DOUBLED_ORIGIN_ID)
    else:
        draft.origin_id = value


def archive_id(draft: Draft, features: frozenset[str] | None) -> ArchiveId | None:
    """The id that the room gave the message, or None.

    §5: only where the room offers it, and never where one ``by`` occurs twice. ``features`` None (not a room of ours):
    the claim is kept.
    """
    if draft.stanza_id_count == 0:
        return None
    if draft.stanza_id_count > 1:
        draft.odd(anomalies.DOUBLED_STANZA_ID)
        return None
    if features is not None and STANZA_ID_0 not in features and MAM_2 not in features:
        draft.odd(anomalies.UNOFFERED_STANZA_ID)
        return None
    return draft.own_stanza_id
