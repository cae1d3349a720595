"""Targets: forms, archives, ad-hoc calls and the like as they come; and all that we send, read back."""

from __future__ import annotations

import contextlib
import random
from typing import Final
from xml.etree.ElementTree import Element

from botkit.errors import StanzaError
from botkit.model.actions import Invite, React, RetractOwn, SendMessage, SetAffiliation, SetRole, SetSubject
from botkit.model.address import Address
from botkit.model.events import MessageRetracted, ReactionsChanged, RoomMessage, SubjectChanged
from botkit.model.forms import CommandAnswer, Form
from botkit.model.messages import ArchiveId, MessageId, Reply
from botkit.model.rooms import Affiliation, Role
from botkit.protocol import adhoc, disco, encode, entity_time, forms, mam, moderation, muc, stanza_errors, upload
from botkit.protocol.decode import decode_stanza
from botkit.protocol.text import clean
from botkit.services import adhoc_forms
from botkit.session.outgoing import serialise
from botkit.session.requests import error_of
from tests.fuzz import mutate, seeds
from tests.fuzz.on_wire import HEADER, elements, read
from tests.fuzz.target import Target
from tests.unit.protocol.wire import NICK, NOW, ROOM, Rooms


def _inside(data: bytes, tag: str) -> list[Element]:
    return [element for stanza in elements(data) for element in stanza.iter() if element.tag == tag]


def on_the_wire(element: Element) -> Element:
    """``element`` as it arrives after we sent it: written by our serialiser, read by our parser."""
    items, condition = read((HEADER, serialise(element)))
    assert condition is None, f"what we send ends a stream: {condition}"
    assert len(items) == 2, "what we send is not one element"
    arrived = items[1]
    assert isinstance(arrived, Element)
    return arrived


_LONGEST: Final = 40_000  # of one text: what we send has to stay below what we take

# --- forms --------------------------------------------------------------------------------------------------------


def run_forms(data: bytes) -> None:
    """A form that was read can be sent, and is read again as the same."""
    for x in _inside(data, forms.FORM_TAG):
        form = forms.parse_form(x)
        assert form == forms.parse_form(x), "another form"
        form.values()
        sent = forms.parse_form(on_the_wire(forms.build_form(form)))
        assert sent == forms.parse_form(on_the_wire(forms.build_form(sent))), "a form changes with each sending"
        if form.kind != "cancel":
            assert [f.var for f in sent.fields] == [clean(f.var) for f in form.fields], "a field is lost"
        adhoc_forms.filled_again(form, sent)
        adhoc_forms.chosen(form, "room")


# --- what answers our requests, and what is asked of us ---------------------------------------------------------------


def run_payloads(data: bytes) -> None:
    """Every reader of a payload bears every element."""
    for stanza in elements(data):
        error_of(stanza)
        for element in (stanza, *stanza.iter()):
            disco.parse_info(element)
            disco.parse_items(element)
            muc.parse_affiliation_list(element)
            muc.parse_config(element)
            entity_time.parse_offset(element)
            slot = upload.parse_slot(element)
            assert slot is None or slot.put.lower().startswith("https://"), "a file would go out in the clear"
            again = stanza_errors.parse_error(element)
            stanza_errors.build_error(again)


def run_archive(data: bytes) -> None:
    """Results and the ends of pages."""
    for stanza in elements(data):
        for element in stanza.iter():
            if element.tag == mam.RESULT_TAG:
                found = mam.parse_result(element)
                assert (found is None) == (not element.get("id")), "a row of an archive is lost"
            fin = mam.parse_fin(element)
            assert fin.count is None or fin.count >= 0, "less than nothing"
            assert not fin.complete or element.get("complete") or any(c.get("complete") for c in element), (
                "said by nobody"
            )


def run_adhoc(data: bytes) -> None:
    """A call is understood or refused with an error that can be sent."""
    for command in _inside(data, adhoc.COMMAND_TAG):
        try:
            request = adhoc.parse_command(command)
        except StanzaError as refusal:
            on_the_wire(stanza_errors.build_error(refusal))
            continue
        assert request.node
        assert request.action in adhoc.ACTIONS
        answer = CommandAnswer(
            node=request.node,
            session=request.session or "1",
            status="completed",
            form=request.form or Form(kind="result"),
        )
        on_the_wire(adhoc.build_answer(answer))


# --- what we send ---------------------------------------------------------------------------------------------------


