"""The table of tricks: what hides a text from bots while people are shown it. Unit tests and a real server use it.

``SPAM`` stands for the text that must be seen, ``ROOM`` for the room, ``NICK`` for the spammer's occupant JID.
"""

from __future__ import annotations

from dataclasses import dataclass

BODY = "<body>SPAM</body>"
_USER = "http://jabber.org/protocol/muc#user"
_FALLBACK = "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>{}</fallback>"
_DELAY = "<delay xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:00Z'{}/>"
_REACT = "<reactions xmlns='urn:xmpp:reactions:0' id='s1'>{}</reactions>"
_FORWARDED = (
    "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' type='groupchat' from='ROOM/owner'>"
    "<body>SPAM</body></message></forwarded>"
)
_FILE = (
    "<file-sharing xmlns='urn:xmpp:sfs:0' disposition='inline'><file xmlns='urn:xmpp:file:metadata:0'>{}</file>"
    "<sources><url-data xmlns='http://jabber.org/protocol/url-data' target='{}'/></sources></file-sharing>"
)
_SIMS = (
    "<media-sharing xmlns='urn:xmpp:sims:1'><file xmlns='urn:xmpp:jingle:apps:file-transfer:5'><desc>SPAM</desc>"
    "</file><sources><reference xmlns='urn:xmpp:reference:0' type='data' uri='https://a.example/x'/></sources>"
    "</media-sharing>"
)
_XHTML = "<html xmlns='http://jabber.org/protocol/xhtml-im'>{}</html>"
_XHTML_BODY = _XHTML.format("<body xmlns='http://www.w3.org/1999/xhtml'>{}</body>")
_RDF = (
    "<rdf:Description xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:og='https://ogp.me/ns#' "
    "rdf:about='{}'>{}</rdf:Description>"
)


@dataclass(frozen=True)
class Trick:
    """One message of a room: ``xml`` is all of its children. ``odd`` is the anomaly that must be named, if any.

    ``stripped``: Prosody 0.12.3 and 13.0 take away what is odd, so that over them it is not named. ``live``: it works
    for live messages alone.
    """

    name: str
    xml: str
    odd: str | None = None
    stripped: bool = False
    live: bool = False


def _beside(name: str, child: str, odd: str | None = None, **more: object) -> Trick:
    return Trick(name, child + BODY, odd, **more)  # type: ignore[arg-type]


_DELAYS = [
    _beside("delay of the sender", _DELAY.format(""), "forged-delay"),
    _beside("delay in another's name", _DELAY.format(" from='evil.example'"), "forged-delay"),
    _beside("delay in the occupant's name", _DELAY.format(" from='NICK'"), "forged-delay"),
    _beside("delay in the room's name", _DELAY.format(" from='ROOM'"), "forged-delay", stripped=True, live=True),
    _beside("delay without a stamp", "<delay xmlns='urn:xmpp:delay'/>", "malformed-delay"),
    _beside("delay with a stamp that is none", "<delay xmlns='urn:xmpp:delay' stamp='soon'/>", "malformed-delay"),
    _beside("delay in the future", "<delay xmlns='urn:xmpp:delay' stamp='9999-12-31T23:59:59Z'/>", "forged-delay"),
    _beside("delay before all time", "<delay xmlns='urn:xmpp:delay' stamp='0001-01-01T00:00:00+23:59'/>",
            "malformed-delay"),
    _beside("two delays", _DELAY.format("") * 2, "forged-delay"),
    _beside("delay from what is no address", "<delay xmlns='urn:xmpp:delay' from='@/' stamp='x'/>", "malformed-delay"),
    _beside("legacy delay", "<x xmlns='jabber:x:delay' stamp='20020910T23:08:25'/>", "forged-delay"),
    _beside("empty legacy delay", "<x xmlns='jabber:x:delay'/>", "forged-delay"),
]  # fmt: skip

