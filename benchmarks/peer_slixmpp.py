"""Bare slixmpp: a client, its plugin for rooms, and one handler for groupchat messages; no stream management."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from slixmpp import JID, ClientXMPP

from benchmarks.child import COUNTER, Control
from benchmarks.receiver import Orders


def run(orders: Orders, control: Control) -> None:
    """Join the room and count until told to stop."""
    if orders.uses_uvloop:
        import uvloop

        uvloop.run(_main(orders, control))
    else:
        asyncio.run(_main(orders, control))


async def _main(orders: Orders, control: Control) -> None:
    client = ClientXMPP(f"{orders.jid}/bench", orders.password)
    client.ssl_context = ssl.create_default_context(cafile=orders.ca_file)
    client.enable_direct_tls, client.enable_starttls = True, False
    client.register_plugin("xep_0045")
    started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    client.add_event_handler("session_start", lambda _: started.set_result(None))
    client.add_event_handler("groupchat_message", _seen)
    client.connect(orders.host, orders.port)
    await asyncio.wait_for(started, 20)
    client.send_presence()
    for room in orders.all_rooms:
        await client.plugin["xep_0045"].join_muc_wait(JID(room), orders.account, maxstanzas=0, timeout=60)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    control.ready(lambda: loop.call_soon_threadsafe(stopped.set))
    await stopped.wait()
    await client.disconnect(wait=2.0)


def _seen(message: Any) -> None:
    # What any bot looks at: who, and what.
    if message["from"].resource:
        COUNTER.seen(message["body"])
