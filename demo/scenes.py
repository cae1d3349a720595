"""The scenes, in order. Each proves its rows of the ledger by what other clients see."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from demo.config import BOT, NICK, ROOM
from demo.proof import compare, read_archive
from demo.stage import Stage
from tests.server.wire import MUC_USER, StanzaFailed, is_presence

Scene = Callable[[Stage], Awaitable[None]]

_COMMANDS = "http://jabber.org/protocol/commands"
_SMALL_TALK = (
    ("alice", "Quiet now, isn't it?"),
    ("bob", "The notice comes with the full minute, so I heard."),
    ("carol", "Then let us wait for it."),
    ("alice", "Time for a cup of tea."),
    ("bob", "Mine is green."),
    ("carol", "And mine is black, with milk."),
)


async def greet(stage: Stage) -> None:
    """The bot joins, people come in."""
    await stage.bot.start()
    await stage.until_logged("history caught up", 0, 20)
    await stage.eyes.until(lambda: stage.eyes.roles.get(NICK) == "moderator", "the bot joins")
    for name in ("bob", "carol", "mallory", "trudy", "oscar"):
        await stage.enter(name)
    await stage.say("alice", "Welcome, everybody!")
    await stage.say("bob", "Hello! Who is keeper?")
    await stage.say("alice", "Our bot. It reads along and keeps the room tidy.")


async def questions(stage: Stage) -> None:
    """People ask the bot."""
    await stage.ask("carol", "!help", r"!dice\b")
    await stage.ask("carol", "!dice 2d6", r"^\d \+ \d = \d+$")
    await stage.ask("carol", "!dice two", r"2d6")
    await stage.ask("bob", "!status", r"Rights: admin, moderator")
    await stage.ask("carol", "!ban alice", r"(?i)admin")
    stage.ledger.put("commands", stage.answered == stage.asked, f"{stage.answered} of {stage.asked} in the room")


async def spam(stage: Stage) -> None:
    """Spam of four kinds; who goes on loses voice or place."""
    eyes = stage.eyes
    await stage.taken_away([await stage.say_spam("mallory", "Win big tonight at my CASINO!", "word")], "a word")
    spared = await stage.say("alice", "No casino talk in here, please.")
    pills = await stage.say_spam("trudy", "Cheap pills: https://www.pills.example/buy?id=7", "link")
    await stage.taken_away([pills], "a link")
    for _ in range(2):
        await stage.say("mallory", "Join my channel, you will love it", pause=0.4)
    third = await stage.say_spam("mallory", "Join my channel, you will love it", "repetition")
    await eyes.until(lambda: eyes.roles["mallory"] == "visitor", "mallory loses voice")
    await stage.taken_away([third], "a repetition")
    await stage.say_refused("mallory", "Why does nobody answer me?")
    for number in range(1, 7):
        await stage.say("oscar", f"look at me{'!' * number}", pause=0.1)
    flood = await stage.say_spam("oscar", "LOOK AT ME", "flood")
    await stage.taken_away([flood], "a flood")
    worse = await stage.say_spam("trudy", "c-a-s-i-n-o chips and pills.example/best", "word and link")
    await stage.taken_away([worse], "a word and a link")
    await eyes.until(lambda: eyes.roles["trudy"] == "none", "trudy is put out")
    stage.ledger.put("ladder", True, "mallory lost voice, trudy was put out, later banned by hand")
    if spared in eyes.gone:
        stage.ledger.fail("spared", "a moderator's message was retracted")


async def forms(stage: Stage) -> None:
    """Ad-hoc commands (XEP-0050) from ordinary clients."""
    bob, carol = stage.people["bob"], stage.people["carol"]
    await stage.enter("trudy")
    await stage.say("trudy", "Here I am again. You cannot stop me!")
    bot = _real_address(stage)
    offered = [item["node"] for item in await bob.items(bot, _COMMANDS)]
    stage.screen.answer("bob", "asks by disco which commands the bot has for him:", [", ".join(offered)])
    await stage.pause(1.5)
    status = await bob.run_command(bot, "status")
    stage.screen.answer("bob", "runs “status”:", status.fields.get("result", []))
    await stage.pause(2.0)
    form = await bob.run_command(bot, "ban")
    values = {"who": "trudy", "reason": "spam, again and again"}
    filled = [
        f"{name}: {values.get(name) or ' '.join(given) or '-'}"
        for name, given in form.fields.items()
        if name != "FORM_TYPE"
    ]
    stage.screen.answer("bob", "opens the form of “ban”, fills it in and sends it:", filled)
    await bob.run_command(bot, "ban", values)
    await stage.eyes.until(lambda: stage.eyes.roles["trudy"] == "none", "trudy is banned")
    await stage.pause(1.5)
    hers = [item["node"] for item in await carol.items(f"{ROOM}/{NICK}", _COMMANDS)]
    stage.screen.answer("carol", "asks, too, and is offered:", [", ".join(hers)])
    try:
        await carol.run_command(f"{ROOM}/{NICK}", "ban", {"who": "bob"})
        refused = ""
    except StanzaFailed as problem:
        refused = problem.condition
        stage.screen.answer("carol", f"tries “ban” all the same: {refused}", [])
    await stage.pause(1.5)
    stage.ledger.put(
        "adhoc",
        refused == "forbidden" and {"status", "ban"} <= set(offered) and "ban" not in hers,
        f"{len(offered)} found by disco; status and ban run by their forms; carol: {refused or 'NOT REFUSED'}",
    )


def _real_address(stage: Stage) -> str:
    """The bot's full JID, as moderators see it."""
    presences = (e for e in reversed(stage.people["bob"].received) if is_presence(e, f"{ROOM}/{NICK}"))
    items = (presence.find(f"{MUC_USER}x/{MUC_USER}item") for presence in presences)
    return next(jid for item in items if item is not None and (jid := item.get("jid")))