_CORRECTIONS = [
    _beside("correction of nothing", "<replace xmlns='urn:xmpp:message-correct:0'/>", "malformed-correction"),
    _beside("correction of an empty id", "<replace xmlns='urn:xmpp:message-correct:0' id=''/>", "malformed-correction"),
    _beside("two corrections", "<replace xmlns='urn:xmpp:message-correct:0' id='a'/>"
            "<replace xmlns='urn:xmpp:message-correct:0' id='b'/>", "doubled-correction"),
    _beside("correction of somebody else's message", "<replace xmlns='urn:xmpp:message-correct:0' id='owner-1'/>"),
    _beside("correction of a private message", "<replace xmlns='urn:xmpp:message-correct:0' id='pm-1'/>"),
    _beside("correction of itself", "<replace xmlns='urn:xmpp:message-correct:0' id='itself'/>"),
    _beside("correction in a foreign namespace", "<replace xmlns='urn:x' id='a'/>"),
]  # fmt: skip

_ROOM_CLAIMS = [
    _beside("item of the sender's own", f"<x xmlns='{_USER}'><item affiliation='owner' role='moderator'/></x>",
            "forged-muc-user"),
    _beside("role and affiliation that do not exist", f"<x xmlns='{_USER}'><item affiliation='king' role='q'/></x>",
            "forged-muc-user"),
    _beside("status code that is no number", f"<x xmlns='{_USER}'><status code='nine'/></x>", "forged-muc-user"),
    _beside("status code of an endless number", f"<x xmlns='{_USER}'><status code='{'9' * 5000}'/></x>",
            "forged-muc-user"),
    _beside("status code of oneself", f"<x xmlns='{_USER}'><status code='110'/></x>", "forged-muc-user"),
    _beside("status code of a kick", f"<x xmlns='{_USER}'><status code='307'/></x>", "forged-muc-user"),
    _beside("status code of a new configuration", f"<x xmlns='{_USER}'><status code='104'/></x>", "forged-muc-user"),
    _beside("destroyed room", f"<x xmlns='{_USER}'><destroy jid='evil@evil.example'/></x>", "forged-muc-user"),
    _beside("several x of one kind", f"<x xmlns='{_USER}'/><x xmlns='{_USER}'><status code='110'/></x>",
            "forged-muc-user"),
    _beside("empty x of the room", f"<x xmlns='{_USER}'/>"),
    _beside("x of joining", "<x xmlns='http://jabber.org/protocol/muc'/>"),
    _beside("invitation through the room", f"<x xmlns='{_USER}'><invite from='a@b.example'/></x>", "forged-invitation"),
    Trick("reason of an invitation through the room",
          f"<x xmlns='{_USER}'><invite from='a@b.example'><reason>SPAM</reason></invite></x>", "forged-invitation"),
    Trick("reason of a declined invitation", f"<x xmlns='{_USER}'><decline from='a@b.example'><reason>SPAM</reason>"
          "</decline></x>", "forged-muc-user"),
    _beside("direct invitation", "<x xmlns='jabber:x:conference' jid='evil@rooms.example'/>", "forged-invitation"),
    _beside("direct invitation to nowhere", "<x xmlns='jabber:x:conference'/>", "forged-invitation"),
    Trick("reason of a direct invitation", "<x xmlns='jabber:x:conference' jid='evil@rooms.example' reason='SPAM'/>",
          "forged-invitation"),
    Trick("room of a direct invitation", "<x xmlns='jabber:x:conference' jid='SPAM@rooms.example'/>",
          "forged-invitation"),
    _beside("moderation of version 0", "<apply-to xmlns='urn:xmpp:fasten:0' id='s1'><moderated "
            "xmlns='urn:xmpp:message-moderate:0' by='ROOM/owner'><retract xmlns='urn:xmpp:message-retract:0'/>"
            "</moderated></apply-to>", "forged-moderation"),
    _beside("moderation of version 1", "<retract xmlns='urn:xmpp:message-retract:1' id='s1'><moderated "
            "xmlns='urn:xmpp:message-moderate:1' by='ROOM/owner'/></retract>", "forged-moderation"),
    Trick("reason of a forged moderation", "<retract xmlns='urn:xmpp:message-retract:1' id='s1'><moderated "
          "xmlns='urn:xmpp:message-moderate:1'/><reason>SPAM</reason></retract>", "forged-moderation"),
    _beside("moderation of nothing", "<retract xmlns='urn:xmpp:message-retract:1'><moderated "
            "xmlns='urn:xmpp:message-moderate:1'/></retract>", "malformed-moderation"),
    _beside("tombstone of a retraction", "<retracted xmlns='urn:xmpp:message-retract:1' id='x' "
            "stamp='2020-01-01T00:00:00Z'/>", "forged-tombstone"),
    _beside("tombstone of a moderation", "<moderated xmlns='urn:xmpp:message-moderate:0' by='ROOM/owner'>"
            "<retracted xmlns='urn:xmpp:message-retract:0' stamp='2020-01-01T00:00:00Z'/></moderated>",
            "forged-tombstone"),
    Trick("reason in a tombstone", "<moderated xmlns='urn:xmpp:message-moderate:0' by='ROOM/owner'>"
          "<retracted xmlns='urn:xmpp:message-retract:0'/><reason>SPAM</reason></moderated>", "forged-tombstone",
          live=True),
]  # fmt: skip

