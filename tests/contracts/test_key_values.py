"""What every ``KeyValues`` must do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from botkit.errors import MisuseError
from botkit.model.address import Address
from botkit.ports import KeyValues
from botkit.storage.memory import MemoryStorage
from botkit.storage.sqlite import SqliteStorage


@pytest.fixture(params=["memory", "sqlite"])
async def values(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[KeyValues]:
    if request.param == "memory":
        yield MemoryStorage().values
        return
    async with SqliteStorage.open(tmp_path / "values.db", Address.parse("keeper@example.org")) as storage:
        yield storage.values


@pytest.mark.parametrize("value", [1, 0.5, "text \N{ROSE} \ud800", True, [1, [2]], {"a": {"b": None}}, ""])
async def test_value_comes_back_as_it_was_put(values: KeyValues, value: object) -> None:
    await values.put("keeper", "key", value)
    assert await values.get("keeper", "key") == value


async def test_missing_value_is_none(values: KeyValues) -> None:
    assert await values.get("keeper", "key") is None
    await values.delete("keeper", "key")


async def test_put_again_replaces_and_delete_forgets(values: KeyValues) -> None:
    await values.put("keeper", "key", 1)
    await values.put("keeper", "key", 2)
    assert await values.get("keeper", "key") == 2
    await values.delete("keeper", "key")
    assert await values.get("keeper", "key") is None


async def test_spaces_are_apart(values: KeyValues) -> None:
    await values.put("keeper", "key", 1)
    await values.put("herald", "key", 2)
    await values.delete("herald", "key")
    assert await values.get("keeper", "key") == 1


async def test_items_by_prefix_in_order_of_keys(values: KeyValues) -> None:
    for key in ("case:2", "case:1", "Case:3", "cas", "case%", "case_"):
        await values.put("keeper", key, key)
    assert list(await values.items("keeper", "case:")) == ["case:1", "case:2"]
    assert dict(await values.items("keeper", "case_")) == {"case_": "case_"}
    assert len(await values.items("keeper")) == 6
    assert await values.items("herald") == {}


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}, b"bytes"])
async def test_what_is_no_json_is_refused(values: KeyValues, value: object) -> None:
    with pytest.raises(MisuseError, match="'key' of 'keeper'"):
        await values.put("keeper", "key", value)
    assert await values.get("keeper", "key") is None


async def test_later_changes_of_an_object_do_not_change_what_was_put(values: KeyValues) -> None:
    points = [1]
    await values.put("keeper", "key", points)
    points.append(2)
    assert await values.get("keeper", "key") == [1]
