"""Figures for a monitoring system: what this process counts, and what is known of the rest.

No host is asked for a figure: instances are counted as the worker has seen them last. Labels are
routes, kinds and states, never names of instances or users.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lifebuoy import __version__
from lifebuoy.errors import DatabaseTrouble
from lifebuoy.model import InstanceState
from lifebuoy.store import Outcome, observations, records

if TYPE_CHECKING:
    from lifebuoy.api.state import Serving
    from lifebuoy.operations.serving import Served

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})
_OTHER: Final = "other"
#: What an instance's state is called whose record cannot be read.
_UNREADABLE: Final = "unreadable"
_ANSWERS_S: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_OPERATIONS_S: Final = (0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600, 1800)


class Figures:
    """What is counted since this process began. From any thread."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "lifebuoy_http_requests",
            "Requests by method, route and status.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._answers = Histogram(
            "lifebuoy_http_answer_seconds",
            "Time until the answer of a request begins.",
            ["method", "route"],
            buckets=_ANSWERS_S,
            registry=self._registry,
        )
        self._ended = Counter(
            "lifebuoy_operations_ended",
            "Operations that ended in this process, by kind and outcome.",
            ["kind", "outcome"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "lifebuoy_operation_seconds",
            "Time that operations which ended in this process took in it.",
            ["kind"],
            buckets=_OPERATIONS_S,
            registry=self._registry,
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; ``route`` is the template of its path."""
        known = method if method in _METHODS else _OTHER
        self._requests.labels(known, route or _OTHER, str(status)).inc()
        self._answers.labels(known, route or _OTHER).observe(seconds)

    def operation(self, served: Served) -> None:
        """Count an operation, if that is its end."""
        if served.event in set(Outcome):
            self._ended.labels(served.record.kind, served.event).inc()
            self._seconds.labels(served.record.kind).observe(served.seconds)

    def text(self, server: Serving) -> bytes:
        """All of it, in the text format of Prometheus."""
        now = CollectorRegistry()
        now.register(_Now(server))
        return generate_latest(self._registry) + generate_latest(now)


class _Now(Collector):
    """How things are at this moment."""

    def __init__(self, server: Serving) -> None:
        self._server = server

    def collect(self) -> Iterable[Metric]:
        """Without asking a host."""
        hosts, worker = self._server.hosts, self._server.desk.worker
        build = GaugeMetricFamily("lifebuoy_build_info", "This version.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        yield GaugeMetricFamily("lifebuoy_hosts", "Hosts of the settings.", len(hosts.places))
        yield GaugeMetricFamily("lifebuoy_hosts_connected", "Of them now.", hosts.connected)
        yield GaugeMetricFamily(
            "lifebuoy_worker_operations", "Operations under way here.", worker.under_way
        )
        yield GaugeMetricFamily(
            "lifebuoy_worker_operations_max", "As many at a time.", worker.parallel
        )
        up = 1
        try:
            yield from self._on_record()
        except DatabaseTrouble:
            up = 0
        yield GaugeMetricFamily("lifebuoy_database_up", "Whether the database answers.", up)

    def _on_record(self) -> Iterator[Metric]:
        """What the database knows.

        Raises:
            DatabaseTrouble: it does not answer.
        """
        daemons = list(self._server.desk.worker.hosts.contexts())
        with self._server.database.reading() as connection:
            found = records.unfinished(connection)
            seen = observations.states(connection, daemons)
        operations = GaugeMetricFamily(
            "lifebuoy_operations",
            "Operations that have not ended, by kind and how they stand.",
            labels=["kind", "state"],
        )
        for (kind, state), number in Tally((one.kind, one.standing) for one in found).items():
            operations.add_metric([kind, state], number)
        instances = GaugeMetricFamily(
            "lifebuoy_instances",
            "Instances of connected hosts by state, as they were last seen.",
            labels=["host", "state"],
        )
        for (host, name), number in Tally((host, _state(words)) for host, words in seen).items():
            instances.add_metric([host, name], number)
        yield operations
        yield instances


def _state(words: str) -> str:
    """The state that a sight's words begin with; see ``operations.observing``."""
    first = words.partition(",")[0]
    return first if first in set(InstanceState) else _UNREADABLE