_IDS = [
    _beside("stanza-id of the room", "<stanza-id xmlns='urn:xmpp:sid:0' by='ROOM' id='forged'/>", stripped=True),
    _beside("two stanza-ids of the room", "<stanza-id xmlns='urn:xmpp:sid:0' by='ROOM' id='forged'/>" * 2,
            "doubled-stanza-id", stripped=True),
    _beside("stanza-id of the room without an id", "<stanza-id xmlns='urn:xmpp:sid:0' by='ROOM'/>",
            "malformed-stanza-id", stripped=True),
    _beside("stanza-id of another", "<stanza-id xmlns='urn:xmpp:sid:0' by='evil.example' id='s'/>",
            "forged-stanza-id"),
    _beside("stanza-id of the occupant", "<stanza-id xmlns='urn:xmpp:sid:0' by='NICK' id='s'/>", "forged-stanza-id"),
    _beside("stanza-id of nobody", "<stanza-id xmlns='urn:xmpp:sid:0'/>", "forged-stanza-id"),
    _beside("empty origin-id", "<origin-id xmlns='urn:xmpp:sid:0'/>", "malformed-origin-id"),
    _beside("two origin-ids", "<origin-id xmlns='urn:xmpp:sid:0' id='a'/><origin-id xmlns='urn:xmpp:sid:0' id='b'/>",
            "doubled-origin-id"),
    _beside("occupant-id of another", "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/>",
            "occupant-id-mismatch", stripped=True),
    _beside("two occupant-ids", "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='a'/>"
            "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='b'/>", "doubled-occupant-id", stripped=True),
    _beside("empty occupant-id", "<occupant-id xmlns='urn:xmpp:occupant-id:0'/>", "malformed-occupant-id",
            stripped=True),
    _beside("endless occupant-id", f"<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{'x' * 129}'/>",
            "malformed-occupant-id", stripped=True),
    _beside("thread", "<thread parent='p'>t</thread>"),
    _beside("two threads", "<thread>t</thread><thread>u</thread>", "doubled-thread"),
]  # fmt: skip

_COPIES = [
    _beside("carbon received",
            "<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'/></received>",
            "forged-carbon"),
    _beside("carbon sent", "<sent xmlns='urn:xmpp:carbons:2'/>", "forged-carbon"),
    _beside("carbon marked private", "<private xmlns='urn:xmpp:carbons:2'/>"),
    Trick("message within a carbon", f"<received xmlns='urn:xmpp:carbons:2'>{_FORWARDED}</received>", "forged-carbon"),
    _beside("archive result", "<result xmlns='urn:xmpp:mam:2' id='x' queryid='q'/>", "forged-archive-result"),
    Trick("message within an archive result",
          f"<result xmlns='urn:xmpp:mam:2' id='x' queryid='q'>{_FORWARDED}</result>",
          "forged-archive-result"),
    _beside("end of an archive", "<fin xmlns='urn:xmpp:mam:2' complete='true'/>"),
    Trick("forwarded message", _FORWARDED),
    Trick("forwarded within a forwarded message",
          f"<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'>{_FORWARDED}</message></forwarded>"),
    Trick("forwarded beside another body", "<body>see below</body>" + _FORWARDED),
    Trick("event of a node", "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='n'><item>"
          "<entry xmlns='http://www.w3.org/2005/Atom'><title>SPAM</title></entry></item></items></event>"),
]  # fmt: skip

