"""Grafana itself: which data sources it has, its annotations, and how it is doing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any
from urllib.parse import quote

import msgspec

from obsnb.conventions import Conventions
from obsnb.errors import AccessError, ObsnbError
from obsnb.instants import now_ns
from obsnb.ledger import Complete, QueryRecord
from obsnb.schema import digest
from obsnb.sources.annotations import Annotation, Pages, decode, pull, to_events
from obsnb.sources.base import HEALTH_S, Answer, Health
from obsnb.sources.refusals import asked, refusal, unreadable
from obsnb.sources.skew import skew_s
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Request, Response, Transport

__all__ = ["DataSource", "Grafana", "proxied"]

_MS = 1_000_000
_ANNOTATIONS = "/api/annotations"
#: No page of annotations is asked for more.
_MOST = 1_000_000


class DataSource(msgspec.Struct, frozen=True, rename={"default": "isDefault"}):
    """One of Grafana's data sources, as far as it matters here."""

    uid: str
    name: str = ""
    type: str = ""
    default: bool = False


def proxied(uid: str) -> str:
    """The path below Grafana at which a data source is asked as if it were asked itself."""
    return f"/api/datasources/proxy/uid/{quote(uid, safe='')}"


@dataclass(frozen=True)
class Grafana:
    """A Grafana server, asked with one token.

    Parameters
    ----------
    transport
        Sends the requests; its URL is Grafana's own.
    conventions
        Which tag of an annotation names a service (``service:api``).
    name
        Its name in the ledger.
    page_limit
        How many annotations one page may have; Grafana's own is 100.
    chosen
        Which data sources were chosen and why, for `health`.
    uids
        Their uids, by the names of the sources that are asked through them.
    """

    transport: Transport
    _: KW_ONLY
    conventions: Conventions
    name: str = "grafana"
    page_limit: int = 1_000
    chosen: str = ""
    uids: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __repr__(self) -> str:
        return f"Grafana({self.name!r})"

    def data_sources(self) -> list[DataSource] | None:
        """Its data sources; None where the token may not list them.

        Raises
        ------
        SourceError
            Grafana refuses the token, fails, or cannot be reached.
        """
        response = self.transport.send(Request("/api/datasources"))
        if response.status == 403:
            return None
        found: list[DataSource] = self._read(response, list[DataSource])
        return list(dict.fromkeys(found))

    def data_source(self, uid: str) -> DataSource | None:
        """The data source with a uid; None where the token may not look at it.

        Raises
        ------
        SourceError
            There is none, or as `data_sources` does.
        """
        response = self.transport.send(Request(f"/api/datasources/uid/{quote(uid, safe='')}"))
        if response.status == 403:
            return None
        found: DataSource = self._read(response, DataSource)
        return found

    def annotations(self, window: TimeRange, *, role: str | None = None) -> Answer:
        """EVENTS of kind ``annotation`` that touch the window, and ``tags`` (list of text).

        The title is the text without HTML tags. Of a region, `end` is its end.

        Raises
        ------
        SourceError
            Grafana refuses, fails, cannot be reached, or answers what cannot be read.
        """
        began = time.perf_counter()
        answers: list[Response] = []

        def ask(first: int, last: int, limit: int) -> list[Annotation]:
            span = (("from", str(first)), ("to", str(last)), ("limit", str(limit)))
            response = self.transport.send(Request(_ANNOTATIONS, span))
            answers.append(response)
            if not response.ok:
                raise refusal(response, source=self.name, kind="grafana", query=_ANNOTATIONS, window=window)
            try:
                return decode(response.body)
            except msgspec.DecodeError as error:
                why = str(error)
            raise unreadable(response, source=self.name, query=_ANNOTATIONS, window=window, why=why)

        first, last = window.start_ns // _MS, (window.end_ns - 1) // _MS
        with asked(_ANNOTATIONS, window):
            pages = pull(ask, first, last, limit=self.page_limit, most=max(_MOST, self.page_limit))
        frame = to_events(pages.rows, window, conventions=self.conventions)
        record = QueryRecord("events", self.name, _ANNOTATIONS, _ANNOTATIONS, window, role=role)
        complete, reason = _completeness(pages, record)
        filled = replace(
            record,
            pages=len(answers),
            requests=sum(1 + answer.retries for answer in answers),
            retries=sum(answer.retries for answer in answers),
            rows=frame.height,
            bytes=sum(len(answer.body) for answer in answers),
            seconds=time.perf_counter() - began,
            complete=complete,
            reason=reason,
            digest=digest(frame),
        )
        return Answer(frame, filled)

    def health(self) -> Health:
        """How Grafana is doing, and which data sources were chosen; never raises."""
        try:
            response = self.transport.send(Request("/api/health", within_s=HEALTH_S))
            skew = skew_s(response, now_ns())
            told = self._read(response, dict[str, Any])
        except ObsnbError as error:
            refused = isinstance(error, AccessError)
            return Health(self.name, "events", "refused" if refused else "unreachable", message=str(error))
        version, database = told.get("version"), told.get("database")
        ok = database in {None, "ok"}
        return Health(
            self.name,
            "events",
            "ok" if ok else "degraded",
            latency_s=response.seconds,
            version=str(version) if version else None,
            clock_skew_s=skew,
            message=self.chosen if ok else f"Its database is not well: {database}.",
        )

    def _read(self, response: Response, kind: Any) -> Any:
        if not response.ok:
            raise refusal(response, source=self.name, kind="grafana")
        try:
            return msgspec.json.decode(response.body, type=kind)
        except msgspec.DecodeError as error:
            why = str(error)
        raise unreadable(response, source=self.name, why=why)


def _completeness(pages: Pages, record: QueryRecord) -> tuple[Complete, str]:
    if pages.strange:
        came = f"{pages.strange:,} annotations of other times than were asked for came as well"
        return (
            ("unknown", came)
            if pages.whole
            else ("no", f"{came}, on a full page, and the rest was not given")
        )
    if not pages.whole:
        return "no", f"there are more than {_MOST:,} annotations in one moment, and the rest was not given"
    if record.window.end_ns > record.asked_at_ns:
        return "unknown", "the window ends after it was asked"
    return "yes", "the last page of every slice had room left"
