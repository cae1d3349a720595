"""Bare aioxmpp: its client, its stream and parser, its room service, and one listener on the room.

aioxmpp 0.13.3's own connectors check certificates through functions that today's pyOpenSSL no longer has, so it cannot
connect verified as it is. The connector here opens the TLS connection with the standard library and hands aioxmpp's
own, unchanged ``XMLStream`` to it; from the decrypted bytes on, all that is measured is aioxmpp's.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import aioxmpp
from aioxmpp import connector, muc, protocol, security_layer

from benchmarks.child import COUNTER, Control
from benchmarks.receiver import Orders


class _DirectTls(connector.BaseConnector):  # type: ignore[misc]
    """aioxmpp's ``XMPPOverTLSConnector`` on the standard library's TLS."""

    tls_supported = True
    dane_supported = False

    def __init__(self, ca_file: str) -> None:
        self._context = ssl.create_default_context(cafile=ca_file)

    async def connect(
        self, loop: Any, metadata: Any, domain: Any, host: str, port: int, negotiation_timeout: float, base_logger: Any
    ) -> Any:
        features: asyncio.Future[Any] = loop.create_future()
        stream = protocol.XMLStream(to=domain, features_future=features, base_logger=base_logger)
        name = domain.domain if hasattr(domain, "domain") else str(domain)
        transport, _ = await loop.create_connection(lambda: stream, host, port, ssl=self._context, server_hostname=name)
        return transport, stream, await features


def run(orders: Orders, control: Control) -> None:
    """Join the room and count until told to stop."""
    asyncio.run(_main(orders, control))


def new_client(orders: Orders) -> Any:
    """A client that is not connected yet."""

    async def password(_jid: Any, attempt: int) -> str | None:
        return orders.password if attempt == 0 else None

    return aioxmpp.PresenceManagedClient(
        aioxmpp.JID.fromstr(f"{orders.jid}/bench"),
        security_layer.SecurityLayer(None, None, True, [security_layer.PasswordSASLProvider(password)]),
        override_peer=[(orders.host, orders.port, _DirectTls(orders.ca_file))],
    )


async def _main(orders: Orders, control: Control) -> None:
    client = new_client(orders)
    rooms = client.summon(muc.MUCClient)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with client.connected():
        for address in orders.all_rooms:
            room, joined = rooms.join(
                aioxmpp.JID.fromstr(address), orders.account, autorejoin=False, history=muc.xso.History(maxstanzas=0)
            )
            room.on_message.connect(_seen)
            await asyncio.wait_for(joined, 20)
        control.ready(lambda: loop.call_soon_threadsafe(stopped.set))
        await stopped.wait()


def _seen(message: Any, member: Any, _source: Any, **_: Any) -> None:
    if member.nick:
        COUNTER.seen(message.body.any())
