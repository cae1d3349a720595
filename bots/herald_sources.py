"""The settings of what the herald reads elsewhere: feeds and calendars."""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from botkit.modules import Duration, FilePath, PositiveDuration
from bots.herald_looking import known_fields
from bots.herald_times import Placed, TimeOfDay, Zoned

FEED_FIELDS = ("feed", "title", "link")
EVENT_FIELDS = ("summary", "start", "location")


def _is_web(url: str | None) -> str | None:
    if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise ValueError("expected a URL like https://example.org/feed.xml")
    return url


class Feed(Placed):
    """An RSS or Atom feed whose new entries are posted."""

    url: str
    every: PositiveDuration = Field(dt.timedelta(minutes=30), description="how often it is asked, from a minute")
    first: int = Field(0, ge=0, le=20, description="entries that are posted at the first look")
    most: int = Field(5, ge=1, le=50, description="entries that are posted after one look")
    text: str = Field("{feed}: {title} {link}", min_length=1, max_length=2000)
    private: bool = Field(False, description="may have an address of a private network")

    _web = field_validator("url")(_is_web)

    @field_validator("every")
    @classmethod
    def _slow_enough(cls, value: dt.timedelta) -> dt.timedelta:
        if value < dt.timedelta(minutes=1):
            raise ValueError("a minute is the least")
        return value

    @field_validator("text")
    @classmethod
    def _names_fields(cls, value: str) -> str:
        return known_fields(value, FEED_FIELDS)


class Calendar(Zoned):
    """An iCalendar file whose events are announced. ``timezone``: of times without a zone, and of what is said."""

    url: str | None = None
    path: FilePath | None = None
    before: Duration = Field(dt.timedelta(minutes=10), description="how long before an event begins")
    all_day: TimeOfDay = Field(dt.time(9), description="when events of whole days are announced, on the day")
    every: PositiveDuration = Field(dt.timedelta(minutes=15), description="how often it is read, from a minute")
    text: str = Field("{summary} begins {start}", min_length=1, max_length=2000)
    private: bool = Field(False, description="may have an address of a private network")

    _web = field_validator("url")(_is_web)

    @field_validator("text")
    @classmethod
    def _names_fields(cls, value: str) -> str:
        return known_fields(value, EVENT_FIELDS)

    @model_validator(mode="after")
    def _is_somewhere(self) -> Calendar:
        if (self.url is None) == (self.path is None):
            raise ValueError("say where the calendar is, by one of url and path")
        if self.every < dt.timedelta(minutes=1):
            raise ValueError("every: a minute is the least")
        if self.before > dt.timedelta(days=7):
            raise ValueError("before: a week is the most")
        return self

    @property
    def source(self) -> str:
        """Where it is."""
        return self.url or str(self.path)
