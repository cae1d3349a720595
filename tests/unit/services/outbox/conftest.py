"""Where notices are said: a clock, a hall of rooms, a database."""

from __future__ import annotations

from pathlib import Path

import pytest

from botkit.testing.fakes import FakeClock
from tests.unit.services.outbox.notice_world import Hall


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def hall(clock: FakeClock) -> Hall:
    return Hall(clock)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "botkit.db"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reflections come at once here, or not at all."""
    monkeypatch.setattr("botkit.services.outbox.delivery._REFLECTED_WITHIN", 0.05)
