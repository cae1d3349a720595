"""Says what is due: notices of the config, news of feeds, events of calendars, and what people ask for."""

from __future__ import annotations

from botkit.modules import Module
from botkit.routing.router import Router
from bots import herald_calendars, herald_feeds, herald_notices, herald_remind, herald_rota, herald_shown, herald_snooze
from bots.herald_settings import HeraldConfig

router = Router("herald")
router.include(herald_notices.router)
router.include(herald_feeds.router)
router.include(herald_calendars.router)
router.include(herald_rota.router)
router.include(herald_remind.router)
router.include(herald_shown.router)
router.include(herald_snooze.router)

module = Module(name="herald", router=router, config=HeraldConfig)
