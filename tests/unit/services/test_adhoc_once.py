"""An ad-hoc request that comes twice is carried out once (XEP-0050 over a resumed stream, XEP-0198 §5)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from botkit.errors import StanzaError
from botkit.model.address import Address
from botkit.model.forms import CommandRequest, Field, Form
from botkit.routing.context import Context
from botkit.routing.router import Router
from botkit.services.adhoc import AdhocService
from botkit.services.adhoc_once import KEPT
from botkit.testing.tester import RoomTester

ROOT = Address.parse("root@example.org/desk")


class Counting:
    """A module that counts its runs; ``go`` holds them up while it is not set."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()
        self.router = Router("m")

        @self.router.command("count")
        async def count() -> str:
            """Count."""
            self.begun.set()
            await self.go.wait()
            self.done.append("count")
            return str(len(self.done))

        @self.router.command("add")
        async def add(number: int) -> str:
            """Add."""
            self.done.append(f"add {number}")
            return str(number)

        @self.router.adhoc("made", "Made by hand")
        async def made(ctx: Context, form: Form | None) -> Any:
            self.done.append("made")
            return "made"

    def tester(self, before: RoomTester | None = None) -> RoomTester:
        tester = RoomTester(self.router, admins=[str(ROOT.bare)])
        if before is not None:
            tester.claims = before.claims
        return tester


async def test_request_that_comes_again_gets_the_answer_of_the_first() -> None:
    counting = Counting()
    async with counting.tester() as room:
        service = AdhocService(room.dispatcher)
        for node in ("count", "made"):
            first = await service.called(ROOT, CommandRequest(node=node, id="q1"))
            assert await service.called(ROOT, CommandRequest(node=node, id="q1")) == first
        assert counting.done == ["count", "made"]


async def test_request_that_comes_again_while_the_first_is_worked_on_waits_for_its_answer() -> None:
    counting = Counting()
    counting.go.clear()
    async with counting.tester() as room:
        service = AdhocService(room.dispatcher)
        request = CommandRequest(node="count", id="q1")
        both = [asyncio.create_task(service.called(ROOT, request)) for _ in range(2)]
        await counting.begun.wait()
        counting.go.set()
        first, second = await asyncio.gather(*both)
        assert first == second
        assert counting.done == ["count"]


async def test_last_stage_that_comes_again_is_carried_out_once() -> None:
    counting = Counting()
    async with counting.tester() as room:
        service = AdhocService(room.dispatcher)
        shown = await service.called(ROOT, CommandRequest(node="add", id="q1"))
        form = Form(kind="submit", fields=(Field(var="number", values=("7",)),))
        last = CommandRequest(node="add", id="q2", session=shown.session, action="complete", form=form)
        done = await service.called(ROOT, last)
        assert await service.called(ROOT, last) == done
        assert counting.done == ["add 7"]


async def test_other_ids_other_people_and_requests_without_an_id_are_requests_of_their_own() -> None:
    counting = Counting()
    async with counting.tester() as room:
        service = AdhocService(room.dispatcher)
        for who, id_ in ((ROOT, "q1"), (ROOT, "q2"), (ROOT.with_resource("phone"), "q1"), (ROOT, None), (ROOT, None)):
            await service.called(who, CommandRequest(node="count", id=id_))
        assert len(counting.done) == 5


async def test_request_that_was_begun_before_the_bot_was_killed_is_not_carried_out_again() -> None:
    counting = Counting()
    before = counting.tester()
    async with before as room:
        for node in ("count", "made"):
            await AdhocService(room.dispatcher).called(ROOT, CommandRequest(node=node, id="q1"))
    async with counting.tester(before) as room:
        service = AdhocService(room.dispatcher)
        for node in ("count", "made"):
            for _ in range(2):
                with pytest.raises(StanzaError) as refused:
                    await service.called(ROOT, CommandRequest(node=node, id="q1"))
                assert refused.value.condition == "conflict"
        assert counting.done == ["count", "made"]


async def test_id_may_be_used_again_once_no_stream_can_be_resumed_any_more() -> None:
    counting = Counting()
    async with counting.tester() as room:
        service = AdhocService(room.dispatcher)
        await service.called(ROOT, CommandRequest(node="count", id="q1"))
        await room.passes(KEPT.total_seconds() + 1)
        await service.called(ROOT, CommandRequest(node="count", id="q1"))
        assert counting.done == ["count", "count"]


async def test_failure_is_told_again_and_not_repeated() -> None:
    counting = Counting()
    async with counting.tester() as room:
        service = AdhocService(room.dispatcher)
        for _ in range(2):
            with pytest.raises(StanzaError) as refused:
                await service.called(ROOT, CommandRequest(node="nothing", id="q1"))
            assert refused.value.condition == "item-not-found"
