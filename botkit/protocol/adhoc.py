"""Ad-hoc commands, our side as the responder (XEP-0050)."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, SubElement

from botkit.errors import StanzaError
from botkit.model.forms import CommandAnswer, CommandRequest
from botkit.protocol.forms import build_form, find_form
from botkit.protocol.namespaces import COMMANDS, XML_LANG
from botkit.protocol.text import clean

COMMAND_TAG: Final = f"{{{COMMANDS}}}command"
ACTIONS: Final = frozenset({"execute", "next", "prev", "complete", "cancel"})


def parse_command(element: Element, lang: str | None = None) -> CommandRequest:
    """``<command/>`` of an IQ-set. ``lang``: xml:lang of the IQ, where the command has none.

    Raises ``StanzaError``: ``bad-request`` without a node, with ``malformed-action`` for an action that §4.4 does not
    know. A ``status`` in a request is ignored (§3.4), and a form of type cancel is one like a submit.
    """
    node = element.get("node")
    if not node:
        raise StanzaError.of("bad-request", "modify", "the command has no node")
    action = element.get("action") or "execute"
    if action not in ACTIONS:
        raise malformed_action(action)
    return CommandRequest(
        node=node,
        action=action,
        session=element.get("sessionid") or None,
        form=find_form(element),
        lang=element.get(XML_LANG) or lang,
    )


def build_answer(answer: CommandAnswer) -> Element:
    """``<command/>`` for the IQ result.

    §3.4: the default of "execute" is "next", so where that is no allowed action another one must be named.
    """
    element = Element(COMMAND_TAG, {"node": answer.node, "sessionid": answer.session, "status": answer.status})
    if answer.actions and answer.status == "executing":
        allowed = [action for action in ("prev", "next", "complete") if action in answer.actions]
        actions = SubElement(element, f"{{{COMMANDS}}}actions")
        if answer.default:
            actions.set("execute", answer.default)
        elif "next" not in allowed:
            actions.set("execute", "complete" if "complete" in allowed else allowed[0])
        for action in allowed:
            SubElement(actions, f"{{{COMMANDS}}}{action}")
    for note in answer.notes:
        SubElement(element, f"{{{COMMANDS}}}note", {"type": note.kind.value}).text = clean(note.text)
    if answer.form is not None:
        element.append(build_form(answer.form))
    return element


def _refusal(condition: str, kind: str, detail: str, text: str) -> StanzaError:
    return StanzaError.of(condition, kind, text, application=f"{{{COMMANDS}}}{detail}")


def malformed_action(action: str) -> StanzaError:
    """§4.4: "does not understand the specified action"."""
    return _refusal("bad-request", "modify", "malformed-action", f"there is no action {action[:64]!r}")


def bad_action(action: str) -> StanzaError:
    """§4.4: "cannot accept the specified action"."""
    return _refusal("bad-request", "modify", "bad-action", f"{action[:64]!r} is not possible at this point")


def bad_payload(text: str) -> StanzaError:
    """§4.4: "cannot accept the specified payload"; ``text`` says what is wrong with it."""
    return _refusal("bad-request", "modify", "bad-payload", text)


def bad_session() -> StanzaError:
    """§4.4: "cannot accept the specified sessionid"."""
    return _refusal("bad-request", "modify", "bad-sessionid", "this session is not yours, or there is none like it")


def session_expired() -> StanzaError:
    """§4.4: "the requested session ... has expired"."""
    return _refusal("not-allowed", "cancel", "session-expired", "this session has expired; start the command again")