_FALLBACKS = [
    _beside("fallback of the whole body", "<reply xmlns='urn:xmpp:reply:0' id='s1'/>" + _FALLBACK.format("<body/>")),
    _beside("fallback of the whole stanza", _FALLBACK.format("")),
    _beside("fallback of nobody's feature", "<fallback xmlns='urn:xmpp:fallback:0'/>"),
    _beside("fallback from the first to the last letter", "<reply xmlns='urn:xmpp:reply:0' id='s1'/>"
            + _FALLBACK.format("<body start='0' end='9'/>")),
    _beside("fallback out of bounds", _FALLBACK.format("<body start='0' end='999'/>"), "malformed-fallback"),
    _beside("fallback of huge numbers", _FALLBACK.format(f"<body start='0' end='{'9' * 40}'/>"), "malformed-fallback"),
    _beside("fallback of negative numbers", _FALLBACK.format("<body start='-9' end='-1'/>"), "malformed-fallback"),
    _beside("fallback of no numbers", _FALLBACK.format("<body start='a' end='b'/>"), "malformed-fallback"),
    _beside("fallback of Arabic numbers", _FALLBACK.format("<body start='٠' end='٣'/>"), "malformed-fallback"),
    _beside("fallback of fractions", _FALLBACK.format("<body start='0.0' end='1e1'/>"), "malformed-fallback"),
    _beside("fallback the wrong way round", _FALLBACK.format("<body start='5' end='2'/>"), "malformed-fallback"),
    _beside("fallbacks that overlap", _FALLBACK.format("<body start='0' end='4'/><body start='2' end='6'/>"),
            "malformed-fallback"),
    _beside("more fallbacks than anybody needs", _FALLBACK.format("<body start='0' end='0'/>") * 99,
            "malformed-fallback"),
    _beside("fallback of the subject", _FALLBACK.format("<subject/>")),
    Trick("fallback of a body that is not there", _FALLBACK.format("<body start='0' end='4'/>")
          + "<x xmlns='jabber:x:oob'><url>https://a.example/SPAM</url></x>", "malformed-fallback"),
    _beside("reply to nothing", "<reply xmlns='urn:xmpp:reply:0'/>", "malformed-reply"),
    _beside("two replies", "<reply xmlns='urn:xmpp:reply:0' id='a'/><reply xmlns='urn:xmpp:reply:0' id='b'/>",
            "doubled-reply"),
    _beside("reply to what is no address", "<reply xmlns='urn:xmpp:reply:0' id='x' to='@@/'/>"),
    _beside("reply to an endless address", f"<reply xmlns='urn:xmpp:reply:0' id='x' to='{'x' * 3000}'/>",
            "malformed-reply"),
]  # fmt: skip

