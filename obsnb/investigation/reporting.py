"""What an investigation leaves behind: its post-mortem and its findings; a part of `Investigation`."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obsnb.investigation.document import charts, impact_rows, sampling
from obsnb.investigation.evidence import evidence_texts
from obsnb.investigation.guide import Guide
from obsnb.investigation.telling import Telling

if TYPE_CHECKING:
    from obsnb.ledger import QueryRecord
    from obsnb.report.postmortem import Postmortem

__all__ = ["Reporting"]


class Reporting(Telling, Guide):
    """The part of an investigation that puts what was found and what was told into a document."""

    scope: Mapping[str, str]

    def postmortem(self, *, title: str | None = None, notes: str | Path | None = None) -> Postmortem:
        """The post-mortem: what the data knows filled in, what only people know asked for.

        Parameters
        ----------
        title
            Its title; without, what broke and when.
        notes
            The text file that people write in; without, the ``notes.toml`` of an archive.

        Returns
        -------
        Postmortem
            ``.save("postmortem.html")``, ``.md``, ``.pdf`` or ``.ipynb`` writes it. Secrets and personal
            data are redacted in it (``[redact]`` in obsnb.toml).
        """
        from obsnb.report.notes import Notes
        from obsnb.report.postmortem import Postmortem
        from obsnb.report.redaction import redacted
        from obsnb.version import __version__

        written = Notes.load(notes) if notes is not None else Notes.parse(self._obs.notes or "")
        rows, compared = self._found.rows, self._found.compared
        named = (self._found.suspects, self._found.errors, self._found.statements, self._found.timeline)
        ids = [one for frame in named for several in frame["evidence"].drop_nulls() for one in several]
        ids += [one for tried in self.hypotheses for one in tried.evidence]
        ids += [one for conclusion in self.conclusions for one in conclusion.evidence]
        ids += [one for remark in self.remarks for one in remark.evidence]
        records = _each_once(self._obs.ledger.records, ids)
        told = Postmortem(
            title=title or self._title(),
            window=self.window,
            during=compared.during if compared.found else None,
            baseline=compared.baseline,
            baseline_why=" ".join((compared.why[0], compared.why[-1])),
            summary=self._found.summary.lines,
            confidence=self._found.summary.sure,
            impact=impact_rows(self._found.impact),
            detection=self.detection().lines if compared.found else (),
            timeline=self._told_timeline,
            suspects=self._found.suspects,
            error_groups=self._found.errors,
            slow_queries=self._found.statements,
            waterfall=self._found.waterfall,
            waterfall_why=self._found.telling[1] if self._found.telling else "",
            service_graph=self._found.calls,
            charts=charts(self._found.entering, self._found.occurrences, self.window, self._obs.conventions),
            queries=records,
            sampling=sampling(records),
            redactions=self._obs.redactions,
            hypotheses=self.hypotheses,
            conclusions=self.conclusions,
            remarks=self.remarks,
            notes=written,
            evidence=evidence_texts(ids, rows),
            generated_by=f"obsnb {__version__}",
            archive=self._obs.name,
        )
        return redacted(told, self._obs.redactor)

    def _title(self) -> str:
        where = (
            self._found.suspects["service"][0]
            if self._found.summary.confident
            else ", ".join(self.scope.values())
        )
        compared = self._found.compared
        if not compared.found:
            day = f"{self.window.start:%Y-%m-%d %H:%M} to {self.window.end:%H:%M} UTC"
            return f"{day}: no incident found in {where or 'what was asked'}"
        return f"Incident of {compared.during.start:%Y-%m-%d %H:%M} UTC: {where}"

    def findings(self) -> dict[str, Any]:
        """What was found, as plain values for JSON, redacted as the post-mortem is."""
        said = {
            "hypotheses": [asdict(one) for one in self.hypotheses],
            "conclusions": [asdict(one) for one in self.conclusions],
            "remarks": [asdict(one) for one in self.remarks],
        }
        last = asdict(self.conclusions[-1]) if self.conclusions else {}
        told = self._found.as_json(self.scope) | last | said
        clean: dict[str, Any] = self._obs.redactor.value(told)[0]
        return clean

    def save_findings(self, path: str | Path) -> Path:
        """Write `findings` as JSON, the newest conclusion's parts at the top.

        Returns
        -------
        Path
            Where it is.
        """
        target = Path(path)
        text = json.dumps(self.findings(), indent=2, ensure_ascii=False)
        target.write_text(text + "\n", encoding="utf-8")
        return target


def _each_once(records: Iterable[QueryRecord], cited: Collection[str]) -> tuple[QueryRecord, ...]:
    """The records without those that asked again and were told the very same, unless one is cited."""
    kept: dict[tuple[object, ...], QueryRecord] = {}
    for one in records:
        key = (one.kind, one.source, one.query, one.window, one.digest, one.complete, one.reason)
        again = key in kept and f"query:{one.number}" in cited
        kept.setdefault((*key, one.number) if again else key, one)
    return tuple(kept.values())
