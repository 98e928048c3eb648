"""The paths of the exporter, and what each answers."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple
from urllib.parse import parse_qs

from cpx_monitor.adapters.off_the_loop import off_the_loop
from cpx_monitor.adapters.presenters.exposition import (
    OPEN_METRICS,
    TEXT,
    fleet_metrics,
    render,
)
from cpx_monitor.adapters.presenters.records import render_json
from cpx_monitor.adapters.presenters.status_page import (
    SECURITY_POLICY,
    Moment,
    error_page,
    instances_page,
    key_of,
    nameless_page,
    services_page,
)
from cpx_monitor.app.overview import overview
from cpx_monitor.app.ports import Collected, Part
from cpx_monitor.app.reports import Report
from cpx_monitor.app.scraping import RememberingParts, scrape_of
from cpx_monitor.app.use_cases import averages, basis_of, judged, list_instances
from cpx_monitor.domain.fleet import Snapshot, canonical_address
from cpx_monitor.domain.health import DEFAULT_THRESHOLD, HealthPolicy
from cpx_monitor.entrypoints.exporter.answer import (
    BAD_REQUEST,
    HTML,
    JSON,
    NOT_FOUND,
    UNAVAILABLE,
    Answer,
    Refused,
    as_json,
    plain,
)
from cpx_monitor.entrypoints.exporter.discovery import by_bucket, by_instance
from cpx_monitor.entrypoints.exporter.negotiation import weights
from cpx_monitor.entrypoints.exporter.own_metrics import OwnMetrics

# Of the time that a scraper has, what is left for writing the answer and sending it.
SPARE_S = 0.5
READY_WITHIN_S = 1.0
PAGE_WITHIN_S = 10.0
WHOLE = Part()
_SERVICES = "/services/"
HEALTHY, OWN_METRICS = "/-/healthy", "/metrics/self"
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?", re.ASCII)


class Request(NamedTuple):
    """``headers`` are by their names in lower case."""

    path: str
    query: str
    headers: Mapping[str, str]

    def parameter(self, name: str) -> str | None:
        """The last of that name; None where there is none."""
        found = parse_qs(self.query, keep_blank_values=True, errors="replace").get(name)
        return found[-1] if found else None


class Settings(NamedTuple):
    """``source`` is where the fleet is, for people. ``advertised`` are the addresses of all
    exporters, as scrapers reach them; where there are none, it is the one that a request names.
    ``deadline_s`` is for one collection, where a scraper does not name a time.
    """

    source: str
    policy: HealthPolicy
    deadline_s: float
    buckets: int = 64
    advertised: Sequence[str] = ()
    with_instances: bool = True


class Routes:
    """
    Args:
        counts: how many collections and requests for the list there were.
        warn: takes a sentence when the list cannot be had any more, or for another reason, and
            when it can again.
    """

    def __init__(
        self,
        fleet: RememberingParts,
        settings: Settings,
        own: OwnMetrics,
        counts: Callable[[], tuple[int, int]],
        warn: Callable[[str], None],
    ) -> None:
        self._fleet = fleet
        self._settings = settings
        self._own = own
        self._counts = counts
        self._warn = warn
        self._failure: str | None = None
        self._of: dict[str, Callable[[Request], Answer]] = {
            "/": self._services_page,
            "/metrics": self._metrics,
            OWN_METRICS: self._metrics_of_itself,
            "/probe": self._probe,
            "/sd": self._discovery,
            "/api/services": self._api_services,
            "/api/instances": self._api_instances,
            HEALTHY: lambda _: plain("healthy"),
            "/-/ready": self._ready,
        }

    def known(self, path: str) -> str:
        """The path, if there is an answer to it; for counting, so they are few."""
        if path.startswith(_SERVICES):
            return _SERVICES
        return path if path in self._of else "other"

    def answer(self, request: Request) -> Answer:
        """
        Raises:
            Refused: there is nothing at this path, or a parameter cannot be used.
        """
        if request.path.startswith(_SERVICES):
            return self._instances_page(request, request.path.removeprefix(_SERVICES))
        answer = self._of.get(request.path)
        if answer is None:
            raise Refused(NOT_FOUND, f"nothing here; there are {', '.join(self._of)}")
        return answer(request)

    # For Prometheus.

    def _metrics(self, request: Request) -> Answer:
        settings = self._settings
        text = request.parameter("bucket")
        part = WHOLE if text is None else Part(_bucket(text, settings.buckets), settings.buckets)
        return self._exposed(request, self._collect(request, part))

    def _probe(self, request: Request) -> Answer:
        """Cases: no address; no list yet, and so not known whether it is listed; not listed."""
        target = request.parameter("target") or ""
        try:
            address = canonical_address(target)
        except ValueError:
            raise Refused(BAD_REQUEST, "target: expected an IPv4 or IPv6 address") from None
        collected = self._collect(request, Part(address=address))
        if not _had_a_list(collected).observations:
            raise Refused(NOT_FOUND, f"{address} is not listed")
        return self._exposed(request, collected)

    def _exposed(self, request: Request, collected: Collected) -> Answer:
        settings = self._settings
        content_type = _accepted(request.headers.get("accept", ""))

        def rendered() -> str:
            scrape = scrape_of(collected, settings.policy)
            return render(
                fleet_metrics(scrape, with_instances=settings.with_instances), content_type
            )

        return Answer("200 OK", content_type, off_the_loop(_size(collected), rendered))

    def _metrics_of_itself(self, request: Request) -> Answer:
        content_type = _accepted(request.headers.get("accept", ""))
        return Answer(
            "200 OK", content_type, render(self._own.metrics(*self._counts()), content_type)
        )

    def _discovery(self, request: Request) -> Answer:
        settings = self._settings
        exporters = settings.advertised or [_host(request)]
        by = request.parameter("by")
        if by is None or by == "bucket":
            return as_json(by_bucket(settings.buckets, exporters))
        if by != "instance":
            raise Refused(BAD_REQUEST, "by: expected bucket or instance")
        listing = self._noticed(self._fleet.listing(self._within_s(request)))
        if listing.list_age_s is None:
            raise _no_list(listing)
        listed = listing.listed
        targets = partial(by_instance, listed, settings.buckets, exporters)
        return off_the_loop(len(listed), lambda: as_json(targets()))

    # For scripts.

    def _api_services(self, request: Request) -> Answer:
        collected = self._collect(request, WHOLE)
        return self._document(collected, averages)

    def _api_instances(self, request: Request) -> Answer:
        collected, service = self._collect(request, WHOLE), request.parameter("service")
        if service is None:
            return self._document(collected, list_instances)
        if all(seen.service != service for seen in _had_a_list(collected).observations):
            raise Refused(NOT_FOUND, f"no service '{service}'")
        return self._document(
            collected, lambda snapshot, policy: list_instances(snapshot, policy, {service})
        )

    def _document(
        self, collected: Collected, use_case: Callable[[Snapshot, HealthPolicy], Report]
    ) -> Answer:
        snapshot = _had_a_list(collected)
        text = off_the_loop(
            _size(collected), lambda: render_json(use_case(snapshot, self._settings.policy))
        )
        return Answer("200 OK", JSON, text)

    # For people.

    def _services_page(self, request: Request) -> Answer:
        collected, page = self._collected_for_a_page(), _page(request)
        snapshot, policy = collected.snapshot, self._settings.policy
        if snapshot is None:
            return self._page_without_a_list(collected)
        return _as_page(
            off_the_loop(_size(collected), lambda: services_page(overview(snapshot, policy), page))
        )

    def _instances_page(self, request: Request, key: str) -> Answer:
        collected, page = self._collected_for_a_page(), _page(request)
        snapshot, policy = collected.snapshot, self._settings.policy
        if snapshot is None:
            return self._page_without_a_list(collected)
        if not key:
            nameless = tuple(seen for seen in snapshot.unknown if seen.service is None)
            report = list_instances(snapshot._replace(observations=nameless), policy)
            whole = report._replace(basis=basis_of(snapshot, policy))
            return _as_page(nameless_page(whole, page))
        service = next((each for each in snapshot.services if key_of(each.name) == key), None)
        if service is None:
            moment = self._moment(snapshot)
            text = error_page(moment, "No such service", f"No service is called {key}.")
            return _as_page(text, NOT_FOUND)

        def rendered() -> str:
            risk = judged(service, policy, DEFAULT_THRESHOLD, snapshot.unattributed)
            report = list_instances(snapshot, policy, {service.name})
            return instances_page(report, risk, page)

        return _as_page(off_the_loop(_size(collected), rendered))

    def _collected_for_a_page(self) -> Collected:
        within_s = min(PAGE_WITHIN_S, self._settings.deadline_s)
        return self._noticed(self._fleet.collect(WHOLE, within_s))

    def _page_without_a_list(self, collected: Collected) -> Answer:
        why = collected.failure or "CPX has not answered yet"
        return _as_page(error_page(self._moment(None), "There is no list of servers yet", why))

    def _moment(self, snapshot: Snapshot | None) -> Moment:
        policy = self._settings.policy
        if snapshot is None:
            return Moment(self._settings.source, datetime.now(UTC), 0.0, policy)
        return Moment(snapshot.source, snapshot.observed_at, snapshot.took_s, policy)

    # For what looks after processes.

    def _ready(self, request: Request) -> Answer:
        listing = self._noticed(self._fleet.listing(READY_WITHIN_S))
        if listing.list_age_s is None:
            raise _no_list(listing)
        return plain("ready")

    def _collect(self, request: Request, part: Part) -> Collected:
        return self._noticed(self._fleet.collect(part, self._within_s(request)))

    def _noticed(self, collected: Collected) -> Collected:
        if collected.failure != self._failure:
            self._warn(collected.failure or "the list of servers can be had again")
            self._failure = collected.failure
        return collected

    def _within_s(self, request: Request) -> float:
        """How long a collection may take."""
        text = request.headers.get("x-prometheus-scrape-timeout-seconds")
        try:
            timeout_s = float(text or "nan")
        except ValueError:
            timeout_s = math.nan
        if not 0 < timeout_s < math.inf:
            return self._settings.deadline_s
        return max(timeout_s - SPARE_S, timeout_s / 2)


def _size(collected: Collected) -> int:
    return 0 if collected.snapshot is None else len(collected.snapshot.observations)


def _had_a_list(collected: Collected) -> Snapshot:
    """
    Raises:
        Refused: there never was one.
    """
    if collected.snapshot is None:
        raise _no_list(collected)
    return collected.snapshot


def _no_list(collected: Collected) -> Refused:
    why = collected.failure or "CPX has not answered yet"
    return Refused(UNAVAILABLE, f"there is no list of servers yet: {why}")


def _as_page(text: str, status: str = "200 OK") -> Answer:
    headers = (
        ("Content-Security-Policy", SECURITY_POLICY),
        ("Referrer-Policy", "no-referrer"),
        ("X-Frame-Options", "DENY"),
    )
    return Answer(status, HTML, text, headers)


def _page(request: Request) -> int:
    text = request.parameter("page") or "1"
    return int(text) if re.fullmatch(r"[0-9]{1,6}", text, re.ASCII) else 1


def _bucket(text: str, buckets: int) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text, re.ASCII) or int(text) >= buckets:
        raise Refused(BAD_REQUEST, f"bucket: expected a whole number from 0 to {buckets - 1}")
    return int(text)


def _host(request: Request) -> str:
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        raise Refused(BAD_REQUEST, "Host: expected the address at which this exporter is reached")
    return host


def _accepted(accept: str) -> str:
    """OpenMetrics where the scraper takes it in this version, and no less gladly than the older
    text format.
    """
    wanted = weights(accept)
    open_metrics = wanted.get("application/openmetrics-text;version=1.0.0", 0)
    text = max([weight for name, weight in wanted.items() if name.startswith("text/plain")] or [0])
    return OPEN_METRICS if open_metrics and open_metrics >= text else TEXT
