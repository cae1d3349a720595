"""Says what is due: notices of the config, and what people want to be reminded of."""

from __future__ import annotations

from botkit.modules import Module
from botkit.routing.router import Router
from bots import herald_notices, herald_remind, herald_shown, herald_snooze
from bots.herald_settings import HeraldConfig

router = Router("herald")
router.include(herald_notices.router)
router.include(herald_remind.router)
router.include(herald_shown.router)
router.include(herald_snooze.router)

module = Module(name="herald", router=router, config=HeraldConfig)
