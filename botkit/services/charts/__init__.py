"""Charts as pictures: how much was said in a room."""

from botkit.services.charts.activity import activity_chart
from botkit.services.charts.bars import Bars, Mark, bar_chart

__all__ = ["Bars", "Mark", "activity_chart", "bar_chart"]
