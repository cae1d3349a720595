"""What we send, and that our own decoding reads it back."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree.ElementTree import Element, fromstring, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.errors import MisuseError, NotSupported, StanzaError
from botkit.model.actions import Invite, React, RetractOwn, SendMessage, SetAffiliation, SetRole, SetSubject
from botkit.model.address import Address
from botkit.model.archive import ArchiveQuery
from botkit.model.events import InvitationReceived, ReactionsChanged, RoomMessage, SubjectChanged
from botkit.model.forms import CommandAnswer, Field, FieldKind, Form, Note, NoteKind, Option
from botkit.model.messages import ArchiveId, MessageId, Reply
from botkit.model.rooms import Affiliation, Role
from botkit.protocol import adhoc, encode, forms, mam, moderation, muc, stanza_errors
from botkit.protocol.decode import decode_stanza
from tests.unit.protocol.wire import NICK, NOW, ROOM, Rooms, element, fixture

ID = MessageId("our-1")


def reflected(action: encode.MessageAction, *, sender: str = NICK) -> object:
    """The message as the room hands it on, through text."""
    message = fromstring(tostring(encode.message(action, message_id=ID)))
    del message.attrib["to"]
    message.set("from", sender)
    return decode_stanza(message, received=NOW, known=Rooms())


def canonical(one: Element) -> object:
    """An element without its layout: tag, attributes, text, children."""
    return one.tag, dict(one.attrib), (one.text or "").strip(), [canonical(child) for child in one]


def test_a_message_carries_its_id_twice() -> None:
    event = reflected(SendMessage(to=ROOM, body="hello", groupchat=True))
    assert isinstance(event, RoomMessage)
    assert (event.body, event.message_id, event.origin_id) == ("hello", "our-1", "our-1")
    assert event.anomalies == ()


@given(st.text(), st.text())
def test_a_replys_quotation_is_cut_off_exactly(quote: str, body: str) -> None:
    action = SendMessage(to=ROOM, body=body, groupchat=True, reply=Reply("s1", Address.parse(NICK)), quote=quote)
    message = encode.message(action, message_id=ID)
    message.set("from", NICK)
    event = decode_stanza(message, received=NOW, known=Rooms())
    assert isinstance(event, RoomMessage)
    assert event.content.reply == Reply("s1", Address.parse(NICK))
    assert len(event.text) == len(body)  # what is illegal is replaced one for one
    assert event.anomalies == ()


@given(st.text())
def test_any_text_is_sent_as_legal_xml(text: str) -> None:
    message = encode.message(SendMessage(to=ROOM, body=text, groupchat=True, url=text), message_id=ID)
    fromstring(tostring(message))


def test_what_xml_forbids_is_replaced() -> None:
    event = reflected(SendMessage(to=ROOM, body="a\x00b\x1bc\ud800d\tend", groupchat=True))
    assert isinstance(event, RoomMessage)
    assert event.body == "a\ufffdb\ufffdc\ufffdd\tend"


def test_the_quotation_of_emoji_is_counted_in_code_points() -> None:
    action = SendMessage(to=ROOM, body="yes", groupchat=True, reply=Reply("s1"), quote="👩‍👩‍👧 ok?\nsecond")
    event = reflected(action)
    assert isinstance(event, RoomMessage)
    assert event.body == "> 👩‍👩‍👧 ok?\n> second\nyes"
    assert event.text == "yes"


def test_a_correction_a_link_and_the_hints_are_named() -> None:
    action = SendMessage(
        to=Address.parse(NICK), body="x", groupchat=False, replaces=MessageId("m0"), url="https://a.example/",
        ephemeral=True, unstyled=True, private=True,
    )  # fmt: skip
    message = encode.message(action, message_id=ID)
    assert message.get("type") == "chat"
    tags = {child.tag for child in message}
    assert tags >= {
        "{urn:xmpp:message-correct:0}replace",
        "{jabber:x:oob}x",
        "{urn:xmpp:hints}no-store",
        "{urn:xmpp:styling:0}unstyled",
        "{http://jabber.org/protocol/muc#user}x",
    }


def test_reactions_are_each_sent_once() -> None:
    event = reflected(React(to=ROOM, target="s1", reactions=("👍", "👍", "🎉"), groupchat=True))
    assert isinstance(event, ReactionsChanged)
    assert event.reactions == ("👍", "🎉")


def test_a_retraction_has_a_text_for_old_clients() -> None:
    event = reflected(RetractOwn(to=ROOM, target="s1", groupchat=True))
    assert isinstance(event, RoomMessage)
    assert event.content.only_fallback_for("urn:xmpp:message-retract:1")
    assert [e.target for e in event.also] == ["s1"]  # type: ignore[attr-defined]


def test_a_subject_has_no_body() -> None:
    event = reflected(SetSubject(room=ROOM, subject="news"))
    assert isinstance(event, SubjectChanged)
    assert event.subject == "news"


def test_an_invitation_goes_through_the_room() -> None:
    message = encode.message(Invite(room=ROOM, address=Address.parse("a@b"), reason="come"), message_id=ID)
    assert message.get("to") == str(ROOM)
    message.set("from", str(ROOM))
    event = decode_stanza(message, received=NOW)
    assert isinstance(event, InvitationReceived)
    assert event.reason == "come"


@pytest.mark.parametrize(("version", "name"), [(1, "request"), (0, "request-v0")])
def test_a_moderation_is_asked_for_as_printed(version: int, name: str) -> None:
    reason = "This message contains inappropriate content for this forum"
    payload = moderation.request(ArchiveId("stanza-id-1"), reason, version=version)
    assert canonical(payload) == canonical(fixture(f"xep0425/{name}")[0][0])


def test_there_are_two_versions_of_moderation() -> None:
    with pytest.raises(MisuseError, match="version 2"):
        moderation.request(ArchiveId("x"), version=2)


def test_a_kick_and_a_ban_are_sent_as_printed() -> None:
    kick = encode.admin_payload(SetRole(room=ROOM, nick="pistol", role=Role.NONE, reason="Avaunt, you cullion!"))
    assert canonical(kick) == canonical(fixture("xep0045/kick")[0][0])
    ban = encode.admin_payload(
        SetAffiliation(
            room=ROOM,
            address=Address.parse("earlofcambridge@shakespeare.lit/stabber"),
            affiliation=Affiliation.OUTCAST,
            reason="Treason",
        )
    )
    assert canonical(ban) == canonical(fixture("xep0045/ban")[0][0])


def test_a_list_of_the_banned_is_read() -> None:
    query = fixture("xep0045/ban-list")[0][0]
    assert muc.parse_affiliation_list(query) == (Address.parse("earlofcambridge@shakespeare.lit"),)
    assert muc.parse_admin_list(query)[0].reason == "Treason"
    assert muc.parse_affiliation_list(None) == ()


def test_joining_asks_for_no_history() -> None:
    presence = muc.join_presence(Address.parse(NICK), "secret")
    (x,) = presence
    history, password = x
    assert (history.get("maxchars"), password.text) == ("0", "secret")


def test_a_configuration_form_goes_back_complete() -> None:
    query = fixture("xep0045/configuration-form")[0][0]
    form = muc.parse_config(query)
    assert form is not None
    back = muc.parse_config(muc.build_config(Form(kind="submit", fields=form.fields)))
    assert back is not None
    assert back.values() == form.values()
    assert back.values()["FORM_TYPE"] == ("http://jabber.org/protocol/muc#roomconfig",)


def test_an_archive_is_asked_as_printed() -> None:
    query = ArchiveQuery(archive=None, start=datetime(2010, 8, 7, tzinfo=UTC), page_size=10)
    payload = mam.build_query(query, "q")
    assert payload.attrib.pop("queryid") == "q"
    assert canonical(payload) == canonical(fixture("xep0313/query")[0][0])


def test_an_archive_is_paged_after_an_id_or_from_its_end() -> None:
    after = mam.build_query(ArchiveQuery(archive=ROOM, after=ArchiveId("x")), "q")[-1]
    last = mam.build_query(ArchiveQuery(archive=ROOM, before=ArchiveId("")), "q")[-1]
    assert [(c.tag.rpartition("}")[2], c.text) for c in after] == [("max", "100"), ("after", "x")]
    assert [(c.tag.rpartition("}")[2], c.text) for c in last] == [("max", "100"), ("before", None)]


def test_the_end_of_a_page_is_read() -> None:
    assert mam.parse_fin(fixture("xep0313/page")[0]) == mam.Fin(
        False, ArchiveId("28482-98726-73623"), ArchiveId("09af3-cc343-b409f"), 20
    )
    assert mam.parse_fin(fixture("xep0313/last-page")[0]).complete
    assert mam.parse_page(None, ()).complete is False


def test_a_form_survives_the_way_there_and_back() -> None:
    form = Form(
        title="Ban",
        instructions=("who?",),
        fields=(
            Field(var="who", kind=FieldKind.JID_SINGLE, label="Who", required=True),
            Field(var="days", datatype="xs:integer", minimum="1", maximum="90", values=("7",)),
            Field(var="why", kind=FieldKind.LIST_SINGLE, options=(Option(value="a", label="A"), Option(value="b"))),
            Field(var="text", kind=FieldKind.TEXT_MULTI, values=("one", "two")),
        ),
        reported=(Field(var="nick"),),
        rows=({"nick": ("x",)},),
    )
    assert forms.parse_form(fromstring(tostring(forms.build_form(form)))) == form


def test_a_form_of_too_many_fields_is_cut() -> None:
    x = element("<x xmlns='jabber:x:data'>" + "<field var='a'><value>1</value></field>" * 1500 + "</x>")
    assert len(forms.parse_form(x).fields) == 1000


def test_a_value_of_several_lines_becomes_several_values() -> None:
    form = Form(fields=(Field(var="text", kind=FieldKind.TEXT_MULTI, values=("one\ntwo",)),))
    assert forms.parse_form(forms.build_form(form)).fields[0].values == ("one", "two")


def test_a_command_is_read_as_printed() -> None:
    request = adhoc.parse_command(fixture("xep0050/submit")[0][0])
    assert (request.node, request.session, request.action) == ("config", "config:20020923T213616Z-700", "execute")
    assert request.form is not None
    assert request.form.values() == {"service": ("httpd",)}


def test_an_answer_is_written_as_printed() -> None:
    printed = fixture("xep0050/stage")[0][0]
    answer = CommandAnswer(
        node="config",
        session="config:20020923T213616Z-700",
        status="executing",
        actions=("next",),
        default="next",
        form=Form(
            title="Configure Service",
            instructions=("Please select the service to configure.",),
            fields=(
                Field(
                    var="service",
                    label="Service",
                    kind=FieldKind.LIST_SINGLE,
                    options=tuple(Option(value=v) for v in ("httpd", "jabberd", "postgresql")),
                ),
            ),
        ),
    )
    assert canonical(adhoc.build_answer(answer)) == canonical(printed)


def test_an_answer_names_a_default_where_next_is_not_allowed() -> None:
    answer = CommandAnswer(
        node="n", session="s", status="executing", actions=("prev", "complete"), notes=(Note("no", NoteKind.ERROR),)
    )
    actions, note = adhoc.build_answer(answer)
    assert actions.get("execute") == "complete"
    assert (note.get("type"), note.text) == ("error", "no")


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("<command xmlns='http://jabber.org/protocol/commands'/>", None),
        ("<command xmlns='http://jabber.org/protocol/commands' node='x' action='jump'/>", "malformed-action"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused(text: str, detail: str | None) -> None:
    with pytest.raises(StanzaError) as refusal:
        adhoc.parse_command(element(text))
    assert (refusal.value.condition, refusal.value.kind) == ("bad-request", "modify")
    assert (refusal.value.application or "").endswith(detail or "")


@pytest.mark.parametrize(
    "error",
    [
        adhoc.session_expired(),
        adhoc.bad_session(),
        adhoc.bad_action("prev"),
        adhoc.bad_payload("no number"),
        StanzaError.of("service-unavailable", "cancel"),
    ],
    ids=lambda e: e.application or e.condition,
)
def test_an_error_survives_the_way_there_and_back(error: StanzaError) -> None:
    back = stanza_errors.parse_error(fromstring(tostring(stanza_errors.build_error(error))))
    assert type(back) is type(error)
    assert (back.condition, back.kind, back.text, back.application) == (
        error.condition,
        error.kind,
        error.text,
        error.application,
    )


def test_an_error_without_a_condition_is_one_all_the_same() -> None:
    error = stanza_errors.parse_error(element("<error type='odd'/>"))
    assert (error.condition, error.kind, error.retryable) == ("undefined-condition", "cancel", False)
    assert isinstance(stanza_errors.parse_error(element(
        "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    )), NotSupported)  # fmt: skip
