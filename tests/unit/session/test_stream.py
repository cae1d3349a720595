"""The stream between the transport and aioxmpp: what is ours, what is replayed, what ends it."""

from __future__ import annotations

import asyncio
from xml.etree.ElementTree import Element

import aioxmpp
import pytest
from aioxmpp import errors as xmpp_errors
from aioxmpp import nonza

from botkit.session.outgoing import MESSAGE, RawStanza
from botkit.session.parser import StreamLimits
from tests.unit.session.rig import HEADER, Rig

EVENT = "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='n'/></event>"


@pytest.fixture
async def rig():
    made: list[Rig] = []

    def make(limits: StreamLimits | None = None) -> Rig:
        made.append(Rig(limits))
        return made[-1]

    yield make
    for each in made:
        await each.end()


async def test_messages_and_presences_come_out_as_elements_in_order(rig):
    it = rig().open()
    it.feed("<message from='a@b'><delay xmlns='urn:xmpp:delay'/><body>1</body></message><presence from='a@b/c'/>")
    it.feed("<message type='nonsense' from='@@@'><body/>2<body/></message>")
    assert [element.tag.rpartition("}")[2] for element in it.stanzas] == ["message", "presence", "message"]


async def test_every_stanza_is_counted_and_nothing_else_is(rig):
    it = rig().open()
    it.feed(
        "<message/><presence/><iq type='result' id='x'/><iq type='get' id='1'><q xmlns='u'/></iq>"
        "<iq/><iq type='get'/><message type='nonsense'/> \n <r xmlns='urn:xmpp:sm:3'/>"
    )
    assert it.engine.queue.sm_inbound_ctr == 7
    assert it.transport.written == b"<a xmlns='urn:xmpp:sm:3' h='7'/>"


async def test_requests_for_acknowledgement_in_quick_succession_get_one_answer_within_its_time(rig):
    it = rig().open()
    request = "<r xmlns='urn:xmpp:sm:3'/>"
    it.feed("<message/>" + request)
    first = it.transport.written
    for _ in range(5):
        it.feed("<message/>" + request)
    assert it.transport.written == first
    async with asyncio.timeout(2):
        while it.transport.written == first:  # noqa: ASYNC110  the transport has no signal
            await asyncio.sleep(0.01)
    assert it.transport.written == first + b"<a xmlns='urn:xmpp:sm:3' h='6'/>"


async def test_acknowledgement_of_many_stanzas_does_not_wait(rig):
    it = rig().open()
    it.feed("<message/><r xmlns='urn:xmpp:sm:3'/>" + "<message/>" * 100 + "<r xmlns='urn:xmpp:sm:3'/>")
    assert it.transport.written.endswith(b"h='1'/><a xmlns='urn:xmpp:sm:3' h='101'/>")


async def test_counter_wraps_as_the_rfc_says(rig):
    it = rig().open()
    it.engine.queue._sm_inbound_ctr = 0xFFFFFFFF
    it.feed("<message/>")
    assert it.engine.queue.sm_inbound_ctr == 0


async def test_message_with_a_pubsub_event_is_replayed_and_counted_once(rig):
    it = rig().open()
    seen: list[object] = []
    it.engine.stream.on_message_received.connect(lambda message: seen.append(message) and None)
    it.feed(f"<message from='a@b'>{EVENT}</message><message from='a@b'><body>x</body></message>")
    assert len(seen) == 1
    assert len(it.stanzas) == 2
    assert it.engine.queue.sm_inbound_ctr == 2


@pytest.mark.parametrize(
    "stanza",
    [
        "<iq type='get' id='1' from='@@@'><query xmlns='jabber:iq:roster'/></iq>",
        "<iq type='get' id='1' from='a@b'><query xmlns='jabber:iq:roster'><item/></query></iq>",
        "<iq type='get' id='1' from='a@b'>text<query xmlns='jabber:iq:roster'/></iq>",
        "<iq type='get' id='1' from='a@b'><pubsub xmlns='http://jabber.org/protocol/pubsub'>text</pubsub></iq>",
        "<iq type='set' id='1' from='a@b'><block xmlns='urn:xmpp:blocking'><item jid='@'/></block></iq>",
        "<iq type='result' id='1' from='a@b'><query xmlns='jabber:iq:roster'><item/></query></iq>",
        "<iq type='error' id='1' from='a@b'><error type='x'/></iq>",
        "<iq type='error' id='1' from='a@b'/>",
        f"<message type='x' from='@'>text{EVENT}</message>",
        f"<message from='a@b'>{EVENT}{EVENT}<event xmlns='http://jabber.org/protocol/pubsub#event'>x</event></message>",
    ],
)
async def test_no_stanza_of_a_stranger_ends_the_stream(rig, stanza):
    it = rig().open()
    it.feed(stanza + "<message/>")
    assert it.stream.is_open
    assert it.stanzas[-1].tag == MESSAGE
    assert it.engine.queue.sm_inbound_ctr == 2


@pytest.mark.parametrize(
    ("data", "condition"),
    [
        ("<message><!-- x --></message>", "restricted-xml"),
        ("<?x y?>", "restricted-xml"),
        ("<message>&x;</message>", "restricted-xml"),
        ("</message>", "not-well-formed"),
        ("<message><body>" + "x" * 6000, "policy-violation"),
        ("<a>" * 30, "policy-violation"),
        ("<nonsense xmlns='u'/>", "unsupported-stanza-type"),
        ("<a xmlns='urn:xmpp:sm:3' h='7'/>", "undefined-condition"),
        (HEADER.partition(b"?>")[2] + b"<message/>", "unsupported-stanza-type"),
    ],
)
async def test_forbidden_input_ends_the_stream_with_the_right_error(rig, data, condition):
    it = rig(StreamLimits(stanza_bytes=1000, depth=20)).open()
    it.feed("<message/>")
    it.feed(data)
    assert condition.encode() in it.transport.written
    assert it.transport.written.endswith(b"</stream:stream>")
    assert it.transport.closed
    assert isinstance(it.stream.fault, xmpp_errors.StreamError)
    assert it.stream.violation is not None
    assert len(it.stanzas) == 1


