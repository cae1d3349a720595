"""Running things by the clock: when (``times``), what was missed (``missed``), each once (``scheduler``)."""

from __future__ import annotations

from botkit.services.schedule.declared import job_name, job_of, jobs_of, scheduler_of
from botkit.services.schedule.job import Due, Job
from botkit.services.schedule.made import MadeJobs
from botkit.services.schedule.scheduler import Scheduler
from botkit.services.schedule.times import Cron, Interval, Monthly, Once, time_zone, trigger_of

__all__ = [
    "Cron",
    "Due",
    "Interval",
    "Job",
    "MadeJobs",
    "Monthly",
    "Once",
    "Scheduler",
    "job_name",
    "job_of",
    "jobs_of",
    "scheduler_of",
    "time_zone",
    "trigger_of",
]
