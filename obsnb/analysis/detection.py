"""How long it took until somebody was told, until it was over, and what would have told sooner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from obsnb.analysis.backtest import backtest_alert
from obsnb.analysis.border import like, to_polars
from obsnb.analysis.labelled import Labelled
from obsnb.analysis.rules import Rule, candidate_rules, recorded, recordings
from obsnb.conventions import DEFAULT, Conventions
from obsnb.errors import UsageError
from obsnb.instants import told_ns
from obsnb.schema import EVENTS, SERIES, dtype
from obsnb.timerange import TimeRange, check_windows

__all__ = ["Detection", "detection"]

_EARLY_NS = 300 * 10**9  # an alert may fire a while before an onset as it was dated
_STEPS_S = (15, 30, 60, 120, 300)
_RULES: dict[str, Any] = {
    "rule": pl.String,
    "for": pl.String,
    "service": pl.String,
    "why": pl.String,
    "recorded_as": pl.String,
    "fired": dtype("time"),
    "after": pl.Duration("ns"),
    "lead": pl.Duration("ns"),
    "before": pl.Int64,
    "sooner": pl.Boolean,
}


@dataclass(frozen=True, repr=False)
class Detection(Labelled):
    """What `detection` gives.

    Attributes
    ----------
    onset_ns, recovery_ns
        When it began, and when it was over; None where that was not seen.
    alert, alert_service, alert_ns
        The first alert of the incident, whom it is about, and when it fired; None where none did.
    to_detect_ns, to_recover_ns
        From the onset to the first alert (negative where it was told before the onset as dated) and to the
        recovery.
    rules
        The rules that were tried, the soonest first, as a frame: ``rule`` (its text, on recorded series of
        the failed ratio and the 95th percentile), ``for``, ``service``, ``why`` (where its bound is
        from), ``recorded_as`` (the PromQL that records the rule's series; its ``service`` is a label that the
        recording rule adds), ``fired`` (null: never in the incident), ``after`` (the onset), ``lead``
        (before the first alert), ``before`` (how often it fired in the baseline), ``sooner`` (whether it
        was silent in the baseline and before the first alert, or there was none).
    unknown
        What the data cannot tell, in sentences.
    best
        The soonest of the rules that are sooner: its text, its ``for``, when it fired.
    compared
        Whether there were rules and a baseline to try them on.
    recorded_as
        The PromQL that records the best rule's series.
    found
        Whether there was an onset; without one nothing was to be detected, and nothing to recover from.
    """

    onset_ns: int
    recovery_ns: int | None
    alert: str | None
    alert_service: str | None
    alert_ns: int | None
    rules: Any
    unknown: tuple[str, ...]
    best: tuple[str, str | None, int] | None = None
    compared: bool = False
    recorded_as: str | None = None
    found: bool = True

    @property
    def to_detect_ns(self) -> int | None:
        """From the onset to the first alert."""
        return None if self.alert_ns is None else self.alert_ns - self.onset_ns

    @property
    def to_recover_ns(self) -> int | None:
        """From the onset to the recovery."""
        return None if self.recovery_ns is None else self.recovery_ns - self.onset_ns

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """A label and a sentence each, in order."""
        return (
            ("Detected", self._detected()),
            *((("Recovered", self._recovered()),) if self.found else ()),
            ("Sooner", self._sooner()),
            *((("Recorded as", self.recorded_as),) if self.recorded_as else ()),
            *(("Not known", sentence) for sentence in self.unknown),
        )

    def _detected(self) -> str:
        if not self.found:
            fired = "no alert fired" if self.alert is None else f"the alert {self.alert} fired"
            return f"No onset was found, and {fired}."
        if self.alert is None or self.alert_ns is None:
            return f"No alert fired; the onset was at {told_ns(self.onset_ns)} UTC."
        about = f" ({self.alert_service})" if self.alert_service else ""
        how_long = _after(self.alert_ns - self.onset_ns)
        return f"{how_long} by the alert {self.alert}{about} at {told_ns(self.alert_ns, self.onset_ns)} UTC."

    def _recovered(self) -> str:
        if self.recovery_ns is None:
            return "The recovery was not seen in the window."
        at = told_ns(self.recovery_ns, self.onset_ns)
        return f"{_length(self.recovery_ns - self.onset_ns)} after the onset, at {at} UTC."

    def _sooner(self) -> str:
        if self.best is None and not self.compared:
            return "No rule is named: there is no baseline, or nothing to try rules on."
        if self.best is None:
            return (
                "No rule on the failed ratio or the latency would have fired sooner and been silent before."
            )
        text, hold, at = self.best
        rule = text + (f" for {hold}" if hold else "")
        gain = ", where no alert did,"
        if self.alert_ns is not None:
            gain = f", {_length(self.alert_ns - at)} before the alert,"
        return f"{rule} would have fired {_after(at - self.onset_ns)}{gain} and never in the baseline."


def detection(
    series: Any = None,
    events: Any = None,
    *,
    during: TimeRange,
    baseline: TimeRange | None = None,
    window: TimeRange | None = None,
    objective: float = 0.999,
    conventions: Conventions = DEFAULT,
) -> Detection:
    """How long from the onset until the first alert and until recovery, and which rule was sooner.

    Parameters
    ----------
    series
        SERIES with request counters and latency histograms; the rules that are tried are derived from
        them: for each service the failed ratio against the error budget's fastest burn (Google's Site
        Reliability Workbook, chapter 5) or twice the baseline's worst, and the 95th percentile against
        twice the baseline's worst.
    events
        EVENTS: of kind ``alert`` are looked at. One that fires up to five minutes before the onset
        counts as of the incident, unless it fired in the baseline, too, under the same title.
    during, baseline
        The incident from onset to recovery, and what came before.
    window
        What was looked at: a recovery at its end was not seen. Without it, the end of `during` is the
        recovery.
    objective
        The share of requests that must not fail.

    Returns
    -------
    Detection
        ``.lines`` says it in sentences; ``.rules`` is a frame of the first argument's kind.

    Raises
    ------
    FrameError
        A frame lacks a column.
    UsageError
        The objective is no share below 1.
    """
    check_windows(during=during, baseline=baseline, window=window)
    if not 0 < objective < 1:
        raise UsageError(
            f"An objective of {objective:g} is none.",
            hint="It is a share of requests below 1, such as 0.999.",
        )
    unknown = ["Whether people noticed before any alert, and when somebody answered it, is in no signal."]
    first = None
    if events is None:
        unknown.append("No events were given, so that alerts are not known.")
    else:
        given = to_polars(events, EVENTS, needs=("timestamp", "kind", "title"), what="detection")
        first = _first_alert(given, during, baseline)
    rules = _shaped([])
    if series is not None:
        frame = to_polars(series, SERIES, needs=("timestamp", "metric", "value"), what="detection")
        alert = first[2] if first else None
        every = _step_s(frame)
        made = recorded(frame, every_s=every, conventions=conventions)
        candidates = candidate_rules(made, baseline=baseline, objective=objective, every_s=every)
        rules = _shaped([_tried(rule, made, during, baseline, alert) for rule in candidates])
        queries = recordings(frame, every_s=every, conventions=conventions)
        name = pl.col("rule").str.extract(r"^([\w:]+)", 1)
        rules = rules.with_columns(
            name.replace_strict(queries or {"": ""}, default=None, return_dtype=pl.String).alias(
                "recorded_as"
            )
        )
    if rules.is_empty():
        unknown.append("There are no request counters or latency histograms to try rules on.")
    elif baseline is None:
        unknown.append("Without a baseline it is not known how often the rules would have fired for nothing.")
    recovered = window is None or during.end_ns < window.end_ns
    sooner = rules.filter("sooner").head(1).to_dicts() if baseline is not None else []
    best, query = None, None
    if sooner:
        at = rules.filter("sooner")["fired"].to_physical()[0]
        best = (sooner[0]["rule"], sooner[0]["for"], int(at))
        query = sooner[0]["recorded_as"]
    return Detection(
        onset_ns=during.start_ns,
        recovery_ns=during.end_ns if recovered else None,
        alert=first[0] if first else None,
        alert_service=first[1] if first else None,
        alert_ns=first[2] if first else None,
        rules=like(rules, series if series is not None else events),
        unknown=tuple(unknown),
        best=best,
        compared=baseline is not None and rules.height > 0,
        recorded_as=query,
    )


def _first_alert(
    events: pl.DataFrame, during: TimeRange, baseline: TimeRange | None
) -> tuple[str, str | None, int] | None:
    """Title, service and time of the first alert that is of the incident."""
    service = pl.col("service").cast(pl.String) if "service" in events.columns else pl.lit(None, pl.String)
    alerts = events.filter(pl.col("kind") == "alert").select(
        pl.col("title"), service.alias("service"), pl.col("timestamp").to_physical().alias("ns")
    )
    ns = pl.col("ns")
    early = ns.is_between(during.start_ns - _EARLY_NS, during.start_ns, closed="left")
    if baseline is not None:
        quiet = min(baseline.end_ns, during.start_ns - _EARLY_NS)
        usual = alerts.filter(ns.is_between(baseline.start_ns, quiet, closed="left"))["title"].unique()
        early &= ~pl.col("title").is_in(usual.implode())
    inside = ns.is_between(during.start_ns, during.end_ns, closed="both")
    found = alerts.filter(early | inside).sort("ns", "title").head(1).rows()
    return (found[0][0] or "without a name", found[0][1], found[0][2]) if found else None


def _tried(
    rule: Rule, made: pl.DataFrame, during: TimeRange, baseline: TimeRange | None, alert: int | None
) -> dict[str, Any]:
    """What became of a rule: a row of the rules' frame."""
    fired = backtest_alert(rule.text, made, for_=rule.for_)["fired"].to_physical().to_list()
    hit = next((at for at in fired if during.start_ns <= at <= during.end_ns), None)
    before = None
    if baseline is not None:
        quiet = min(baseline.end_ns, during.start_ns)
        before = sum(baseline.start_ns <= at < quiet for at in fired)
    return {
        "rule": rule.text,
        "for": rule.for_,
        "service": rule.service,
        "why": rule.why,
        "fired": hit,
        "after": None if hit is None else hit - during.start_ns,
        "lead": None if hit is None or alert is None else alert - hit,
        "before": before,
        "sooner": hit is not None and not before and (alert is None or hit < alert),
    }


