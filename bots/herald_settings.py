"""The herald's settings."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bots.herald_dates import Birthdays, Rota
from bots.herald_sources import Calendar, Feed
from bots.herald_times import Placed, Timed


class Notice(Timed):
    """One notice."""

    text: str = Field(min_length=1, max_length=10_000)
    chart: bool = Field(False, description="followed by a picture of how much was said in the room")
    chart_days: int = Field(7, ge=1, le=366, description="what the picture shows: so many days before")


class Reminders(BaseModel):
    """What people may have themselves reminded of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_person: int = Field(20, ge=0, le=500, description="reminders that one person may have; 0: none")
    per_room: int = Field(50, ge=0, le=1000, description="reminders that a room may have; 0: none")


class HeraldConfig(BaseModel):
    """The herald's settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    notices: tuple[Notice, ...] = ()
    feeds: tuple[Feed, ...] = ()
    calendars: tuple[Calendar, ...] = ()
    rotas: tuple[Rota, ...] = ()
    birthdays: Birthdays = Field(default_factory=lambda: Birthdays.model_validate({}))
    reminders: Reminders = Field(default_factory=lambda: Reminders.model_validate({}))

    @model_validator(mode="after")
    def _names_differ(self) -> HeraldConfig:
        _refuse_doubled("notices", self.notices)
        _refuse_doubled("rotas", self.rotas)
        _refuse_doubled("feeds", self.feeds)
        _refuse_doubled("calendars", self.calendars)
        return self

    def find(self, name: str) -> Notice | None:
        """The notice of that name."""
        return next((notice for notice in self.notices if notice.name == name), None)


def _refuse_doubled(what: str, things: Iterable[Placed]) -> None:
    names = [thing.name for thing in things]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two {what} are called {', '.join(doubled)}; each name stands for one")
