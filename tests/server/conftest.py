"""Real servers and people for the tests; ``--prosody=0.12,13`` (or ``BOTKIT_TEST_PROSODY``) chooses generations."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest

from botkit.testing.prosody import (
    Generation,
    Prosody,
    ProsodyInstall,
    ProsodyOptions,
    ProsodyUnavailable,
    find_or_fetch,
)
from tests.server.bots import start_app, start_bot, start_link
from tests.server.clients import Client

__all__ = ["start_app", "start_bot", "start_link"]  # fixtures that live in a file of their own

_BOTH = ",".join(generation.value for generation in Generation)
_GENERATIONS = pytest.StashKey[list[Generation]]()

type_of_client_factory = Callable[..., Awaitable[Client]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--prosody", default=None, metavar="0.12,13", help="generations of Prosody to test against (default: both)"
    )

    parser.addoption(
        "--every-byte", action="store_true", help="also cut the connection at every byte of an exchange (minutes)"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "every_byte: thousands of cuts; only with --every-byte")
    config.addinivalue_line(
        "markers", "any_server: about the bot's process rather than the server's protocol; runs on the newest alone"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--every-byte", default=False):
        long = [item for item in items if item.get_closest_marker("every_byte")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "generation" in metafunc.fixturenames:
        # The option is unknown to pytest when this folder was not named on the command line.
        chosen = metafunc.config.getoption("--prosody", default=None) or os.environ.get("BOTKIT_TEST_PROSODY") or _BOTH
        names = [name.strip() for name in chosen.split(",")]
        if chosen == _BOTH and metafunc.definition.get_closest_marker("any_server"):
            names = [list(Generation)[-1].value]
        generations = [Generation(name) for name in names]
        metafunc.parametrize(
            "generation", generations, indirect=True, scope="session", ids=[f"prosody-{name}" for name in names]
        )


@pytest.fixture(scope="session")
def generation(request: pytest.FixtureRequest) -> Generation:
    """Which generation of Prosody this test runs against; tests that use any server run once for each."""
    chosen: Generation = request.param
    return chosen


@pytest.fixture(scope="session")
def install(generation: Generation) -> ProsodyInstall:
    """The Prosody of this generation; the test fails with what to install where there is none."""
    try:
        return find_or_fetch(generation)
    except ProsodyUnavailable as problem:
        pytest.fail(str(problem), pytrace=False)


@pytest.fixture(scope="session")
def server(install: ProsodyInstall) -> Iterator[Prosody]:
    """One running server for all tests of a generation: not to be stopped, paused or restarted."""
    with Prosody(install, options=ProsodyOptions(admins=("admin@localhost",))) as running:
        yield running


@pytest.fixture
async def start_server(install: ProsodyInstall) -> AsyncIterator[Callable[..., Awaitable[Prosody]]]:
    """``await start_server(options=ProsodyOptions(...), accounts={...})``: a server of the test's own."""
    async with AsyncExitStack() as stack:

        async def start(*, options: ProsodyOptions | None = None, accounts: dict[str, str] | None = None) -> Prosody:
            return await stack.enter_async_context(Prosody(install, options=options, accounts=accounts))

        yield start


@pytest.fixture
def account(server: Prosody) -> Callable[..., Awaitable[str]]:
    """``await account("alice")``: a new account on ``server``, password ``secret``; returns its local part.

    The name gets an ending that no other test has.
    """

    async def create(name: str = "user", password: str = "secret") -> str:
        unique = f"{name}-{uuid.uuid4().hex[:8]}"
        await server.add_account(unique, password)
        return unique

    return create


@pytest.fixture
async def client_factory(server: Prosody) -> AsyncIterator[type_of_client_factory]:
    """``await client_factory("alice")``: a connected client on a new account; closed after the test.

    ``on=other_server`` connects to another server than ``server``; ``account="name"`` uses an account that is there.
    """
    numbers = itertools.count(1)
    async with AsyncExitStack() as stack:

        async def connect(
            name: str = "user",
            resource: str | None = None,
            *,
            on: Prosody | None = None,
            account: str | None = None,
            **options: bool,
        ) -> Client:
            place = on or server
            unique = account or f"{name}-{uuid.uuid4().hex[:8]}"
            if account is None:
                await place.add_account(unique, "secret")
            client = await Client.connect(place, unique, resource or f"r{next(numbers)}", **options)
            stack.push_async_callback(client.close)
            return client

        yield connect


@pytest.fixture
async def people(client_factory: type_of_client_factory) -> Callable[..., Awaitable[list[Client]]]:
    """``alice, bob = await people("alice", "bob")``: several connected clients at once."""

    async def connect(*names: str) -> list[Client]:
        return [await client_factory(name) for name in names]

    return connect


@pytest.fixture
def fresh_room(server: Prosody) -> str:
    """The JID of a room on ``server`` that no other test uses and nobody has created yet."""
    return f"room-{uuid.uuid4().hex[:8]}@{server.muc}"