def _shaped(rows: list[dict[str, Any]]) -> pl.DataFrame:
    raw = {name: pl.Int64 if name in ("fired", "after", "lead") else kind for name, kind in _RULES.items()}
    out = pl.DataFrame([{"recorded_as": None, **row} for row in rows], schema=raw, orient="row")
    out = out.sort("sooner", "fired", "rule", "for", descending=[True, False, False, False], nulls_last=True)
    return out.select(pl.col(name).cast(kind) for name, kind in _RULES.items())


def _step_s(series: pl.DataFrame) -> int:
    """Of the recorded series: four scrapes at least, so that an interval has several samples."""
    key = "series_id" if "series_id" in series.columns else "metric"
    gaps = series.select(pl.col("timestamp").to_physical().sort().diff().over(key).alias("gap"))
    scrape = gaps.filter(pl.col("gap") > 0)["gap"].median()
    wanted = 4 * float(scrape) / 1e9 if isinstance(scrape, int | float) else 60.0
    return next((step for step in _STEPS_S if step >= min(wanted, 60.0)), _STEPS_S[-1])


def _length(ns: int) -> str:
    seconds = round(abs(ns) / 1e9)
    minutes, rest = divmod(seconds, 60)
    parts = [f"{minutes} min"] * bool(minutes) + [f"{rest} s"] * bool(rest or not minutes)
    return " ".join(parts)


def _after(ns: int) -> str:
    return f"{_length(ns)} after the onset" if ns >= 0 else f"{_length(ns)} before the onset as dated"
