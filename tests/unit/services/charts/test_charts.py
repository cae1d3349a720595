from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from botkit.errors import MisuseError
from botkit.model.address import Address
from botkit.model.archive import Said
from botkit.model.messages import ArchiveId, MessageId
from botkit.services.charts import Bars, Mark, activity_chart, bar_chart
from botkit.services.charts.activity import activity_bars, edges
from botkit.services.charts.bars import MOST, shown, step_for
from botkit.storage.memory import MemoryStorage

ROOM = Address.parse("lobby@rooms.example.org")
BERLIN = ZoneInfo("Europe/Berlin")
BLUE = (43, 108, 176)


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def blue_columns(image: Image.Image) -> list[int]:
    """How many pixels of each column belong to a bar."""
    return [sum(image.getpixel((x, y)) == BLUE for y in range(image.height)) for x in range(image.width)]


def test_a_chart_is_a_small_png_of_a_known_size() -> None:
    data = bar_chart(Bars(title="Lobby", subtitle="per hour", values=[1, 2, 3]))
    assert data.startswith(b"\x89PNG")
    assert picture(data).size == (900, 380)
    assert len(data) < 20_000


def test_the_same_bars_are_the_same_picture() -> None:
    bars = Bars(title="Lobby", subtitle="per hour", values=[5, 0, 9], marks=[Mark(1, "Mon")])
    assert bar_chart(bars) == bar_chart(bars)


def test_bars_are_as_high_as_their_values() -> None:
    columns = blue_columns(picture(bar_chart(Bars(title="", subtitle="", values=[100, 0, 50, 1]))))
    quarter = (900 - 62 - 18) // 4
    high, none, half, least = (columns[62 + quarter * n + quarter // 2] for n in range(4))
    assert none == 0
    assert high == pytest.approx(2 * half, abs=2)
    assert 0 < least < half / 10


def test_the_smallest_value_is_seen_beside_the_largest() -> None:
    columns = blue_columns(picture(bar_chart(Bars(title="", subtitle="", values=[1_000_000, 1]))))
    assert columns[-100] == 1


def test_nothing_said_is_a_chart_without_bars() -> None:
    assert sum(blue_columns(picture(bar_chart(Bars(title="", subtitle="", values=[0] * 168))))) == 0


@pytest.mark.parametrize("values", [[], [0] * (MOST + 1), [1, -1]])
def test_what_is_no_chart_is_refused(values: list[int]) -> None:
    with pytest.raises(MisuseError):
        bar_chart(Bars(title="", subtitle="", values=values))


def test_as_many_bars_as_there_may_be_are_drawn() -> None:
    assert min(blue_columns(picture(bar_chart(Bars(title="", subtitle="", values=[7] * MOST))))[62:881]) > 0


@pytest.mark.parametrize(("most", "step"), [(0, 1), (4, 1), (5, 2), (12, 3), (13, 5), (21, 10), (81, 30), (1000, 300)])
def test_four_lines_reach_the_highest_bar(most: int, step: int) -> None:
    assert step_for(most) == step


def test_what_the_font_has_not_is_shown_as_a_question_mark() -> None:
    assert shown("größe\u202e\n日") == "gr??e???"


def test_a_title_of_any_length_and_script_is_drawn() -> None:
    assert bar_chart(Bars(title="W" * 5000, subtitle="日" * 5000, values=[1]))


# --- activity ---------------------------------------------------------------------------------------------------------


def test_a_week_has_a_bar_for_each_hour() -> None:
    until = datetime(2026, 3, 8, 12, tzinfo=UTC)
    times = edges(until - timedelta(days=7), until, UTC)
    assert len(times) == 169
    assert (times[0], times[-1]) == (until - timedelta(days=7), until)


def test_the_hour_that_has_begun_has_its_bar() -> None:
    since = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    times = edges(since, since + timedelta(hours=2), UTC)
    assert [at.hour for at in times] == [12, 13, 14, 15]


def test_a_month_has_a_bar_for_each_day_of_the_zone() -> None:
    times = edges(datetime(2026, 3, 10, 15, tzinfo=UTC), datetime(2026, 4, 9, 15, tzinfo=UTC), BERLIN)
    assert {at.hour for at in times} == {0}
    assert len(times) == 32
    assert [at.utcoffset() for at in times[:1] + times[-1:]] == [timedelta(hours=1), timedelta(hours=2)]


@pytest.mark.parametrize("day", [datetime(2026, 3, 29, tzinfo=BERLIN), datetime(2026, 10, 25, tzinfo=BERLIN)])
def test_where_the_clocks_change_every_bar_is_still_an_hour(day: datetime) -> None:
    times = [at.astimezone(UTC) for at in edges(day, day + timedelta(days=2), BERLIN)]
    assert {after - before for before, after in pairwise(times)} == {timedelta(hours=1)}


def test_five_thousand_days_fit_into_one_chart() -> None:
    until = datetime(2026, 3, 8, 12, tzinfo=UTC)
    assert len(edges(until - timedelta(days=5000), until, BERLIN)) - 1 <= MOST


def test_the_chart_says_how_much_where_and_when() -> None:
    times = edges(datetime(2026, 2, 27, tzinfo=BERLIN), datetime(2026, 3, 6, tzinfo=BERLIN), BERLIN)
    bars = activity_bars(ROOM, times, [10] * 168, times[-1])
    assert bars.title == "1,680 messages in lobby@rooms.example.org"
    assert bars.subtitle == "per hour, 27 Feb 2026 to 5 Mar 2026, time zone Europe/Berlin"
    assert [mark.text for mark in bars.marks] == ["Sat 28", "Sun 1", "Mon 2", "Tue 3", "Wed 4", "Thu 5"]


async def test_a_rooms_messages_become_a_picture() -> None:
    log = MemoryStorage().log
    start = datetime(2026, 3, 1, tzinfo=UTC)
    await log.write([
        Said(
            room=ROOM, archive_id=ArchiveId(f"a{n}"), message_id=MessageId(f"m{n}"), at=start + timedelta(hours=n),
            nick="romeo", identity=None, occupant_id=None, real=None, body="hello",
        )
        for n in (0, 30, 47)
    ])  # fmt: skip
    columns = blue_columns(picture(await activity_chart(log, ROOM, start, start + timedelta(days=2))))
    runs = sum(1 for before, now in zip([0, *columns], columns, strict=False) if now and not before)
    assert runs == 3


@pytest.mark.parametrize("span", [timedelta(0), timedelta(days=-1), timedelta(days=5001)])
async def test_a_span_that_is_none_is_refused(span: timedelta) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    with pytest.raises(MisuseError):
        await activity_chart(MemoryStorage().log, ROOM, start, start + span)
    with pytest.raises(MisuseError):
        await activity_chart(MemoryStorage().log, ROOM, start.replace(tzinfo=None), start)
