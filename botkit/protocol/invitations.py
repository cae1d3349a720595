"""Invitations: through the room (XEP-0045 §7.8.2) and direct (XEP-0249)."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from botkit.model import anomalies
from botkit.model.address import Address
from botkit.model.events import InvitationReceived
from botkit.model.messages import Attachment
from botkit.protocol.draft import Draft
from botkit.protocol.muc_user import INVITE
from botkit.protocol.namespaces import MUC_USER
from botkit.protocol.text import child_text, clean

_REASON: Final = f"{{{MUC_USER}}}reason"
_PASSWORD: Final = f"{{{MUC_USER}}}password"


def read_conference(draft: Draft, child: Element) -> None:
    """``<x xmlns='jabber:x:conference'/>``: kept until it is known what it stands in.

    To a whole room it invites nobody in particular (XEP-0249 §2), but is shown: a link.
    """
    draft.add("conferences", child)
    jid, reason = child.get("jid"), child.get("reason")
    if draft.groupchat and (jid or reason):
        draft.add("attachments", Attachment(f"xmpp:{jid}?join" if jid else "", reason))


def direct_invitation(draft: Draft, at: datetime) -> InvitationReceived | None:
    """The first direct invitation that names a room."""
    for child in draft.conferences:
        jid = child.get("jid")
        if not jid:
            draft.odd(anomalies.MALFORMED_INVITATION)
            continue
        return InvitationReceived(
            at=at,
            room=Address.received(jid).bare,
            inviter=draft.sender,
            mediated=False,
            reason=child.get("reason"),
            password=child.get("password"),
        )
    return None


def mediated_invitation(draft: Draft, at: datetime) -> InvitationReceived | None:
    """An ``<invite/>`` that the room passes on: the sender is the room, and the inviter is what it says."""
    for x in draft.muc_users:
        for child in x:
            if child.tag == INVITE:
                inviter = child.get("from")
                return InvitationReceived(
                    at=at,
                    room=draft.sender,
                    inviter=Address.received(inviter) if inviter else None,
                    mediated=True,
                    reason=child_text(child, _REASON),
                    password=child_text(x, _PASSWORD),
                )
    return None


def build_invite(address: Address, reason: str | None) -> Element:
    """The ``muc#user`` child of a message to the room, which passes the invitation on."""
    x = Element(f"{{{MUC_USER}}}x")
    invite = SubElement(x, INVITE, {"to": str(address)})
    if reason:
        SubElement(invite, _REASON).text = clean(reason)
    return x
