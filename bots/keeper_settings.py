"""The keeper's settings, and the rules that they make."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from botkit.model.address import Address
from botkit.services.moderation import (
    AnomalyRule,
    DuplicateRule,
    FloodRule,
    ImmuneSet,
    Ladder,
    Limits,
    LinkRule,
    Measure,
    Policy,
    Rule,
    Warden,
    WordRule,
)

Points = Annotated[int, Field(ge=0, le=1000)]
_Step = Annotated[int, Field(ge=1, le=100_000)]


def _never(value: object) -> object:
    """TOML has no null: there a step that is never taken is ``false``."""
    return None if value is False else value


Step = Annotated[_Step | None, BeforeValidator(_never, json_schema_input_type=_Step | Literal[False] | None)]


class KeeperConfig(BaseModel):
    """The keeper's settings; each may differ by room. A step that is None (``false`` in TOML) is never taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dry_run: bool = Field(False, description="only say in the log what would be done")
    words: tuple[str, ...] = Field((), description="words and phrases that are not wanted; * at an end: any ending")
    allow_words: tuple[str, ...] = Field((), description="phrases in which an unwanted word does not count")
    word_points: Points = 2
    deny_links: tuple[str, ...] = Field((), description="domains that are never to be linked to")
    allow_links: tuple[str, ...] = Field((), description="domains that may be linked to")
    other_links: bool = Field(True, description="may domains be linked to that are in neither list?")
    link_points: Points = 2
    flood_messages: int = Field(8, ge=1, le=60, description="so many messages of one person ...")
    flood_seconds: float = Field(10, gt=0, description="... within so many seconds are all right")
    flood_points: Points = 2
    duplicate_times: int = Field(3, ge=2, le=60, description="the same text so many times ...")
    duplicate_seconds: float = Field(120, gt=0, description="... within so many seconds is spam")
    duplicate_points: Points = 2
    malformed_points: Points = Field(0, description="for stanzas malformed as no ordinary client makes them")
    ignore_malformed: tuple[str, ...] = ()
    warn_after: Step = Field(1, description="points for a private warning")
    retract_after: Step = Field(2, description="points for taking messages away")
    devoice_after: Step = Field(4, description="points for taking the voice")
    kick_after: Step = 6
    ban_after: Step = 10
    forget_after: float = Field(3600, gt=0, description="seconds after which points are forgotten")
    immune_members: bool = True
    immune: tuple[str, ...] = Field((), description="bare JIDs and domains that are never acted against")
    log_room: str | None = Field(None, description="a room in which each action is told in one line; list it in rooms")
    limits: Limits = Field(Limits(), description="how much the bot may do before it stops and calls for people")

    @field_validator("log_room")
    @classmethod
    def _is_room(cls, value: str | None) -> str | None:
        return None if value is None else str(Address.parse(value).bare)

    @field_validator("immune")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(Address.parse(one).bare) for one in value)

    def model_post_init(self, _context: object) -> None:
        """Compile the rules, so that what is wrong with them is told with the config."""
        _ = self.warden

    @cached_property
    def warden(self) -> Warden:
        """Judges and acts by these settings; what it remembers of people lives as long as they do."""
        steps = {
            Measure[name.upper()]: getattr(self, f"{name}_after")
            for name in ("warn", "retract", "devoice", "kick", "ban")
        }
        policy = Policy(
            rules=self._rules(),
            ladder=Ladder({m: points for m, points in steps.items() if points is not None}, self.forget_after),
            immune=ImmuneSet(members=self.immune_members, addresses=frozenset(map(Address.parse, self.immune))),
            limits=self.limits,
            dry_run=self.dry_run,
        )
        return Warden(policy)

    def _rules(self) -> list[Rule]:
        rules: list[Rule] = [
            WordRule(self.words, allow=self.allow_words, points=self.word_points),
            LinkRule(deny=self.deny_links, allow=self.allow_links, others=self.other_links, points=self.link_points),
            FloodRule(self.flood_messages, self.flood_seconds, points=self.flood_points),
            DuplicateRule(self.duplicate_times, self.duplicate_seconds, points=self.duplicate_points),
        ]
        if self.malformed_points:
            rules.append(AnomalyRule(ignore=self.ignore_malformed, points=self.malformed_points))
        return rules