_BODIES = [
    Trick("second body", "<body>hello</body><body>SPAM</body>", "doubled-body"),
    Trick("first of two bodies", "<body>SPAM</body><body>hello</body>", "doubled-body"),
    Trick("second body after an empty one", "<body/><body>SPAM</body>", "doubled-body"),
    Trick("body in another language", "<body>hello</body><body xml:lang='de'>SPAM</body>", "several-languages"),
    Trick("languages that differ in letters alone", "<body xml:lang='en'>hi</body><body xml:lang='EN'>SPAM</body>",
          "several-languages"),
    Trick("two bodies in one language", "<body xml:lang='de'>hi</body><body xml:lang='de'>SPAM</body>", "doubled-body"),
    Trick("language that is none", "<body>hello</body><body xml:lang='!!'>SPAM</body>", "several-languages"),
    Trick("language of an endless name", f"<body xml:lang='{'x' * 3000}'>SPAM</body>"),
    Trick("text within an element of a body", "<body>hello <b xmlns='urn:x'>SPAM</b></body>", "markup-in-body"),
    Trick("text after an element of a body", "<body>hello <b xmlns='urn:x'/> SPAM</body>", "markup-in-body"),
    Trick("body within a body", "<body><body>SPAM</body></body>", "markup-in-body"),
    Trick("body in a foreign namespace", "<body xmlns='urn:x'>SPAM</body>", "foreign-body"),
    Trick("body in a foreign namespace beside another", "<body>hi</body><body xmlns='urn:x'>SPAM</body>",
          "foreign-body"),
    Trick("body of XHTML alone", "<body xmlns='http://www.w3.org/1999/xhtml'>SPAM</body>", "foreign-body"),
    Trick("body of the server's namespace", "<body xmlns='jabber:server'>SPAM</body>", "foreign-body"),
    Trick("subject in a foreign namespace", "<subject xmlns='urn:x'>SPAM</subject>", "foreign-body"),
    Trick("text outside of every child", "SPAM", "stray-text"),
    Trick("text between two children", "<active xmlns='http://jabber.org/protocol/chatstates'/>SPAM<thread>t</thread>",
          "stray-text"),
    Trick("text beside a body", "<body>hello</body>SPAM", "stray-text"),
    Trick("text in CDATA", "<body><![CDATA[SPAM]]></body>"),
    Trick("text in character references", "<body>&#x53;PAM SPAM</body>"),
    Trick("action", "<body>/me SPAM</body>"),
    Trick("styled text", "<body>*SPAM*</body><unstyled xmlns='urn:xmpp:styling:0'/>"),
    Trick("quoted text", "<body>&gt; SPAM</body>"),
    Trick("body of many lines", f"<body>{chr(10) * 2000}SPAM</body>"),
    Trick("body of a hundred thousand letters", f"<body>{'lorem ipsum ' * 8000}SPAM</body>"),
    Trick("subject beside a body", "<subject>SPAM</subject><body>hello</body>"),
    Trick("subject with a thread", "<subject>SPAM</subject><thread>t</thread>"),
    Trick("body of a subject", "<subject>hello</subject><body>SPAM</body>"),
    Trick("subject with markup beside a body", "<subject><b xmlns='urn:x'>SPAM</b></subject><body>hello</body>",
          "markup-in-body"),
    Trick("HTML that differs", "<body>hello</body>" + _XHTML_BODY.format("<p>SPAM</p>"), "different-html"),
    Trick("HTML without a body", _XHTML_BODY.format("SPAM")),
    Trick("link behind a text of HTML", "<body>here</body>" + _XHTML_BODY.format("<a href='https://x/SPAM'>here</a>"),
          "different-html"),
    Trick("picture's description in HTML", "<body>x</body>" + _XHTML_BODY.format("<img src='cid:x' alt='SPAM'/>"),
          "different-html"),
    Trick("second body of HTML", "<body>hello</body>" + _XHTML.format(
        "<body xmlns='http://www.w3.org/1999/xhtml'>hello</body>"
        "<body xmlns='http://www.w3.org/1999/xhtml' xml:lang='de'>SPAM</body>"), "different-html"),
    Trick("HTML without HTML's body", "<body>hello</body>" + _XHTML.format("<p xmlns='http://www.w3.org/1999/xhtml'>SPAM"
          "</p>"), "different-html"),
    Trick("text directly in HTML", "<body>hello</body>" + _XHTML.format("SPAM"), "different-html"),
    Trick("second HTML", "<body>hello</body>" + _XHTML_BODY.format("hello") + _XHTML_BODY.format("SPAM"),
          "different-html"),
    Trick("other form of a text", "<body>hello</body><content xmlns='urn:xmpp:content' type='text/markdown'>SPAM"
          "</content>"),
    Trick("hint of a spoiler", "<body>hello</body><spoiler xmlns='urn:xmpp:spoiler:0'>SPAM</spoiler>"),
    Trick("text under a spoiler", "<spoiler xmlns='urn:xmpp:spoiler:0'/><body>SPAM</body>"),
    Trick("hint of a spoiler alone", "<spoiler xmlns='urn:xmpp:spoiler:0' xml:lang='de'>SPAM</spoiler>"),
    Trick("nickname", "<body>hello</body><nick xmlns='http://jabber.org/protocol/nick'>SPAM</nick>"),
]  # fmt: skip

