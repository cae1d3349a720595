"""The herald in real rooms, by a clock that the test turns."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from tests.server.clients import Client
from tests.server.running import NICK, running_app, write_config
from tests.server.wire import MUC_USER, body, is_message, is_presence

NOTICES = """
[access]
admins = ["{admin}"]
[modules.herald]
use = "bots.herald"
[[modules.herald.notices]]
name = "standup"
text = "Time to stand up"
cron = "0 9 * * fri"
timezone = "Europe/Berlin"
rooms = ["{one}"]
[[modules.herald.notices]]
name = "lunch"
text = "Lunch is ready"
cron = "30 11 * * *"
timezone = "UTC"
"""


class TurnedClock:
    """Runs as clocks do, from another time, and can be turned forward: whoever sleeps until then wakes."""

    def __init__(self, now: datetime) -> None:
        self._ahead = now - datetime.now(UTC)
        self._turned = asyncio.Event()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead.total_seconds()

    async def sleep(self, seconds: float) -> None:
        end = self.now() + timedelta(seconds=seconds)
        while (left := (end - self.now()).total_seconds()) > 0:
            try:
                await asyncio.wait_for(self._turned.wait(), left)
            except TimeoutError:
                return

    def turn(self, to: datetime) -> None:
        self._ahead += to - self.now()
        self._turned.set()
        self._turned = asyncio.Event()


def posts(person: Client, room: str) -> list[str]:
    return [body(s) or "" for s in person.received if is_message(s, f"{room}/{NICK}")]


async def test_notices_come_at_their_times_in_their_zones_and_rooms(server, people, account, fresh_room, tmp_path):
    owner, other = await people("owner", "other")
    name, one, two = await account("bot"), fresh_room, f"second-{fresh_room}"
    for room in (one, two):
        await owner.create_room(room, "owner", affiliations={f"{name}@{server.domain}": "admin"})
    await other.join(one, "other")
    toml = NOTICES.format(admin=owner.bare, one=one)
    clock = TurnedClock(datetime(2026, 3, 27, 7, 59, 30, tzinfo=UTC))
    async with running_app(write_config(tmp_path, server, name, [one, two], toml), clock=clock) as bot:
        # 09:00 in Berlin is 08:00 UTC on this Friday, and 07:00 UTC on the next, which is summer time.
        clock.turn(datetime(2026, 3, 27, 7, 59, 59, tzinfo=UTC))
        await owner.wait_for(lambda s: is_message(s, f"{one}/{NICK}", "Time to stand up"))
        [line] = bot.told("notice posted")
        assert (line["notice"], line["due"]) == ("standup", "2026-03-27T08:00:00+00:00")
        assert line["room"] == one

        # Whoever runs the bot writes to it directly: that a room says who somebody is does not do.
        bare = f"{name}@{server.domain}"
        await owner.say(one, "!notice now standup")
        owner.tell(bare, "!notices")
        shown = await owner.wait_for(lambda s: s.get("from", "").startswith(bare) and "lunch" in (body(s) or ""))
        assert "standup: 2026-04-03 07:00 UTC (0 9 * * fri, Europe/Berlin)" in (body(shown) or "")
        assert "lunch: 2026-03-27 11:30 UTC (30 11 * * *, UTC) to all rooms" in (body(shown) or "")

        clock.turn(datetime(2026, 3, 27, 11, 29, 59, tzinfo=UTC))
        for room in (one, two):
            await owner.wait_for(lambda s, room=room: is_message(s, f"{room}/{NICK}", "Lunch is ready"))

        other.tell(bare, "!notice now standup")
        owner.tell(bare, "!notice now supper")
        await owner.wait_for(lambda s: "There is no notice supper" in (body(s) or ""))
        owner.tell(bare, "!notice now standup")
        await owner.wait_for(lambda s: body(s) == "Posted standup to 1 rooms.")
        assert posts(owner, one).count("Time to stand up") == 2
        assert posts(owner, two) == ["Lunch is ready"]


async def test_notices_are_found_as_a_form_too(server, people, account, fresh_room, tmp_path):
    [owner] = await people("owner")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner", affiliations={f"{name}@{server.domain}": "admin"})
    toml = NOTICES.format(admin=owner.bare, one=fresh_room)
    async with running_app(write_config(tmp_path, server, name, [fresh_room], toml)):
        presence = await owner.wait_for(lambda s: is_presence(s, f"{fresh_room}/{NICK}"))
        full = next(element.get("jid", "") for element in presence.iter(f"{MUC_USER}item"))
        result = await owner.run_command(full, "notices")
        assert "standup" in "".join(result.element.itertext())
        done = await owner.run_command(full, "notice", {"action": "now", "name": "lunch"})
        assert done.status == "completed"
        await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}", "Lunch is ready"))
