"""Throws dice: a type of its own for a command's parameter, a default and settings."""

import random
import re
from typing import NamedTuple

from pydantic import BaseModel, Field

from botkit import CommandError, Context, Expected, Module, Router
from botkit.routing.specs import Example


class DiceConfig(BaseModel):
    """What may be thrown."""

    most: int = Field(20, ge=1, le=100, description="dice in one throw")


class Dice(NamedTuple):
    """``number`` dice of ``sides`` sides each."""

    number: int
    sides: int


def dice(word: str, ctx: Context[DiceConfig]) -> Dice:
    """Reads ``2d6``."""
    found = re.fullmatch(r"(\d{0,3})d(\d{1,4})", word.lower())
    if found is None or int(found[2]) < 2:
        raise Expected("dice like 2d6")
    return Dice(int(found[1] or 1), int(found[2]))


ONE = Dice(1, 6)

router = Router("dice")
router.converter(Dice, dice)


@router.command(
    "dice",
    "roll",
    examples=[
        Example("dice", "one of six sides", answer=re.compile("[1-6]")),
        Example("roll 2d6", answer=re.compile(r"\d \+ \d = \d+")),
    ],
    effects=False,
)
async def throw(ctx: Context[DiceConfig], what: Dice = ONE) -> str:
    """Throw dice: 1d6, or what you say."""
    if not 1 <= what.number <= ctx.config.most:
        raise CommandError(f"I have {ctx.config.most} dice.")
    thrown = [random.randint(1, what.sides) for _ in range(what.number)]
    return " + ".join(map(str, thrown)) + (f" = {sum(thrown)}" if len(thrown) > 1 else "")


module = Module(name="dice", config=DiceConfig, router=router)
