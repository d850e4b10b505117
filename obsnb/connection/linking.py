"""Links from the ledger back into Grafana; a part of `Connection`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from obsnb.errors import UsageError
from obsnb.query.grafana import explore_url

if TYPE_CHECKING:
    from obsnb.ledger import Ledger, QueryRecord

__all__ = ["Explore", "Linking"]


@dataclass(frozen=True)
class Explore:
    """A Grafana's address, and for each source behind it, by its name, the data source's uid."""

    base: str
    uids: Mapping[str, str] = field(default_factory=dict)

    def of(self, source: str) -> dict[str, str]:
        """What a source's records carry, so that they link back; empty of one it does not know."""
        uid = self.uids.get(source)
        return {"grafana": self.base, "datasource": uid} if uid is not None else {}


class Linking:
    """The verb of a connection that links to Explore."""

    _explore: Explore | None
    ledger: Ledger

    def explore_url(self, record: QueryRecord | None = None, *, datasource: str | None = None) -> str:
        """The address at which Grafana's Explore asks a query of the ledger again.

        Parameters
        ----------
        record
            From `ledger`; the newest one unless told. Of several sources each has a record of its own, and so
            a link to its own data source.
        datasource
            A data source's uid; without, that of the one that the record was asked through, which an
            archive's records name as well.

        Returns
        -------
        str
            It holds the query and the window, and no credentials. `from_grafana_url` reads it back.

        Raises
        ------
        UsageError
            Nothing was asked yet, or this connection knows no Grafana or not which data source is meant.
        QueryError
            The record is of a question about an index or of annotations, which Explore does not ask for.
        """
        found = record if record is not None else self.ledger.last
        if found is None:
            raise UsageError("Nothing was asked yet, so there is nothing to link to.")
        if self._explore is None and not found.explore:
            raise UsageError(
                "This connection knows no Grafana.",
                hint='Connect with connect(grafana="https://..."), or call '
                'obsnb.explore_url(record, grafana="https://...", datasource="uid").',
            )
        # What a record was asked through is its own, also in an archive; else what is connected now.
        own = dict(found.explore) or (self._explore.of(found.source) if self._explore else {})
        base = own.get("grafana") or (self._explore.base if self._explore else None)
        uid = datasource or own.get("datasource")
        if uid is None:
            raise UsageError(
                f"Which of Grafana's data sources {found.source} is, this connection does not know.",
                hint='Pass datasource="uid": the address of a data source\'s page in Grafana ends with it.',
            )
        return explore_url(found, grafana=base, datasource=uid)