def run_sending(data: bytes) -> None:
    """Whatever texts an action has, it is one legal stanza, and says to another botkit what was meant."""
    parts = [part.decode("utf-8", "surrogatepass")[:_LONGEST] for part in _pieces(data)]
    one, two, three, four = parts
    id_ = MessageId(clean(four[:80]) or "m")
    reply = Reply(two, Address.received(clean(three[:80]))) if two else None  # addresses come from the wire
    say = SendMessage(
        to=ROOM, body=one, groupchat=True, reply=reply, quote=three or None, url=four if clean(four).strip() else None
    )
    event = _echo(say, id_)
    assert isinstance(event, RoomMessage)
    assert event.text == clean(one) or (not event.content.fallbacks and event.body.endswith(clean(one))), "another text"
    assert not event.anomalies, f"what we send is odd: {event.anomalies}"
    assert (event.content.reply is None) == (reply is None), "the reply is lost"
    subject = _echo(SetSubject(room=ROOM, subject=one), id_)
    assert isinstance(subject, SubjectChanged) and subject.subject == clean(one), "another subject"
    if one:
        reacted = _echo(React(to=ROOM, target=one, reactions=(two, three), groupchat=True), id_)
        assert isinstance(reacted, ReactionsChanged) and reacted.target == clean(one), "another target"
        retracted = _echo(RetractOwn(to=ROOM, target=one, groupchat=True), id_)
        assert isinstance(retracted, RoomMessage) and any(
            isinstance(also, MessageRetracted) and also.target == clean(one) for also in retracted.also
        ), "the retraction is lost"
    address = Address.received(clean(two))
    on_the_wire(encode.message(Invite(room=ROOM, address=address, reason=one), message_id=id_))
    on_the_wire(encode.admin_payload(SetRole(room=ROOM, nick=one, role=Role.NONE, reason=two)))
    on_the_wire(
        encode.admin_payload(SetAffiliation(room=ROOM, address=address, affiliation=Affiliation.OUTCAST, reason=one))
    )
    for version in (0, 1):
        on_the_wire(moderation.request(ArchiveId(clean(one)), two, version=version))
    for presence in (muc.join_presence(address, one), muc.leave_presence(address, two), muc.nick_presence(address)):
        on_the_wire(presence)


def _echo(action: encode.MessageAction, id_: MessageId) -> object:
    element = encode.message(action, message_id=id_)
    element.set("from", NICK)  # a room sends it back to everybody
    return decode_stanza(on_the_wire(element), received=NOW, known=Rooms())


def _pieces(data: bytes) -> list[bytes]:
    parts = data.split(b"|", 3)
    texts = [part.decode("utf-8", "replace").encode("utf-8", "surrogatepass") for part in parts]
    with contextlib.suppress(UnicodeDecodeError):
        texts = [part.decode("utf-8", "surrogatepass").encode("utf-8", "surrogatepass") for part in parts]
    return (texts + [b""] * 4)[:4]


def _texts_to_send() -> list[bytes]:
    return [
        b"hello", b"soup|s1|> what is for lunch?\nsoup|https://files.example/a?b=c&d",
        "e\u0301|ann@home.example|\u202eabc|ü".encode(), b"\x00\x01|\r\n|\t\x0b|]]>",
        b"a\xed\xa0\x80b|<x/>|&amp;|'\"", b"/me waves||| ", "🎂|👍🏽|\u2028|\ufffe".encode(),
    ]  # fmt: skip


def _mutate_sent(data: bytes, rng: random.Random) -> bytes:
    changed = mutate.text(data, rng)
    return changed if rng.random() < 0.8 else changed.replace(b" ", b"|", 1)


def _form_seeds() -> list[bytes]:
    return seeds.of("field", "x")


def _archive_seeds() -> list[bytes]:
    return seeds.of("result", "fin")


def _adhoc_seeds() -> list[bytes]:
    return seeds.of("command")


def _payload_seeds() -> list[bytes]:
    return seeds.of("query", "iq", "error", "fin")


TARGETS: Final = (
    Target("forms", "data forms, and back", run_forms, _form_seeds, mutate.xml(_form_seeds)),
    Target(
        "payloads", "disco, lists, configurations, errors", run_payloads, _payload_seeds, mutate.xml(_payload_seeds)
    ),
    Target("archive", "archive results and pages", run_archive, _archive_seeds, mutate.xml(_archive_seeds)),
    Target("adhoc", "ad-hoc calls, and their answers", run_adhoc, _adhoc_seeds, mutate.xml(_adhoc_seeds)),
    Target("sending", "actions to stanzas, read back", run_sending, _texts_to_send, _mutate_sent),
)
