"""Who joins many rooms at once: a writer of bytes, the peers, and botkit's link; each as its library does it.

``raw`` writes all presences in one go and waits for the rooms' answers: the least that a server needs. ``raw-asking``
does all that botkit does, and no more: stream management is on, and each room is asked what it is (disco#info).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from benchmarks.child import COUNTER, Control
from benchmarks.receiver import Orders
from benchmarks.talker import Talker

Work = Callable[[], Awaitable[None]]
_PATIENCE = 120.0


def run(orders: Orders, control: Control) -> None:
    """Log in, wait for the word, join all rooms, count each."""
    who = {
        "raw": _raw,
        "raw-asking": _raw,
        "joins-slixmpp": _slixmpp,
        "joins-aioxmpp": _aioxmpp,
        "joins-botkit": _botkit,
    }[orders.name]
    if who is _botkit:
        import uvloop

        uvloop.run(who(orders, control))
    else:
        asyncio.run(who(orders, control))


async def serve(control: Control, work: Work, patience: float = _PATIENCE) -> None:
    """Do ``work`` when told to, within ``patience`` seconds, and return when told to."""
    loop = asyncio.get_running_loop()
    go, stopped = asyncio.Event(), asyncio.Event()
    control.ready(lambda: loop.call_soon_threadsafe(stopped.set), lambda: loop.call_soon_threadsafe(go.set))
    await go.wait()
    async with asyncio.timeout(patience):
        await work()
    await stopped.wait()


async def _raw(orders: Orders, control: Control) -> None:
    talker = await Talker.connect(orders, orders.account, orders.password, record=True)
    ask = "<iq type='get' id='a{}' to='{}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
    join = "<presence to='{}/{}'><x xmlns='http://jabber.org/protocol/muc'/></presence>"

    if orders.name == "raw-asking":
        await talker.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>", "<enabled")

    async def work() -> None:
        if orders.name == "raw-asking":
            asked = (ask.format(number, room) for number, room in enumerate(orders.all_rooms))
            await talker.say("".join(asked).encode())
        await talker.say("".join(join.format(room, orders.account) for room in orders.all_rooms).encode())
        await talker.heard(b"code='110'", len(orders.all_rooms))
        for room in orders.all_rooms:
            COUNTER.seen(room)

    await serve(control, work)
    talker.close()


async def _slixmpp(orders: Orders, control: Control) -> None:
    from slixmpp import JID, ClientXMPP

    client = ClientXMPP(f"{orders.jid}/bench", orders.password)
    client.ssl_context = ssl.create_default_context(cafile=orders.ca_file)
    client.enable_direct_tls, client.enable_starttls = True, False
    client.register_plugin("xep_0045")
    started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    client.add_event_handler("session_start", lambda _: started.set_result(None))
    client.connect(orders.host, orders.port)
    await asyncio.wait_for(started, 20)
    client.send_presence()

    async def join(room: str) -> None:
        rooms = client.plugin["xep_0045"]
        await rooms.join_muc_wait(JID(room), orders.account, maxstanzas=0, timeout=int(_PATIENCE))
        COUNTER.seen(room)

    async def work() -> None:
        await asyncio.gather(*map(join, orders.all_rooms))

    await serve(control, work)
    await client.disconnect(wait=2.0)


async def _aioxmpp(orders: Orders, control: Control) -> None:
    import aioxmpp
    from aioxmpp import muc

    from benchmarks.peer_aioxmpp import new_client

    client = new_client(orders)
    rooms = client.summon(muc.MUCClient)

    async def join(room: str) -> None:
        history = muc.xso.History(maxstanzas=0)
        _, joined = rooms.join(aioxmpp.JID.fromstr(room), orders.account, autorejoin=False, history=history)
        await joined
        COUNTER.seen(room)

    async def work() -> None:
        await asyncio.gather(*map(join, orders.all_rooms))

    async with client.connected():
        await serve(control, work)


async def _botkit(orders: Orders, control: Control) -> None:
    from benchmarks.ours_decode import linked
    from botkit.model.address import Address
    from botkit.model.events import Event, RoomStateChanged
    from botkit.model.rooms import RoomSettings, RoomState

    def emit(event: Event) -> None:
        if isinstance(event, RoomStateChanged) and event.state is RoomState.JOINED:
            COUNTER.seen(str(event.room))

    async with linked(orders, emit) as link:

        async def work() -> None:
            for room in orders.all_rooms:
                await link.join(RoomSettings(address=Address.parse(room), nick=orders.account))

        await serve(control, work)
