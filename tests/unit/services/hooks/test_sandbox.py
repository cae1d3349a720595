"""Templates: what they can do, what they cannot, and how they are ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from botkit.errors import BadPayload
from botkit.services.hooks.rendering import Renderer
from botkit.services.hooks.sandbox import LONGEST, mistake_in, render

ENDLESS = "{% for a in range(1000) %}" * 6 + "{% endfor %}" * 6


@pytest.fixture
async def renderer() -> AsyncIterator[Renderer]:
    found = Renderer(seconds=0.5, most=3)
    yield found
    await found.close()


def test_a_template_makes_a_text_of_a_payload() -> None:
    values = {"build": {"name": "rocket", "tests": [{"n": "a", "ok": True}, {"n": "b", "ok": False}]}}
    template = "{{ build.name }}: {% for t in build.tests if not t.ok %}{{ t.n }} failed{% endfor %}"
    assert render(template, values) == "rocket: b failed"


def test_values_are_plain_and_the_templates_own_words_may_be_styled() -> None:
    assert render("*{{ who }}* says {{ what }}", {"who": "bob", "what": "*hi*"}) == "*bob* says \u200b*hi*"
    assert render("{{ '*hi*' | styled }}", {}) == "*hi*"
    assert render("{{ what | line(5) }}", {"what": "a\nb  c dd"}) == "a b …"


@pytest.mark.parametrize(
    "template",
    [
        "{{ nothing.at_all }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ payload.__init__.__globals__ }}",
        "{{ payload.update({'a': 1}) }}",
        "{{ 'x' * 1000000000 }}",
        "{{ 10 ** 10000 }}",
        "{{ '%0999999999d' % 1 }}",
        "{{ range(1000000000) | list }}",
        "{{ 1 / 0 }}",
        "{{ 1 + 'a' }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% include 'other' %}",
        "{{ lipsum() }}",
        f"{{% for a in range(1000) %}}{'x' * 20}{{% endfor %}}",
    ],
)
def test_what_a_template_may_not_do_makes_no_text(template: str) -> None:
    with pytest.raises(BadPayload):
        render(template, {"payload": {}})


def test_a_text_has_a_limit() -> None:
    assert len(render("{{ a }}", {"a": "x" * LONGEST})) == LONGEST
    with pytest.raises(BadPayload, match="4000"):
        render("{{ a }}", {"a": "x" * (LONGEST + 1)})


def test_a_mistake_is_found_before_anything_is_rendered() -> None:
    assert mistake_in("fine {{ a.b }}") is None
    found = mistake_in("one\n{{ two }\n")
    assert found is not None
    assert found[0] == 2
    found = mistake_in("{{ a | nosuch }}")
    assert found is not None
    assert "nosuch" in found[1]


async def test_a_template_without_end_is_ended_and_the_next_one_is_rendered(renderer: Renderer) -> None:
    assert await renderer.render("{{ a }}", {"a": 1}) == "1"
    began = time.monotonic()
    with pytest.raises(BadPayload, match="took more than"):
        await renderer.render(ENDLESS, {})
    assert time.monotonic() - began < 5
    assert await renderer.render("{{ a }}", {"a": 2}) == "2"


async def test_templates_without_end_do_not_pile_up(renderer: Renderer) -> None:
    results = await asyncio.gather(*(renderer.render(ENDLESS, {}) for _ in range(5)), return_exceptions=True)
    assert [isinstance(one, BadPayload) and one.retryable for one in results] == [False] * 3 + [True] * 2


async def test_a_template_that_needs_too_much_memory_does_not_get_it(renderer: Renderer) -> None:
    with pytest.raises(BadPayload):
        await renderer.render("{{ [1] | batch(2000000000, 'x') | list | length }}", {})
    assert await renderer.render("ok", {}) == "ok"


async def test_the_process_knows_nothing_of_the_bots_environment(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "s3cret")
    await renderer.render("ok", {})
    process: Any = renderer._process
    with open(f"/proc/{process.pid}/environ", "rb") as environment:
        assert b"s3cret" not in environment.read()
