"""Moderation: rules look at what is said, a ladder turns points into measures, a warden carries them out."""

from botkit.services.moderation.breaker import Breaker, Limits
from botkit.services.moderation.ladder import ImmuneSet, Ladder, Measure
from botkit.services.moderation.memory import Memory, Person
from botkit.services.moderation.plan import Plan, Target, Verdict, make_plan
from botkit.services.moderation.rules import AnomalyRule, DuplicateRule, Finding, FloodRule, LinkRule, Rule, WordRule
from botkit.services.moderation.statement import Statement
from botkit.services.moderation.warden import Policy, Warden
from botkit.text import Link, find_links, normalise

__all__ = [
    "AnomalyRule", "Breaker", "DuplicateRule", "Finding", "FloodRule", "ImmuneSet", "Ladder", "Limits", "Link",
    "LinkRule", "Measure", "Memory", "Person", "Plan", "Policy", "Rule", "Statement", "Target", "Verdict", "Warden",
    "WordRule", "find_links", "make_plan", "normalise",
]  # fmt: skip
