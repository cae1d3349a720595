"""Several that open one new database at the same moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from botkit.model.address import Address
from botkit.storage.sqlite import SqliteStorage


@pytest.mark.parametrize("round_", range(5))
async def test_accounts_that_make_one_database_together_all_get_it(tmp_path: Path, round_: int) -> None:
    async def use(number: int) -> None:
        async with SqliteStorage.open(tmp_path / "new.db", Address.parse(f"bot{number}@example.org")) as storage:
            await storage.values.put("space", "key", number)
            assert await storage.values.get("space", "key") == number

    await asyncio.gather(*(use(number) for number in range(6)))
