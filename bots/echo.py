"""Says things again: the smallest bot there is."""

from botkit import Context, Module, Router

router = Router("echo")


@router.command("echo")
async def echo(ctx: Context, *, text: str) -> str:
    """Say a text again."""
    return text


module = Module(name="echo", router=router)