async def test_offending_stanza_is_acknowledged_so_that_it_does_not_come_again(rig):
    it = rig(StreamLimits(stanza_bytes=1000)).open()
    it.feed("<message/><message><body>" + "x" * 6000)
    assert it.transport.written.startswith(b"<a xmlns='urn:xmpp:sm:3' h='2'/>")


async def test_impossible_acknowledgement_ends_the_stream(rig):
    it = rig().open()
    it.feed("<a xmlns='urn:xmpp:sm:3' h='nonsense'/><a xmlns='urn:xmpp:sm:3'/>")
    assert it.stream.is_open
    it.feed("<a xmlns='urn:xmpp:sm:3' h='1'/>")
    assert b"handled-count-too-high" in it.transport.written


async def test_stanza_before_login_ends_the_stream(rig):
    it = rig()
    it.feed(HEADER + b"<message/>")
    assert b"not-authorized" in it.transport.written
    assert not it.stanzas


async def test_what_follows_the_go_ahead_for_tls_in_clear_text_ends_the_stream(rig):
    it = rig()
    it.stream.stanza_parser.add_class(nonza.StartTLSProceed, lambda _: None)
    it.feed(HEADER + b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><stream:features/>")
    assert b"policy-violation" in it.transport.written


async def test_features_reach_the_engine(rig):
    it = rig()
    features = it.stream.features_future()
    it.feed(HEADER + b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>")
    assert (await features)[nonza.StartTLSFeature] is not None


async def test_error_of_the_server_is_kept_with_the_other_host(rig):
    it = rig().open()
    it.feed(
        "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>other.example:5333"
        "</see-other-host></stream:error></stream:stream>"
    )
    assert it.stream.other_host == "other.example:5333"
    assert it.stream.fault.condition == xmpp_errors.StreamErrorCondition.SEE_OTHER_HOST


async def test_broken_header_ends_the_stream(rig):
    it = rig()
    it.feed(b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams' from='@' id='1' version='1.0'>")
    assert it.transport.closed


async def test_our_stanzas_are_written_as_they_are(rig):
    it = rig().open()
    raw = RawStanza(Element(MESSAGE, {"id": "1"}))
    it.stream.send_xso(raw)
    it.stream.send_xso(aioxmpp.Message(type_=aioxmpp.MessageType.CHAT))
    assert it.transport.written.startswith(raw.data)
    assert b'type="chat"' in it.transport.written


async def test_writing_to_a_stream_that_is_gone_is_an_error(rig):
    it = rig().open()
    it.stream.connection_lost(ConnectionResetError("cut"))
    with pytest.raises(ConnectionError):
        it.stream.send_xso(RawStanza(Element(MESSAGE)))
    assert it.stream.closed.done()


async def test_unacknowledged_stanzas_are_sent_again_in_their_order(rig):
    it = rig().open()
    for number in range(5):
        it.engine.queue._enqueue(RawStanza(Element(MESSAGE, {"id": str(number)})))
    for _ in range(100):
        await asyncio.sleep(0)
    assert it.engine.queue.unacked == 5
    it.feed("<a xmlns='urn:xmpp:sm:3' h='1'/>")
    queue = it.engine.queue
    queue._enqueue(RawStanza(Element(MESSAGE, {"id": "5"})))
    queue._resume_sm(2)
    assert [token.stanza.id_ for token in queue._active_queue._data] == ["2", "3", "4", "5"]
    assert queue.acked == 2


async def test_stanza_taken_up_after_the_loss_is_kept_for_the_resumption(rig):
    it = rig().open()
    it.stream.close()
    queue = it.engine.queue
    token = queue._enqueue(RawStanza(Element(MESSAGE, {"id": "1"})))
    queue._send_stanza(it.stream, token)
    assert queue._sm_unacked_list == [token]


async def test_end_of_the_stream_does_not_raise_into_the_queue(rig):
    # aioxmpp would queue the stanza in hand a second time, and a resumption would send it twice.
    it = rig().open()
    queue = it.engine.queue
    queue._enqueue(RawStanza(Element(MESSAGE, {"id": "1"})))
    token = queue._active_queue.get_nowait()
    it.stream.close()
    queue._process_outgoing(it.stream, token)
    assert queue._sm_unacked_list == [token]
    assert queue.waiting == 0


async def test_reading_is_paused_without_counting_silence(rig):
    it = rig().open()
    limits = (it.stream.deadtime_soft_limit, it.stream.deadtime_hard_limit)
    it.stream.pause_reading()
    it.stream.pause_reading()
    assert not it.transport.reading
    assert it.stream.deadtime_hard_limit is None
    it.stream.resume_reading()
    assert it.transport.reading
    assert (it.stream.deadtime_soft_limit, it.stream.deadtime_hard_limit) == limits


async def test_receiver_that_raises_is_logged_and_the_rest_comes(rig, caplog):
    it = rig().open()

    def bad(element: Element) -> None:
        it.stanzas.append(element)
        raise RuntimeError("bug")

    it.inbound._on_stanza = bad
    it.feed("<message/><message/>")
    assert len(it.stanzas) == 2
    assert it.stream.is_open
    assert caplog.text.count("RuntimeError: bug") == 2
