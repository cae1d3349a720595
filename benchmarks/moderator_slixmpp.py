"""The least that moderates on slixmpp: one word looked for, the message taken away. Nothing is stored or checked."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from slixmpp import JID, ClientXMPP

from benchmarks.child import COUNTER, Control
from benchmarks.receiver import Orders

_MODERATE = "urn:xmpp:message-moderate:1"
_STANZA_ID = "{urn:xmpp:sid:0}stanza-id"


def run(orders: Orders, control: Control) -> None:
    """Join the room and moderate until told to stop."""
    asyncio.run(_main(orders, control))


async def _main(orders: Orders, control: Control) -> None:
    client = ClientXMPP(f"{orders.jid}/bench", orders.password)
    client.ssl_context = ssl.create_default_context(cafile=orders.ca_file)
    client.enable_direct_tls, client.enable_starttls = True, False
    client.register_plugin("xep_0045")
    started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    client.add_event_handler("session_start", lambda _: started.set_result(None))

    def seen(message: Any) -> None:
        body = message["body"]
        if "viagra" in body:
            stamped = message.xml.find(_STANZA_ID)
            moderate = Element(f"{{{_MODERATE}}}moderate", {"id": stamped.get("id")})
            SubElement(moderate, "{urn:xmpp:message-retract:1}retract")
            iq: Any = client.make_iq_set(ito=JID(orders.room))
            iq.append(moderate)
            iq.send(callback=lambda _: None)
        COUNTER.seen(body)

    client.add_event_handler("groupchat_message", seen)
    client.connect(orders.host, orders.port)
    await asyncio.wait_for(started, 20)
    client.send_presence()
    await client.plugin["xep_0045"].join_muc_wait(JID(orders.room), orders.account, maxstanzas=0, timeout=20)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    control.ready(lambda: loop.call_soon_threadsafe(stopped.set))
    await stopped.wait()
    await client.disconnect(wait=2.0)
