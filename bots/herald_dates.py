"""The settings of birthdays, and of people who take turns."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, field_validator

from botkit.modules import RoomJid
from botkit.services.schedule import time_zone
from bots.herald_looking import known_fields
from bots.herald_times import Timed, TimeOfDay, checked


def _day(value: object) -> tuple[int, int]:
    try:
        if isinstance(value, str):
            value = dt.date.fromisoformat(value if value.count("-") == 2 else f"2000-{value}")
    except ValueError:
        value = None
    if not isinstance(value, dt.date):
        raise ValueError('expected a date like "12-10" or 1815-12-10')
    return value.month, value.day


DayOfYear = Annotated[tuple[int, int], PlainValidator(_day), WithJsonSchema({"type": "string", "examples": ["12-10"]})]


class Celebrated(BaseModel):
    """Somebody's birthday; the year does not matter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=200)
    date: DayOfYear


class Birthdays(BaseModel):
    """Birthdays, each told on its day; that of 29 February on the 28th in other years."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    people: tuple[Celebrated, ...] = ()
    time: TimeOfDay = dt.time(9)
    timezone: str = Field("UTC", description="an IANA name, such as Europe/Berlin")
    rooms: tuple[RoomJid, ...] = ()
    text: str = Field("Happy birthday, {name}!", min_length=1, max_length=2000)

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        checked(lambda: time_zone(value))
        return value

    @field_validator("text")
    @classmethod
    def _names_fields(cls, value: str) -> str:
        return known_fields(value, ("name",))


class Rota(Timed):
    """A list of people who take turns, each for a day, a week (from Monday) or a month; told by the clock."""

    people: tuple[str, ...] = Field(min_length=1, max_length=200)
    turn: Literal["day", "week", "month"] = "week"
    starts: Annotated[
        dt.date,
        PlainValidator(lambda value: dt.date(*_date(value))),
        WithJsonSchema({"type": "string", "examples": ["2026-01-05"]}),
    ] = Field(description="a day of the first one's turn")
    text: str = Field("It is {who}'s turn; {next} is next.", min_length=1, max_length=2000)

    @field_validator("text")
    @classmethod
    def _names_fields(cls, value: str) -> str:
        return known_fields(value, ("who", "next"))

    def turn_of(self, moment: dt.datetime) -> dict[str, str]:
        """Whose turn it is at ``moment`` (aware), as ``who``, and who is ``next``."""
        day = moment.astimezone(time_zone(self.timezone)).date()
        if self.turn == "day":
            passed = (day - self.starts).days
        elif self.turn == "week":
            passed = (_monday(day) - _monday(self.starts)).days // 7
        else:
            passed = (day.year - self.starts.year) * 12 + day.month - self.starts.month
        people = self.people
        return {"who": people[passed % len(people)], "next": people[(passed + 1) % len(people)]}


def _date(value: object) -> tuple[int, int, int]:
    try:
        found = dt.date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if not isinstance(found, dt.date):
        raise ValueError("expected a date like 2026-01-05")
    return found.year, found.month, found.day


def _monday(day: dt.date) -> dt.date:
    return day - dt.timedelta(days=day.weekday())