async def notice(stage: Stage) -> None:
    """The herald's notice comes with the full minute."""
    talk = iter(_SMALL_TALK)
    waited = time.monotonic() + 62
    while not stage.notices():
        if time.monotonic() > waited:
            raise TimeoutError("no notice within 62 s")
        line = next(talk, None) if stage.calm else None
        if line is not None and 60 - time.time() % 60 > 3:
            await stage.say(*line, pause=2.5)
        else:
            await stage.eyes.until(stage.notices, "the notice", 62)
    posted = stage.notices()[0]
    late = posted.at % 60
    stage.screen.note(f"the notice came {late:.2f} s after the full minute")
    stage.ledger.put("notice", late < 5, f"{late:.2f} s after it was due")
    await stage.pause(1.0)


async def absence(stage: Stage) -> None:
    """The bot is killed; people talk and spam; it comes back and makes up for it."""
    eyes, mark = stage.eyes, len(stage.narrator.log)
    pid, began = stage.bot.pid, time.monotonic()
    await stage.bot.kill()
    stage.screen.note(f"the bot's process {pid} is killed, as by a power cut (SIGKILL)")
    await eyes.until(lambda: eyes.roles[NICK] == "none", "the room notices that the bot is away", 15)
    said = [await stage.say("alice", "Is keeper gone?")]
    bad = [await stage.say_spam("oscar", "Nobody watches: free crypto for all!", "word", pause=1.0)]
    said.append(await stage.say("carol", "It will be back, and it reads the archive."))
    bad.append(await stage.say_spam("oscar", "And pills: https://pills.example/now", "link", pause=1.0))
    said += [await stage.say("bob", "I would not try that, oscar."), *bad]
    if set(bad) & eyes.gone.keys():
        raise AssertionError("somebody else retracted the spam")
    await stage.bot.start()
    stage.screen.note("the bot is started again")
    line = await stage.until_logged("history caught up", mark, 20)
    away = time.monotonic() - began
    await stage.taken_away(bad, "what oscar said while the bot was away")
    # Where the flood of a moment ago was not written down when the power went, it counts again, and oscar is put out.
    await eyes.until(lambda: eyes.roles["oscar"] in ("visitor", "none"), "oscar is stopped")
    kept = await _in_history(stage, said)
    stage.ledger.put(
        "gap",
        kept == len(said),
        f"{kept} of {len(said)} messages of {away:.0f} s without the bot ({line.get('read')} archive entries read),"
        f" {len(bad)} of {len(bad)} spam among them retracted",
    )
    await stage.ask("carol", "!dice", r"^\d$")
    stage.ledger.put("commands", stage.answered == stage.asked, f"{stage.answered} of {stage.asked} in the room")


async def _in_history(stage: Stage, ids: list[str]) -> int:
    """How many of these ``botkit history`` has; the bot writes in batches, so it is asked until it has all."""
    deadline = time.monotonic() + 8
    while True:
        rows = {str(row["archive_id"]) for row in await stage.bot.history(ROOM)}
        found = len(rows & set(ids))
        if found == len(ids) or time.monotonic() > deadline:
            return found
        await asyncio.sleep(0.2)


async def end(stage: Stage) -> None:
    """The bot is told to stop; then its history is held against the room's archive."""
    await stage.say("alice", "Thank you, keeper. Good night!")
    code, seconds = await stage.bot.stop()
    stage.screen.note(f"SIGTERM: the bot's process ended with exit code {code} after {seconds:.2f} s")
    stage.ledger.put("clean", code == 0 and seconds < 10, f"exit code {code}, {seconds:.2f} s after SIGTERM")
    await stage.eyes.until(lambda: stage.eyes.roles[NICK] == "none", f"{BOT} has left")
    await count(stage)


async def count(stage: Stage) -> None:
    """The independent check."""
    eyes = stage.eyes
    history = await stage.bot.history(ROOM)
    archive = await read_archive(stage.people["alice"], ROOM)
    found = compare(history, archive, eyes.gone.keys())
    stage.screen.note(f"bot's history beside the room's archive, read by another client: {found.figures}")
    stage.ledger.put("equal", found.ok and found.in_archive, found.figures)
    known = {str(row["archive_id"]) for row in history}
    stage.ledger.put(
        "messages", eyes.said.keys() <= known, f"{len(eyes.said.keys() & known)} of {len(eyes.said)} said in the room"
    )
    gone = stage.spam.keys() & eyes.gone.keys()
    kinds = ", ".join(dict.fromkeys(stage.spam.values()))
    stage.ledger.put("spam", len(gone) == len(stage.spam) > 0, f"{len(gone)} of {len(stage.spam)} ({kinds})")
    wrong = eyes.gone.keys() - stage.spam.keys()
    stage.ledger.put(
        "spared", not wrong, f"{len(wrong)} of {len(eyes.said) - len(stage.spam)} other messages retracted"
    )