_MEDIA = [
    Trick("description of a link", "<x xmlns='jabber:x:oob'><url>https://a.example/x</url><desc>SPAM</desc></x>"),
    Trick("description without a link", "<x xmlns='jabber:x:oob'><desc>SPAM</desc></x>", "malformed-attachment"),
    Trick("description beside an empty body", "<body/><x xmlns='jabber:x:oob'><url>https://a.example</url><desc>SPAM"
          "</desc></x>"),
    Trick("second link", "<x xmlns='jabber:x:oob'><url>https://a.example</url><url>https://SPAM</url></x>",
          "malformed-attachment"),
    Trick("second description", "<x xmlns='jabber:x:oob'><url>https://a</url><desc>a</desc><desc>SPAM</desc></x>",
          "malformed-attachment"),
    Trick("second out-of-band link", "<x xmlns='jabber:x:oob'><url>https://a</url></x><x xmlns='jabber:x:oob'>"
          "<url>https://b</url><desc>SPAM</desc></x>"),
    _beside("link without a url", "<x xmlns='jabber:x:oob'/>", "malformed-attachment"),
    Trick("name of a shared file", _FILE.format("<name>SPAM</name>", "https://a.example/x")),
    Trick("description of a shared file", _FILE.format("<desc>SPAM</desc>", "https://a.example/x")),
    Trick("second description of a shared file",
          _FILE.format("<desc>a</desc><desc xml:lang='de'>SPAM</desc>", "https:a")),
    Trick("address of a shared file", _FILE.format("<name>a</name>", "https://a.example/SPAM")),
    Trick("sources attached later", "<sources xmlns='urn:xmpp:sfs:0' id='f'><url-data "
          "xmlns='http://jabber.org/protocol/url-data' target='https://a.example/SPAM'/></sources>"),
    Trick("address of data", "<url-data xmlns='http://jabber.org/protocol/url-data' target='https://SPAM'/>"),
    Trick("description of shared media", f"<reference xmlns='urn:xmpp:reference:0' type='data'>{_SIMS}</reference>"),
    Trick("shared media without a reference", _SIMS),
    Trick("reference to data", "<reference xmlns='urn:xmpp:reference:0' type='data' uri='https://a.example/SPAM'/>"),
    _beside("reference to nobody", "<reference xmlns='urn:xmpp:reference:0' type='mention' begin='-1' end='x'/>"),
    Trick("title of a link's preview", "<body>https://a.example</body>" + _RDF.format("https://a.example",
          "<og:title>SPAM</og:title>")),
    Trick("description of a link's preview", "<body>https://a.example</body>" + _RDF.format("https://a.example",
          "<og:title>a</og:title><og:description>SPAM</og:description>")),
    Trick("address of a link's preview", "<body>look</body>" + _RDF.format("https://a.example/SPAM", "")),
    Trick("preview without a body", _RDF.format("https://a.example", "<og:title>SPAM</og:title>")),
    Trick("title of a form", "<x xmlns='jabber:x:data' type='form'><title>SPAM</title></x>"),
    Trick("label in a form", "<x xmlns='jabber:x:data' type='form'><field var='a' label='SPAM'/></x>"),
    Trick("value in a form", "<x xmlns='jabber:x:data' type='result'><field var='a'><value>SPAM</value></field></x>"),
    Trick("form of a captcha", "<captcha xmlns='urn:xmpp:captcha'><x xmlns='jabber:x:data' type='form'><instructions>"
          "SPAM</instructions></x></captcha>"),
    Trick("button", "<body>choose</body><response xmlns='urn:xmpp:tmp:quick-response' value='a' label='SPAM'/>"),
    Trick("button for an action",
          "<body>choose</body><action xmlns='urn:xmpp:tmp:quick-response' id='a' label='SPAM'/>"),
    Trick("address of a call", "<invite xmlns='urn:xmpp:call-invites:0'><external uri='https://SPAM'/></invite>"),
    Trick("name of an applet", "<body>play</body><x xmlns='urn:xmpp:webxdc:0'><document>SPAM</document></x>"),
    Trick("contact that is recommended", "<x xmlns='http://jabber.org/protocol/rosterx'><item action='add' "
          "jid='a@b.example' name='SPAM'/></x>"),
    Trick("mood", "<body>hi</body><mood xmlns='http://jabber.org/protocol/mood'><happy/><text>SPAM</text></mood>"),
    Trick("activity", "<body>hi</body><activity xmlns='http://jabber.org/protocol/activity'><text>SPAM</text></activity>"),
    Trick("tune", "<body>hi</body><tune xmlns='http://jabber.org/protocol/tune'><title>SPAM</title></tune>"),
    Trick("game", "<body>hi</body><game xmlns='urn:xmpp:gaming:0'><name>SPAM</name></game>"),
    Trick("place", "<body>hi</body><geoloc xmlns='http://jabber.org/protocol/geoloc'><text>SPAM</text></geoloc>"),
]  # fmt: skip

