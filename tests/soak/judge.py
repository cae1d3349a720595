"""Holds what rooms' archives say against what the bot knows and did. Each broken promise is a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.soak.ground import Truth
from tests.soak.reader import Gap, Row

_SHOWN = 5


@dataclass(slots=True)
class Verdict:
    """``figures`` are counts for people; ``broken`` has a line for each promise that was not kept."""

    figures: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def hold(self, name: str, found: Iterable[object]) -> None:
        """What must not be there: its number, and if it is not 0 the first of them."""
        listed = sorted(map(str, found))
        self.figures[name] = len(listed)
        if listed:
            shown = ", ".join(listed[:_SHOWN]) + (" …" if len(listed) > _SHOWN else "")
            self.broken.append(f"{name}: {len(listed)} ({shown})")


def judge(truth: Truth, rows: list[Row], gaps: list[Gap], told: list[dict[str, Any]], bot_nick: str) -> Verdict:
    """``rows`` and ``gaps`` are the bot's log, ``told`` its journal; ``bot_nick`` begins the nicks that it may have."""
    verdict = Verdict()
    said = {key: one for key, one in truth.said.items() if one.body}
    verdict.figures["messages in the archives"] = len(said)
    verdict.figures["gone before they could be read"] = len(truth.gone)
    _hold_log(verdict, said, truth.gone, rows)
    untold = [key for key in truth.gone if not any(gap.covers(key[0], truth.said[key].at) for gap in gaps)]
    verdict.figures["gaps that the bot tells of"] = len(gaps)
    verdict.hold("gone, and in no gap that the bot tells of", untold)
    _hold_handlers(verdict, said, truth.gone, told, bot_nick)
    answers = Counter(one.body for one in said.values() if one.nick.startswith(bot_nick))
    _hold_commands(verdict, told, answers)
    _hold_notices(verdict, told, answers)
    return verdict


def _hold_log(verdict: Verdict, said: dict[Any, Any], gone: set[Any], rows: list[Row]) -> None:
    logged = Counter((row.room, row.number) for row in rows if row.number is not None)
    verdict.figures["messages in the bot's log"] = len(rows)
    verdict.hold("lost", said.keys() - gone - logged.keys())
    verdict.hold("of an unknown archive id", logged.keys() - said.keys())
    verdict.hold("without an archive id", [(row.room, row.id, row.body[:40]) for row in rows if row.number is None])
    # Ids of messages are ours, and each was used once; what the archive has twice was sent twice by the server.
    in_archive = Counter((one.room, one.id, one.nick) for one in said.values() if one.id)
    in_log = Counter((row.room, row.id, row.nick) for row in rows if row.id)
    doubled = [key for key, times in in_log.items() if times > max(1, in_archive[key])]
    verdict.hold("doubled", doubled + [key for key, times in logged.items() if times > 1])
    texts = {key: one.body for key, one in said.items()}
    wrong = [row.number for row in rows if texts.get((row.room, row.number), row.body) != row.body]
    verdict.hold("logged with another text", wrong)


def _hold_handlers(
    verdict: Verdict, said: dict[Any, Any], gone: set[Any], told: list[dict[str, Any]], bot_nick: str
) -> None:
    saw = Counter((line["room"], line["id"]) for line in told if line["what"] == "saw")
    wanted = {key for key, one in said.items() if not one.nick.startswith(bot_nick)} - gone
    verdict.figures["seen by handlers"] = sum(saw.values())
    repeated = sum(line["what"] == "saw" and line.get("source") == "repeated" for line in told)
    verdict.figures["handed to them again, marked as repeated"] = repeated
    fresh = Counter(
        (line["room"], line["id"]) for line in told if line["what"] == "saw" and line.get("source") != "repeated"
    )
    verdict.hold("seen twice, and not marked as repeated", [key for key, times in fresh.items() if times > 1])
    verdict.hold("never seen by handlers", wanted - saw.keys())


def _hold_commands(verdict: Verdict, told: list[dict[str, Any]], answers: Counter[str]) -> None:
    ran = Counter(line["token"] for line in told if line["what"] == "ran")
    verdict.figures["commands run"] = len(ran)
    verdict.figures["of them without an answer in the room"] = sum(not answers[f"done {token}"] for token in ran)
    verdict.hold("commands run twice", [token for token, times in ran.items() if times > 1])
    doubled = [text for text, times in answers.items() if times > 1 and text.split(" ")[0] in ("done", "here")]
    verdict.hold("answers given twice", doubled)


def _hold_notices(verdict: Verdict, told: list[dict[str, Any]], answers: Counter[str]) -> None:
    accepted = {line["token"] for line in told if line["what"] == "noted"}
    begun = {line["token"] for line in told if line["what"] == "noting"}
    verdict.figures["notices taken on"] = len(accepted)
    verdict.hold("notices that are not in the room", [token for token in accepted if not answers[f"notice {token}"]])
    verdict.hold("notices doubled", [token for token in begun | accepted if answers[f"notice {token}"] > 1])
