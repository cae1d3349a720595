"""Every namespace that we speak, once; and Clark names of what is met most."""

from __future__ import annotations

from typing import Final

CLIENT: Final = "jabber:client"
STANZAS: Final = "urn:ietf:params:xml:ns:xmpp-stanzas"
XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"

DATA_FORMS: Final = "jabber:x:data"  # XEP-0004
VALIDATE: Final = "http://jabber.org/protocol/xdata-validate"  # XEP-0122
DISCO_INFO: Final = "http://jabber.org/protocol/disco#info"  # XEP-0030
DISCO_ITEMS: Final = "http://jabber.org/protocol/disco#items"
MUC: Final = "http://jabber.org/protocol/muc"  # XEP-0045
MUC_USER: Final = "http://jabber.org/protocol/muc#user"
MUC_ADMIN: Final = "http://jabber.org/protocol/muc#admin"
MUC_OWNER: Final = "http://jabber.org/protocol/muc#owner"
MUC_ROOMCONFIG: Final = "http://jabber.org/protocol/muc#roomconfig"
COMMANDS: Final = "http://jabber.org/protocol/commands"  # XEP-0050
RSM: Final = "http://jabber.org/protocol/rsm"  # XEP-0059
OOB: Final = "jabber:x:oob"  # XEP-0066
XHTML_IM: Final = "http://jabber.org/protocol/xhtml-im"  # XEP-0071
TIME: Final = "urn:xmpp:time"  # XEP-0202
LEGACY_DELAY: Final = "jabber:x:delay"  # XEP-0091
DELAY: Final = "urn:xmpp:delay"  # XEP-0203
CONFERENCE: Final = "jabber:x:conference"  # XEP-0249
CARBONS: Final = "urn:xmpp:carbons:2"  # XEP-0280
FORWARD: Final = "urn:xmpp:forward:0"  # XEP-0297
CORRECT: Final = "urn:xmpp:message-correct:0"  # XEP-0308
MAM: Final = "urn:xmpp:mam:2"  # XEP-0313
HINTS: Final = "urn:xmpp:hints"  # XEP-0334
STANZA_ID: Final = "urn:xmpp:sid:0"  # XEP-0359
REFERENCE: Final = "urn:xmpp:reference:0"  # XEP-0372
EME: Final = "urn:xmpp:eme:0"  # XEP-0380
OMEMO_LEGACY: Final = "eu.siacs.conversations.axolotl"  # XEP-0384 before 0.4
OMEMO_1: Final = "urn:xmpp:omemo:1"
OMEMO_2: Final = "urn:xmpp:omemo:2"
OPENPGP: Final = "urn:xmpp:openpgp:0"  # XEP-0373
OPENPGP_LEGACY: Final = "jabber:x:encrypted"  # XEP-0027
SIMS: Final = "urn:xmpp:sims:1"  # XEP-0385
UPLOAD: Final = "urn:xmpp:http:upload:0"  # XEP-0363
STYLING: Final = "urn:xmpp:styling:0"  # XEP-0393
OCCUPANT_ID: Final = "urn:xmpp:occupant-id:0"  # XEP-0421
FASTEN: Final = "urn:xmpp:fasten:0"  # XEP-0422
RETRACT_0: Final = "urn:xmpp:message-retract:0"  # XEP-0424 before 0.4
RETRACT_1: Final = "urn:xmpp:message-retract:1"
MODERATE_0: Final = "urn:xmpp:message-moderate:0"  # XEP-0425 before 0.3
MODERATE_1: Final = "urn:xmpp:message-moderate:1"
FALLBACK: Final = "urn:xmpp:fallback:0"  # XEP-0428
REACTIONS: Final = "urn:xmpp:reactions:0"  # XEP-0444
FILE_SHARING: Final = "urn:xmpp:sfs:0"  # XEP-0447
REPLY: Final = "urn:xmpp:reply:0"  # XEP-0461

# What clients show besides bodies; read for moderation.
GEOLOC: Final = "http://jabber.org/protocol/geoloc"  # XEP-0080
MOOD: Final = "http://jabber.org/protocol/mood"  # XEP-0107
ACTIVITY: Final = "http://jabber.org/protocol/activity"  # XEP-0108
TUNE: Final = "http://jabber.org/protocol/tune"  # XEP-0118
ROSTER_EXCHANGE: Final = "http://jabber.org/protocol/rosterx"  # XEP-0144
CAPTCHA: Final = "urn:xmpp:captcha"  # XEP-0158
NICK: Final = "http://jabber.org/protocol/nick"  # XEP-0172
GAMING: Final = "urn:xmpp:gaming:0"  # XEP-0196
PUBSUB_EVENT: Final = "http://jabber.org/protocol/pubsub#event"  # XEP-0060
URL_DATA: Final = "http://jabber.org/protocol/url-data"  # XEP-0103
HATS: Final = "urn:xmpp:hats:0"  # XEP-0317
SPOILER: Final = "urn:xmpp:spoiler:0"  # XEP-0382
QUICK_RESPONSE: Final = "urn:xmpp:tmp:quick-response"  # XEP-0439
CONTENT: Final = "urn:xmpp:content"  # XEP-0481
CALL_INVITES: Final = "urn:xmpp:call-invites:0"  # XEP-0482
WEBXDC: Final = "urn:xmpp:webxdc:0"  # XEP-0491
RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"  # XEP-0511

MESSAGE: Final = "{jabber:client}message"
PRESENCE: Final = "{jabber:client}presence"
