"""The herald's turns, birthdays and charts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from botkit.errors import UploadFailed
from botkit.model.actions import SendMessage
from botkit.services.schedule import trigger_of
from botkit.testing.tester import RoomTester
from bots import herald, herald_rota
from bots.herald_dates import Rota
from bots.herald_settings import HeraldConfig

ROTA: dict[str, Any] = {
    "name": "plants", "people": ["Ada", "Grace", "Alan"], "starts": "2026-01-07", "cron": "0 9 * * mon",
    "timezone": "Europe/Berlin", "text": "{who}, then {next}",
}  # fmt: skip


@pytest.mark.parametrize(
    ("turn", "at", "who"),
    [
        ("week", "2026-01-05T00:30+01:00", "Ada"),
        ("week", "2026-01-11T23:30+01:00", "Ada"),
        ("week", "2026-01-12T00:30+01:00", "Grace"),
        ("week", "2025-12-31T12:00+01:00", "Alan"),
        ("week", "2027-01-04T12:00+01:00", "Grace"),
        ("day", "2026-01-09T12:00+01:00", "Alan"),
        ("month", "2026-02-01T00:00+01:00", "Grace"),
        ("month", "2027-01-31T00:00+01:00", "Ada"),
    ],
)
def test_turns_go_round_by_the_calendar_of_the_zone(turn: str, at: str, who: str) -> None:
    assert Rota.model_validate(ROTA | {"turn": turn}).turn_of(datetime.fromisoformat(at))["who"] == who


async def test_a_rota_is_told_and_asked_for() -> None:
    async with RoomTester(herald.module, config={"rotas": [ROTA]}) as room:
        await room.tick("rotas/plants", room.address)
        assert room.said == ["Ada, then Grace"]
        await room.join("alice").says("!rota")
        assert room.said[-1] == "plants: Ada, then Grace"
        await room.join("bob").says("!rota tea")
        assert room.said[-1] == "There is no such rota."


def test_birthdays_have_a_job_for_each_day_and_leap_days_come_every_year() -> None:
    people = [{"name": "A", "date": "02-29"}, {"name": "B", "date": "1990-12-10"}, {"name": "C", "date": "12-10"}]
    jobs = herald_rota.jobs(HeraldConfig.model_validate({"birthdays": {"people": people, "timezone": "Asia/Tokyo"}}))
    assert [job.job for job in jobs] == ["birthdays/02-29", "birthdays/12-10"]
    leap = trigger_of(jobs[0].rule or {})
    assert leap.next(datetime(2026, 1, 1, tzinfo=UTC)) == datetime(2026, 2, 28, 0, 0, tzinfo=UTC)
    assert leap.next(datetime(2028, 1, 1, tzinfo=UTC)) == datetime(2028, 2, 29, 0, 0, tzinfo=UTC)


async def test_everybody_born_on_a_day_is_congratulated() -> None:
    people = [{"name": "Ada", "date": "12-10"}, {"name": "Bob", "date": "12-10"}, {"name": "Carl", "date": "12-11"}]
    async with RoomTester(herald.module, config={"birthdays": {"people": people}}) as room:
        await room.tick("birthdays/12-10", room.address)
        assert room.said == ["Happy birthday, Ada!", "Happy birthday, Bob!"]


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"birthdays": {"people": [{"name": "x", "date": "02-30"}]}}, "12-10"),
        ({"birthdays": {"people": [{"name": "x", "date": 7}]}}, "12-10"),
        ({"birthdays": {"text": "{age}"}}, "{age}"),
        ({"rotas": [ROTA | {"people": []}]}, "people"),
        ({"rotas": [ROTA | {"turn": "year"}]}, "turn"),
        ({"rotas": [ROTA | {"starts": "soon"}]}, "2026-01-05"),
        ({"rotas": [ROTA, ROTA]}, "plants"),
    ],
)
def test_dates_that_cannot_be_are_refused(config: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError) as refused:
        HeraldConfig.model_validate(config)
    assert named in str(refused.value)


CHART = {"name": "week", "text": "How busy we were:", "cron": "0 17 * * fri", "chart": True}


async def test_a_notice_is_followed_by_a_chart_once() -> None:
    async with RoomTester(herald.module, config={"notices": [CHART]}) as room:
        await room.join("alice").says("hello")
        await room.passes(60)
        await room.tick("week", room.address)
        await room.tick("week", room.address)
        [url] = room.link.uploads
        assert room.link.uploads[url].startswith(b"\x89PNG")
        assert room.said == ["How busy we were:", url]
        assert [a.url for a in room.link.done if isinstance(a, SendMessage)][-1] == url


async def test_without_upload_the_notice_stands_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object, **__: object) -> str:
        raise UploadFailed("the quota is used up")

    async with RoomTester(herald.module, config={"notices": [CHART]}) as room:
        monkeypatch.setattr(room.link, "upload", full)
        await room.tick("week", room.address)
        assert room.said == ["How busy we were:"]
        assert room.log.of("warning") == ["no chart"]
