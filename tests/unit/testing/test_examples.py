"""Examples of commands, run as tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel

from botkit.errors import MisuseError
from botkit.model.events import DirectMessage, PrivateMessage
from botkit.model.rooms import Affiliation, Occupant
from botkit.modules import Module, load_module
from botkit.routing.context import Context
from botkit.routing.replied import RepliedTo
from botkit.routing.router import Router
from botkit.routing.specs import Example, Need
from botkit.routing.words import CommandError
from botkit.testing.examples import examples_of, run_example

BOTS = [load_module(name) for name in ("bots.dice", "bots.echo", "bots.keeper")]
SHIPPED = [(module, spec, example) for module in BOTS for spec, example in examples_of(module)]


@pytest.mark.parametrize(("module", "spec", "example"), SHIPPED, ids=[e.text for _, _, e in SHIPPED])
async def test_the_examples_of_our_bots_are_true(module: Module, spec: object, example: Example) -> None:
    await run_example(module, spec, example)  # type: ignore[arg-type]


class Settings(BaseModel):
    """Settings without defaults."""

    greeting: str


def make() -> Module:
    router = Router("m")

    @router.command("hug", examples=["hug bob", 'hug "Ann Lee" 5m', Example("hug @Tom:", answer="Tom 0:01:00")])
    async def hug(who: Occupant, span: timedelta = timedelta(minutes=1)) -> str:
        return f"{who.nick} {span}"

    @router.command("wrong", examples=[Example("wrong 1", answer="2"), Example("wrong 1", answer=re.compile("[2-9]"))])
    async def wrong(number: int) -> str:
        return str(number)

    @router.command("odd", examples=["odd x", "odd 1 2"])
    async def odd(number: int) -> None: ...

    @router.command("refuses", examples=["refuses"])
    async def refuses() -> None:
        raise CommandError("No.")

    @router.command("breaks", examples=["breaks", Example("breaks", run=False)])
    async def breaks() -> None:
        raise MisuseError("it broke")

    @router.command("boss", needs=Need.BOT_ADMIN, examples=[Example("boss", answer="yes, boss")])
    async def boss() -> str:
        return "yes, boss"

    @router.command("room", needs=(Affiliation.OWNER, Need.BOT_ADMIN), examples=[Example("room 7", answer="7")])
    async def room(number: int) -> str:
        return str(number)

    @router.command("whisper", examples=[Example("whisper", answer="psst")])
    async def whisper(message: PrivateMessage) -> str:
        return "psst"

    @router.command("direct", examples=[Example("direct", answer="hello")])
    async def direct(message: DirectMessage) -> str:
        return "hello"

    @router.command("cite", examples=[Example("cite", answer="An earlier message.")])
    async def cite(message: RepliedTo) -> str:
        return message.text

    @router.command("greet", examples=[Example("greet", answer="hi")])
    async def greet(ctx: Context[Settings]) -> str:
        return ctx.config.greeting

    return Module(name="m", router=router, config=Settings)


WRONG = {
    "wrong 1": "was answered: '1'; not",
    "odd x": 'is not understood: number "x": expected a whole number',
    "odd 1 2": "is not understood: 2 is one word too many",
    "refuses": "the command raised CommandError('No.')",
}
MINE = [(module, spec, example) for module in [make()] for spec, example in examples_of(module)]


@pytest.mark.parametrize(("module", "spec", "example"), MINE, ids=[e.text for _, _, e in MINE])
async def test_an_example_holds_or_says_why_not(module: Module, spec: object, example: Example) -> None:
    said = WRONG.get(example.text)
    if example.text == "breaks" and example.run:
        said = "the command raised MisuseError('it broke')"
    if said is None:
        await run_example(module, spec, example, {"greeting": "hi"})  # type: ignore[arg-type]
        return
    with pytest.raises(AssertionError, match=re.escape(said)):
        await run_example(module, spec, example, {"greeting": "hi"})  # type: ignore[arg-type]


async def test_settings_that_have_no_defaults_are_asked_for() -> None:
    module, spec, example = MINE[-1]
    with pytest.raises(AssertionError, match="no settings without a config"):
        await run_example(module, spec, example)


MODULE = '''
from botkit import Module, Router

router = Router("m")


@router.command("twice", examples=["twice 2", "twice x"])
async def twice(number: int) -> str:
    """Twice."""
    return str(2 * number)


module = Module(name="m", router=router)
'''


def test_the_plugin_makes_a_test_of_each_example(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MODULE)
    (tmp_path / "other.py").write_text("raise SystemExit('no module, and not to be run')\n")
    arguments = [sys.executable, "-m", "pytest", "-p", "botkit.testing.plugin", "-q", "-c", "/dev/null", "--rootdir"]
    done = subprocess.run(
        [*arguments, str(tmp_path), "--botkit-examples", str(tmp_path), "-p", "no:cacheprovider"],
        capture_output=True, text=True, timeout=60, check=False,
            env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # installed, it is loaded by its entry point
    )  # fmt: skip
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "'twice x' is not understood: number \"x\": expected a whole number" in done.stdout
    assert "mine.py::!twice x" in done.stdout
