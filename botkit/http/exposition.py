"""Measures in the text formats of Prometheus and OpenMetrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

from botkit.model.measures import Measure, MeasureKind


class Exposition:
    """Writes measures, and behind them what the system and Python tell of the process."""

    def __init__(self) -> None:
        of_process = CollectorRegistry(auto_describe=False)  # ours alone: what a bot's modules register is theirs
        self._process = (ProcessCollector(registry=of_process), GCCollector(registry=of_process))

    def text(self, measures: Sequence[Measure], accept: str = "") -> tuple[bytes, str]:
        """The body and its content type, as the ``Accept`` header wants it. Takes a while for many rooms."""
        encode, content_type = choose_encoder(accept)
        return encode(_Collected(measures, self._process)), content_type


class _Collected:
    """What an encoder takes for a registry."""

    def __init__(self, measures: Sequence[Measure], more: Iterable[Any]) -> None:
        self._measures = measures
        self._more = more

    def collect(self) -> Iterator[Metric]:
        for measure in self._measures:
            yield _FAMILY[measure.kind](measure)
        for collector in self._more:
            yield from collector.collect()


def _counter(measure: Measure) -> Metric:
    family = CounterMetricFamily(measure.name, measure.help, labels=measure.labels)
    for sample in measure.samples:
        family.add_metric(sample.labels, sample.value)
    return family


def _gauge(measure: Measure) -> Metric:
    family = GaugeMetricFamily(measure.name, measure.help, labels=measure.labels)
    for sample in measure.samples:
        family.add_metric(sample.labels, sample.value)
    return family


def _histogram(measure: Measure) -> Metric:
    family = HistogramMetricFamily(measure.name, measure.help, labels=measure.labels)
    for sample in measure.samples:
        buckets = [("+Inf" if bound == inf else repr(bound), float(count)) for bound, count in sample.buckets]
        family.add_metric(sample.labels, buckets, sample.value)
    return family


_FAMILY: dict[MeasureKind, Callable[[Measure], Metric]] = {
    MeasureKind.COUNTER: _counter,
    MeasureKind.GAUGE: _gauge,
    MeasureKind.HISTOGRAM: _histogram,
}
