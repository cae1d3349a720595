"""A room's archive written to disk beforehand, as Prosody's internal storage has it: tens of thousands in a second."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import corpus

_ITEM = """\
item({{
	{{
		{body};
		["attr"] = {{}};
		["name"] = "body";
	}};
	{{
		["attr"] = {{
			["id"] = {id};
			["xmlns"] = "urn:xmpp:sid:0";
		}};
		["name"] = "origin-id";
	}};
	{{
		["attr"] = {{
			["xmlns"] = "urn:xmpp:occupant-id:0";
			["id"] = "k1khbPRBC2KPjR7mW2VZ94Fuld2L0rcrqAB8QbTzORU=";
		}};
		["name"] = "occupant-id";
	}};
	["key"] = "{key}";
	["name"] = "message";
	["with"] = "message<groupchat";
	["attr"] = {{
		["id"] = {id};
		["type"] = "groupchat";
		["xml:lang"] = "en";
		["to"] = {room};
		["stamp"] = "{stamp}";
		["from"] = {author};
	}};
	["when"] = {when};
}});
"""


def write(data: Path, room: str, count: int, span: timedelta) -> tuple[str, datetime]:
    """Give ``room``, which is there already, an archive of ``count`` + 1 messages, said evenly within ``span`` to now.

    ``data`` is the server's folder; it may run. Returns the id and time of the oldest message, which a bot that is to
    read the other ``count`` has already.
    """
    folder = next(data.glob("rooms*")) / "muc_log"
    folder.mkdir(exist_ok=True)
    name = room.partition("@")[0]
    begin = datetime.now(UTC) - span
    said = corpus.messages(room, 0, count + 1)
    with (folder / f"{name}.list").open("w") as file:
        for number, each in enumerate(said):
            at = begin + span * number / (count + 1)
            file.write(
                _ITEM.format(
                    body=json.dumps(each.body, ensure_ascii=False),
                    id=json.dumps(f"archived-{number}"),
                    key=_key(number),
                    room=json.dumps(room),
                    author=json.dumps(f"{room}/talker1"),
                    stamp=at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                    when=f"{at.timestamp():.6f}",
                )
            )
    (folder / f"{name}.lidx").unlink(missing_ok=True)  # the server's index, which it makes again
    return _key(0), begin


def _key(number: int) -> str:
    return f"{0x0193_0000_0000 + number * 40:012x}"[:8] + f"-{number & 0xFFFF:04x}-7aec-badc-{number:012x}"
