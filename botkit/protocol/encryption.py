"""That a message is encrypted (XEP-0384, XEP-0373, XEP-0027, XEP-0380). We cannot read it, others in the room can."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element

from botkit.protocol.draft import Draft
from botkit.protocol.namespaces import OMEMO_1, OMEMO_2, OMEMO_LEGACY

_PAYLOADS: Final = tuple(f"{{{ns}}}payload" for ns in (OMEMO_LEGACY, OMEMO_1, OMEMO_2))


def read_omemo(draft: Draft, child: Element) -> None:
    """``<encrypted/>``; without a payload it carries keys alone, and clients show nothing (XEP-0384 §4.4)."""
    if any(part.tag in _PAYLOADS for part in child):
        draft.encrypted = True
    else:
        draft.keys_only = True


def read_encrypted(draft: Draft, child: Element) -> None:
    """``<openpgp/>`` and ``<x xmlns='jabber:x:encrypted'/>``."""
    draft.encrypted = True


def read_announcement(draft: Draft, child: Element) -> None:
    """``<encryption/>``: says that something in the stanza is encrypted, maybe in a way that we don't know."""
    draft.announced_encryption = True


def is_encrypted(draft: Draft) -> bool:
    """Whether somebody with the key would be shown more than we see."""
    return draft.encrypted or (draft.announced_encryption and not draft.keys_only)
