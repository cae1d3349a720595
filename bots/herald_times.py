"""When a notice comes, as the config says it: one of ``cron``, ``every``, ``at`` and ``monthly``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, field_validator, model_validator

from botkit.errors import ConfigError
from botkit.model.address import Address
from botkit.model.durations import format_duration
from botkit.model.events import Tick
from botkit.model.jobs import Missed
from botkit.modules import Duration, PositiveDuration, RoomJid
from botkit.services.schedule import Cron, Interval, Monthly, Once, time_zone

When = Cron | Interval | Monthly | Once
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
PUNCTUAL = dt.timedelta(minutes=1)
"""What is no later than this is told as being on time."""

T = TypeVar("T")


def checked(parse: Callable[[], T]) -> T:
    """What ``parse`` gives; its ``ConfigError`` as the ``ValueError`` that pydantic understands."""
    try:
        return parse()
    except ConfigError as problem:
        raise ValueError(str(problem)) from None


def _time(value: object) -> dt.time:
    if isinstance(value, str):
        try:
            value = dt.time.fromisoformat(value)
        except ValueError:
            value = None
    if not isinstance(value, dt.time) or value.tzinfo is not None:
        raise ValueError('expected a time of day like "09:00"')
    return value


def _moment(value: object) -> dt.datetime:
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            value = None
    if not isinstance(value, dt.datetime):
        raise ValueError("expected a date and time like 2026-12-24T18:00")
    return value


TimeOfDay = Annotated[dt.time, PlainValidator(_time), WithJsonSchema({"type": "string", "examples": ["09:00"]})]
Moment = Annotated[
    dt.datetime, PlainValidator(_moment), WithJsonSchema({"type": "string", "examples": ["2026-12-24T18:00"]})
]


class Placed(BaseModel):
    """What goes to rooms. ``rooms`` empty: every room that the bot is in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[\w.-]{1,64}$", description="one word; unique")
    rooms: tuple[RoomJid, ...] = ()

    def addresses(self) -> tuple[Address, ...]:
        """Where it goes; () is everywhere."""
        return self.rooms

    def where(self) -> str:
        """Where it goes, for people."""
        return ", ".join(map(str, self.rooms)) or "all rooms"


class Zoned(Placed):
    """What tells times."""

    timezone: str = Field("UTC", description="an IANA name, such as Europe/Berlin")

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        checked(lambda: time_zone(value))
        return value


class Timed(Zoned):
    """What comes by the clock."""

    cron: str | None = Field(None, description="minute hour day month weekday, as in cron")
    every: PositiveDuration | None = Field(None, description="a length of time, from a minute")
    at: Moment | None = Field(None, description="a date and time, once")
    monthly: str | None = Field(None, description="a day of the month: 15, last, last fri or 2nd tue")
    time: TimeOfDay | None = Field(None, description="with monthly: the time of day")
    months: tuple[int, ...] = Field((), description="with monthly: 1 to 12, else every month")
    missed: Missed = Field(Missed.ONCE, description="what becomes of times that passed: once, each or skip")
    grace: Duration = Field(dt.timedelta(minutes=5), description="how late it may be posted")
    expires: PositiveDuration = Field(dt.timedelta(hours=1), description="how long it waits for a room")
    say_late: bool = Field(False, description="say so if it is late")

    @model_validator(mode="after")
    def _comes(self) -> Timed:
        said = [key for key in ("cron", "every", "at", "monthly") if getattr(self, key) is not None]
        if len(said) != 1:
            raise ValueError(f"say when by one of cron, every, at and monthly; here is {' and '.join(said) or 'none'}")
        if self.monthly is None and (self.time is not None or self.months):
            raise ValueError("time and months belong to monthly")
        if self.monthly is not None and self.time is None:
            raise ValueError("monthly needs a time, such as 09:00")
        if self.every is not None and self.every < dt.timedelta(minutes=1):
            raise ValueError("every: a minute is the least")
        checked(self.when)
        return self

    def when(self) -> When:
        """Its times. Raises ``ConfigError``."""
        if self.cron is not None:
            return Cron.parse(self.cron, self.timezone)
        if self.every is not None:
            return Interval(self.every, EPOCH)
        if self.monthly is not None and self.time is not None:
            return Monthly.parse(self.monthly, self.time, self.timezone, self.months)
        assert self.at is not None, "one of the four is there"
        zoned = self.at if self.at.tzinfo is not None else self.at.replace(tzinfo=time_zone(self.timezone))
        return Once.at(zoned, self.timezone)

    def rule_words(self) -> str:
        """When it comes, for people."""
        if self.cron is not None:
            return f"{self.cron}, {self.timezone}"
        if self.every is not None:
            return f"every {format_duration(self.every)}"
        if self.at is not None:
            return f"once, {self.timezone}"
        months = f" of {', '.join(map(str, self.months))}" if self.months else ""
        return f"{self.monthly}{months} {self.time:%H:%M}, {self.timezone}"

    def lateness(self, tick: Tick) -> str:
        """ "(due 09:00, sent 09:12)" where that is asked for and it is so, else ""."""
        return late(tick, time_zone(self.timezone)) if self.say_late else ""


def late(tick: Tick, zone: dt.tzinfo) -> str:
    """How late a run is, for the end of a text: "" where it is not."""
    begun = tick.begun or tick.at
    if begun - tick.at <= PUNCTUAL:
        return ""
    due, sent = tick.at.astimezone(zone), begun.astimezone(zone)
    shape = "%H:%M" if due.date() == sent.date() else "%Y-%m-%d %H:%M"
    return f" (due {due.strftime(shape)}, sent {sent.strftime(shape)})"