_CLAIMS = [
    Trick("reaction with a text", _REACT.format("<reaction>SPAM</reaction>")),
    Trick("reaction with a text beside a body", "<body>hello</body>" + _REACT.format("<reaction>SPAM</reaction>")),
    _beside("reactions beside a text", _REACT.format("<reaction>👍</reaction>")),
    _beside("reactions to nothing", "<reactions xmlns='urn:xmpp:reactions:0'><reaction>x</reaction></reactions>",
            "malformed-reactions"),
    Trick("second reactions", _REACT.format("<reaction>👍</reaction>") + _REACT.format("<reaction>SPAM</reaction>"),
          "doubled-reactions"),
    _beside("reactions that say that the body is fallback", _REACT.format("<reaction>👍</reaction>")
            + "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reactions:0'/>"),
    _beside("retraction", "<retract xmlns='urn:xmpp:message-retract:1' id='s1'/>"),
    _beside("retraction of version 0", "<apply-to xmlns='urn:xmpp:fasten:0' id='s1'><retract "
            "xmlns='urn:xmpp:message-retract:0'/></apply-to>"),
    _beside("retraction of nothing", "<retract xmlns='urn:xmpp:message-retract:1'/>", "malformed-retraction"),
    _beside("retraction that says that the body is fallback", "<retract xmlns='urn:xmpp:message-retract:1' id='s1'/>"
            "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/>"),
    _beside("retractions past the limit",
            "".join(f"<retract xmlns='urn:xmpp:message-retract:1' id='{n}'/>" for n in range(99)), "too-many-claims"),
    _beside("fastened nothing", "<apply-to xmlns='urn:xmpp:fasten:0'/>"),
    _beside("error", "<error type='cancel'/>", "stray-error"),
    Trick("text of an error", "<error type='cancel'><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>SPAM</text>"
          "</error>", "stray-error"),
    _beside("attention", "<attention xmlns='urn:xmpp:attention:0'/>"),
    _beside("marker", "<displayed xmlns='urn:xmpp:chat-markers:0' id='s1'/>"),
    _beside("receipt", "<received xmlns='urn:xmpp:receipts' id='s1'/>"),
    _beside("state of the chat", "<gone xmlns='http://jabber.org/protocol/chatstates'/>"),
    _beside("ephemeral", "<ephemeral xmlns='urn:xmpp:ephemeral:0' timer='1'/>"),
    _beside("hints against copies", "<no-copy xmlns='urn:xmpp:hints'/><no-permanent-store xmlns='urn:xmpp:hints'/>"),
    _beside("hints against archives", "<no-store xmlns='urn:xmpp:hints'/>"),
    _beside("encrypted with a plain body", "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/>"
            "<payload>QQ==</payload></encrypted>"),
    _beside("announced encryption", "<encryption xmlns='urn:xmpp:eme:0' namespace='urn:x' name='x'/>"),
    _beside("keys alone", "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/></encrypted>"),
    _beside("attached to another message", "<attach-to xmlns='urn:xmpp:message-attaching:1' id='s1'/>"),
    _beside("bits of binary", "<data xmlns='urn:xmpp:bob' cid='x' type='image/png'>QQ==</data>"),
    _beside("empty x of any kind", "<x/><x xmlns=''/><x xmlns='urn:x'/>"),
    _beside("a thousand unknown children", "<a xmlns='urn:x'/>" * 1000),
    _beside("children a hundred levels deep", "<a xmlns='urn:x'>" * 100 + "</a>" * 100),
    _beside("prefixes instead of namespaces", "<y:x xmlns:y='jabber:x:oob'><y:url>https://a</y:url></y:x>"),
]  # fmt: skip

TRICKS: tuple[Trick, ...] = (
    *_DELAYS,
    *_CORRECTIONS,
    *_ROOM_CLAIMS,
    *_IDS,
    *_COPIES,
    *_FALLBACKS,
    *_BODIES,
    *_MEDIA,
    *_CLAIMS,
)


def filled(trick: Trick, *, spam: str, room: str, nick: str) -> str:
    """The children of the message, with ``spam`` as the text that must be seen."""
    return trick.xml.replace("SPAM", spam).replace("ROOM", room).replace("NICK", nick)
