"""Figures that components keep and somebody may plot: families of samples, as Prometheus has them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum


class MeasureKind(Enum):
    """How a figure moves."""

    COUNTER = "counter"  # only up; begins anew with the process
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One figure. ``labels`` are the values, in the order of the measure's names.

    Of a histogram ``value`` is the sum of what was observed; ``buckets`` are pairs of an upper bound and how many
    observations were not above it, growing, the last bound infinite.
    """

    labels: tuple[str, ...] = ()
    value: float
    buckets: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A family. ``name`` is without the ``_total`` of counters; units are Prometheus' base units.

    ``samples`` may be made only when they are read, also in another thread, and by each reading anew.
    """

    name: str
    kind: MeasureKind
    help: str
    labels: tuple[str, ...] = ()
    samples: Iterable[Sample] = ()


def merged(measures: Iterable[Measure]) -> tuple[Measure, ...]:
    """Each family once, with the samples of all of its name: several accounts tell the same families."""
    found: dict[str, Measure] = {}
    for measure in measures:
        before = found.get(measure.name)
        found[measure.name] = (
            measure if before is None else replace(before, samples=(*before.samples, *measure.samples))
        )
    return tuple(found.values())
