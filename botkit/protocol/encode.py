"""Actions to elements."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, SubElement

from botkit.model.actions import (
    Invite,
    React,
    RetractOwn,
    SendMessage,
    SetAffiliation,
    SetRole,
    SetSubject,
)
from botkit.model.address import Address
from botkit.model.messages import MessageId, Reply
from botkit.protocol import namespaces as ns
from botkit.protocol.correction import build_replace
from botkit.protocol.fallback import build_fallback
from botkit.protocol.invitations import build_invite
from botkit.protocol.muc import build_affiliation, build_role
from botkit.protocol.oob import build_oob
from botkit.protocol.reactions import build_reactions
from botkit.protocol.replies import build_reply, quoted
from botkit.protocol.retraction import add_retraction
from botkit.protocol.stanza_ids import ORIGIN_ID_TAG
from botkit.protocol.text import clean

MessageAction = SendMessage | React | RetractOwn | SetSubject | Invite
_BODY: Final = f"{{{ns.CLIENT}}}body"


def message(action: MessageAction, *, message_id: MessageId) -> Element:
    """``<message/>`` for an action that is one, with ``message_id`` as its id and origin-id.

    Texts are made legal XML.
    """
    if isinstance(action, SendMessage):
        return _send(action, message_id)
    if isinstance(action, React):
        element = _message(action.to, action.groupchat, message_id)
        element.append(build_reactions(clean(action.target), action.reactions))
        SubElement(element, f"{{{ns.HINTS}}}store")  # XEP-0444 §6: without a body it would not be archived
        return element
    if isinstance(action, RetractOwn):
        element = _message(action.to, action.groupchat, message_id)
        add_retraction(element, clean(action.target))
        return element
    if isinstance(action, SetSubject):
        element = _message(action.room, True, message_id)
        SubElement(element, f"{{{ns.CLIENT}}}subject").text = clean(action.subject)
        return element
    element = Element(ns.MESSAGE, {"to": str(action.room), "id": message_id})
    element.append(build_invite(action.address, action.reason))
    return element


def _message(to: Address, groupchat: bool, message_id: MessageId) -> Element:
    message = Element(ns.MESSAGE, {"to": str(to), "type": "groupchat" if groupchat else "chat", "id": message_id})
    SubElement(message, ORIGIN_ID_TAG, {"id": message_id})
    return message


def _send(action: SendMessage, message_id: MessageId) -> Element:
    message = _message(action.to, action.groupchat, message_id)
    body = clean(action.body)
    if action.reply is not None:
        body = _add_reply(message, action.reply, action.quote, body)
    SubElement(message, _BODY).text = body
    if action.replaces is not None:
        message.append(build_replace(MessageId(clean(action.replaces))))
    if action.url is not None:
        message.append(build_oob(action.url))
    if action.unstyled:
        SubElement(message, f"{{{ns.STYLING}}}unstyled")
    if action.ephemeral:
        SubElement(message, f"{{{ns.HINTS}}}no-store")
    if action.private:  # XEP-0045 §7.5: tells it from a message to an account
        SubElement(message, f"{{{ns.MUC_USER}}}x")
    return message


def _add_reply(message: Element, reply: Reply, quote: str | None, body: str) -> str:
    """Add ``<reply/>``; the body with the quotation in front, whose range (code points, XEP-0426) is marked."""
    message.append(build_reply(Reply(clean(reply.target), reply.to)))
    if not quote:
        return body
    quotation = quoted(clean(quote))
    message.append(build_fallback(ns.REPLY, 0, len(quotation)))
    return quotation + body


def admin_payload(action: SetRole | SetAffiliation) -> Element:
    """The payload of the IQ-set to ``action.room``."""
    if isinstance(action, SetRole):
        return build_role(action.nick, action.role, action.reason)
    return build_affiliation(action.address, action.affiliation, action.reason)
