"""A scripted server at the level of bytes: its stream is cut at every byte, and the session resumed (XEP-0198 §5).

The stand-in keeps what it sent, takes the count of the bot for what arrived, and sends the rest again; so a count that
is off by one loses or doubles a stanza.
"""

from __future__ import annotations

import re

import pytest

from tests.unit.session.rig import Rig

_SM = "urn:xmpp:sm:3"
_EVENT = "<event xmlns='http://jabber.org/protocol/pubsub#event'>text</event>"
# Stanzas that are as they should be, that we or aioxmpp answer, refuse or cannot read, and nonzas between them.
_SCRIPT = (
    "<message from='a@b' id='{n}'><body>x</body></message>",
    f"<r xmlns='{_SM}'/>",
    "<presence from='a@b/c' id='{n}'><show>nonsense</show></presence>",
    "<message type='nonsense' from='@@@' id='{n}'><body/>text<body/></message>",
    "<iq type='get' from='a@b/c' id='{n}'><unknown xmlns='urn:x'/></iq>",
    f"<a xmlns='{_SM}' h='0'/>",
    f"<message from='a@b' id='{{n}}'>{_EVENT}</message>",
    "<iq type='set' from='a@b/c' id='{n}'><query xmlns='jabber:iq:roster'><item/></query></iq>",
    " \n",
    "<iq type='result' from='a@b/c' id='{n}'/>",
    "<iq type='error' from='@' id='{n}'><error type='x'/></iq>",
    "<iq/>",
    f"<r xmlns='{_SM}'/>",
    "<message id='{n}'><![CDATA[<a/>]]><result xmlns='urn:xmpp:mam:2'><x xmlns=''/></result></message>",
    "<presence type='subscribe' from='a@b' id='{n}'/>",
    "<message id='{n}'><body>\u20ac \U0001f600 &amp;</body></message>",
)
_PIECES = [piece.format(n=number).encode() for number, piece in enumerate(_SCRIPT)]
_STANZAS = [piece for piece in _PIECES if re.match(rb"<(message|presence|iq)\b", piece)]
_TAKEN = [re.search(rb"id='(\d+)'", piece)[1].decode() for piece in _STANZAS if not piece.startswith(b"<iq")]
_WHOLE = b"".join(_PIECES)


def whole_stanzas(data: bytes) -> int:
    """How many stanzas of the script are whole in its first bytes; told from the lengths alone."""
    end = count = 0
    for piece in _PIECES:
        end += len(piece)
        if end > len(data):
            break
        count += piece in _STANZAS
    return count


async def test_counts_are_exact_after_each_byte():
    rig = Rig().open()
    for at in range(len(_WHOLE)):
        rig.feed(_WHOLE[at : at + 1])
        assert rig.engine.queue.sm_inbound_ctr == whole_stanzas(_WHOLE[: at + 1]), at
    await rig.end()


async def test_every_byte_is_a_place_to_cut():
    for at in range(len(_WHOLE) + 1):
        rig = Rig().open()
        rig.feed(_WHOLE[:at])
        queue = rig.engine.queue
        counted = queue.sm_inbound_ctr
        assert counted == whole_stanzas(_WHOLE[:at]), at
        await rig.cut()
        assert queue.sm_inbound_ctr == counted
        rig.reconnect()
        for stanza in _STANZAS[counted:]:
            rig.feed(stanza)
        assert queue.sm_inbound_ctr == len(_STANZAS)
        assert [element.get("id") for element in rig.stanzas] == _TAKEN, at
        answered = [element.get("id") for element in rig.replies]
        assert len(answered) == len(set(answered))
        await rig.end()


@pytest.mark.parametrize("start", [0xFFFFFFFE, 0xFFFFFFFF, 0])
async def test_counts_of_what_came_wrap_at_2_to_the_32(start):
    # XEP-0198 §4: "the counter MUST be reset to zero" past 2^32-1.
    rig = Rig().open()
    rig.engine.queue._sm_inbound_ctr = start
    rig.feed("<message/><presence/><iq type='result' id='1' from='a@b'/>")
    expected = (start + 3) % 2**32
    assert rig.engine.queue.sm_inbound_ctr == expected
    rig.feed(f"<r xmlns='{_SM}'/>")
    assert rig.transport.written.endswith(f"<a xmlns='{_SM}' h='{expected}'/>".encode())
    await rig.end()


@pytest.mark.parametrize("base", [0xFFFFFFFC, 0xFFFFFFFD, 0xFFFFFFFF])
async def test_counts_of_what_was_sent_wrap_at_2_to_the_32(base):
    rig = Rig().open()
    queue = rig.engine.queue
    queue._sm_outbound_base = base
    await rig.send(5)
    assert queue.unacked == 5
    rig.feed(f"<a xmlns='{_SM}' h='{(base + 3) % 2**32}'/>")
    assert queue.unacked == 2
    assert rig.stream.is_open
    rig.feed(f"<a xmlns='{_SM}' h='{(base + 3) % 2**32}'/>")  # the same again acknowledges nothing more
    assert queue.unacked == 2
    await rig.cut()
    queue._resume_sm((base + 4) % 2**32)
    assert [token.stanza.id_ for token in queue._active_queue._data] == ["out-4"]
    assert queue.acked == 4
    await rig.end()


@pytest.mark.parametrize("acknowledged", range(6))
async def test_what_the_server_did_not_count_is_sent_again_in_order(acknowledged):
    rig = Rig().open()
    await rig.send(5)
    await rig.cut()
    rig.reconnect()
    queue = rig.engine.queue
    queue._resume_sm(acknowledged)
    assert [token.stanza.id_ for token in queue._active_queue._data] == [f"out-{n}" for n in range(acknowledged, 5)]
    await rig.end()
