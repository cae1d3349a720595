"""Who reads a room's archive: a writer of bytes, slixmpp's iterator, and botkit catching up with its store and bar.

``raw`` asks for the same pages as botkit and only looks for the last id: what the server needs.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.child import COUNTER, Control
from benchmarks.joiners import serve
from benchmarks.receiver import Orders
from benchmarks.talker import Talker

_PAGE = 50  # Prosody gives no more
_PATIENCE = 3600.0
_LAST = re.compile(rb"<last>([^<]+)</last>")
_STAMP = re.compile(rb"<delay [^>]*stamp='([^']+)'")
_ROWS = re.compile(rb"<result ")


def run(orders: Orders, control: Control) -> None:
    """Log in, wait for the word, read, count each message."""
    if orders.name == "archive-raw":
        asyncio.run(_raw(orders, control))
    elif orders.name == "archive-slixmpp":
        asyncio.run(_slixmpp(orders, control))
    else:
        import uvloop

        uvloop.run(_botkit(orders, control))


def _cursor(orders: Orders) -> tuple[str, datetime]:
    archive_id, at = orders.cursor
    return archive_id, datetime.fromisoformat(at)


async def _raw(orders: Orders, control: Control) -> None:
    talker = await Talker.connect(orders, orders.account, orders.password)
    await talker.join(orders.room, orders.account)
    query = (
        "<iq type='set' id='q{0}' to='{1}'><query xmlns='urn:xmpp:mam:2' queryid='q{0}'>{2}"
        "<set xmlns='http://jabber.org/protocol/rsm'><max>{3}</max><after>{4}</after></set></query></iq>"
    )
    form = (
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value>"
        "</field><field var='start'><value>{}</value></field></x>"
    )

    async def work() -> None:
        after, start, number = _cursor(orders)[0], "", 0
        while True:
            number += 1
            text = query.format(number, orders.room, start, _PAGE, after)
            answer = await talker.ask(text, "</fin></iq>", "</iq>", seconds=60)
            for _ in _ROWS.findall(answer):
                COUNTER.seen("")
            last, stamps = _LAST.search(answer), _STAMP.findall(answer)
            if b"complete='true'" in answer or last is None or not stamps:
                return
            after = last[1].decode()
            said = datetime.fromisoformat(stamps[-1].decode()) - timedelta(hours=1)
            start = form.format(said.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

    await serve(control, work, _PATIENCE)
    talker.close()


async def _slixmpp(orders: Orders, control: Control) -> None:
    from slixmpp import JID, ClientXMPP

    client = ClientXMPP(f"{orders.jid}/bench", orders.password)
    client.ssl_context = ssl.create_default_context(cafile=orders.ca_file)
    client.enable_direct_tls, client.enable_starttls = True, False
    client.register_plugin("xep_0045")
    client.register_plugin("xep_0313")
    started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    client.add_event_handler("session_start", lambda _: started.set_result(None))
    client.connect(orders.host, orders.port)
    await asyncio.wait_for(started, 20)
    client.send_presence()
    await client.plugin["xep_0045"].join_muc_wait(JID(orders.room), orders.account, maxstanzas=0, timeout=20)

    async def work() -> None:
        mam: Any = client.plugin["xep_0313"]
        asked = {"max": _PAGE, "after": _cursor(orders)[0]}
        async for message in mam.iterate(jid=JID(orders.room), rsm=asked):
            forwarded = message["mam_result"]["forwarded"]
            if forwarded["stanza"]["from"].resource and forwarded["delay"]["stamp"]:
                COUNTER.seen(forwarded["stanza"]["body"])

    await serve(control, work, _PATIENCE)
    await client.disconnect(wait=2.0)


async def _botkit(orders: Orders, control: Control) -> None:
    from rich.console import Console

    from benchmarks.ours_pipeline import write_config
    from botkit.app import App
    from botkit.cli.run import Bars
    from botkit.loading import load
    from botkit.model.address import Address
    from botkit.model.archive import CursorMoved
    from botkit.model.messages import ArchiveId
    from botkit.services.catch_up import CatchUpProgress, CatchUpResult
    from botkit.storage.sqlite import SqliteStorage

    loaded = load(write_config(orders))
    archive_id, at = _cursor(orders)
    async with SqliteStorage.open(loaded.config.storage.path, loaded.config.account.jid) as storage:
        cursor = CursorMoved(room=Address.parse(orders.room), archive_id=ArchiveId(archive_id), at=at)
        await storage.log.write([cursor])
    ended = asyncio.Event()

    def progress(what: CatchUpProgress | CatchUpResult) -> None:
        bars.show(what)
        if isinstance(what, CatchUpResult):
            for _ in range(what.new):
                COUNTER.seen("")
            ended.set()

    with open(os.devnull, "w") as nowhere:
        bars = Bars(Console(file=nowhere, force_terminal=True))
        app = App(loaded, progress=progress)
        async with asyncio.TaskGroup() as group:

            async def work() -> None:
                group.create_task(app.run())
                await ended.wait()
                await app.history.flush()

            with bars.progress:
                await serve(control, work, _PATIENCE)
                app.stop()
