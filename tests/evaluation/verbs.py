"""Whether a verb told the truth of a case: true, false, or None where the label does not say what is true."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl

import obsnb
from obsnb.analysis.suspects import suspects
from tests.evaluation.cases import Case, S

_SAMPLES = 20  # of a series: fewer can hardly show a change among many series
_FEWEST = 10  # spans or lines that show it; fewer than that nobody could be asked to find
_MOSTLY = 0.9  # of lines that are given to a span
_DELAY = 3  # steps by which a series is made to follow another
_PODS = 3


def _inside(frame: pl.DataFrame, case: Case, time: str) -> pl.DataFrame:
    return frame.filter(pl.col(time).is_between(case.during.start, case.during.end, closed="left"))


def _before(frame: pl.DataFrame, case: Case, time: str) -> pl.DataFrame:
    return frame.filter(pl.col(time).is_between(case.baseline.start, case.baseline.end, closed="left"))


def _shown(case: Case) -> bool:
    """Whether enough of what the fault did is in the spans; taken to be where the label does not say."""
    if case.family != "made up" or not case.struck or case.spans is None:
        return True
    inside = _inside(case.spans, case, "start")
    return inside.filter(pl.col("span_id").is_in(case.struck)).height >= _FEWEST


def cause_kind(case: Case) -> bool | None:
    """The first suspect is who it was, and the kind of cause that is named there is right."""
    if case.quiet or not case.kinds or not _shown(case):
        return None
    given = (case.logs, case.spans, case.series, case.events)
    first = suspects(*given, during=case.during, baseline=case.baseline).row(0, named=True)
    return first["service"] in case.culprits and first["cause_kind"] in case.kinds


def _in_pods(case: Case, pods: pl.Expr) -> str | None:
    """What `within` says of the culprit where every server span ran in a pod as told."""
    assert case.spans is not None
    spans = case.spans.with_columns(
        pl.format("{}-{}", pl.col("service").cast(pl.String), pods).alias("k8s.pod.name")
    )
    out = suspects(None, spans, None, None, during=case.during, baseline=case.baseline)
    mine = out.filter(pl.col("service").is_in(case.culprits))
    return None if mine.is_empty() else mine["within"][0]


def _pod_by_lot() -> pl.Expr:
    return pl.concat_str("trace_id", pl.col("service").cast(pl.String)).hash(5) % _PODS


def _spared(case: Case) -> int:
    """Requests of the incident that pass the culprit and that the fault did not strike there."""
    assert case.spans is not None
    inside = _inside(case.spans, case, "start").filter(pl.col("service").is_in(case.culprits))
    struck = inside.group_by("trace_id").agg(pl.col("span_id").is_in(case.struck).any())
    return int((~struck["span_id"]).sum())


def within(case: Case) -> bool | None:
    """Where all that the fault struck ran in one of three pods, that pod is named.

    Nothing is asked where the fault struck whatever ran then: one pod ran everything, which tells nothing.
    """
    if case.quiet or case.family != "made up" or not case.struck or not _shown(case):
        return None
    if _spared(case) < _FEWEST:
        return None
    pod = pl.when(pl.col("span_id").is_in(case.struck)).then(0).otherwise(_pod_by_lot())
    said = _in_pods(case, pod)
    return said is not None and f"k8s.pod.name={case.culprits[0]}-0" in said


def within_nothing(case: Case) -> bool | None:
    """Where the pods have nothing to do with it, none is named."""
    if case.quiet or case.family != "made up" or not case.struck or not _shown(case):
        return None
    said = _in_pods(case, _pod_by_lot())
    return said is None or "k8s.pod.name" not in said


def contrast(case: Case) -> bool | None:
    """What it raised is among the five things that tell the incident's lines most from those before."""
    if case.error is None or case.logs is None:
        return None
    said = case.logs["line"].str.contains(case.error, literal=True)
    if _inside(case.logs.filter(said), case, "timestamp").height < _FEWEST:
        return None
    out = obsnb.contrast(_inside(case.logs, case, "timestamp"), _before(case.logs, case, "timestamp"))
    found = out.filter(pl.col("kind") == "value").head(5)
    text = found["value"] + " " + found["same_as"].list.join(" ")
    return bool(text.str.contains(case.error.split(":")[0], literal=True).any())


def slower_numbers(case: Case) -> bool | None:
    """Of spans of the culprit, those in the incident are longer, surely."""
    if "slow" not in case.fault and case.fault != "cpu burn":
        return None
    if case.spans is None or case.family != "made up" or not case.struck or not _shown(case):
        return None
    mine = case.spans.filter(pl.col("service").is_in(case.culprits))
    new, old = _inside(mine, case, "start"), _before(mine, case, "start")
    struck = new["span_id"].is_in(case.struck).mean()
    if old.height < _FEWEST or not isinstance(struck, float) or struck < 0.5:
        return None
    out = obsnb.contrast(new, old).filter(pl.col("column") == "duration", pl.col("kind") == "number")
    return bool((out["direction"] == "up").any())


def correlate_logs(case: Case) -> bool | None:
    """Lines whose ids are hidden are given to the right trace or span, or to none."""
    if case.logs is None or case.spans is None:
        return None
    hidden = "span_id" if "span_id" in case.logs.columns else "trace_id"
    logs = case.logs.drop_nulls("trace_id").filter(pl.col("trace_id").is_in(case.spans["trace_id"].unique()))
    if hidden == "span_id":
        logs = logs.filter(pl.col("span_id").is_in(case.spans["span_id"].unique()))
    elif logs.height < case.logs.height:
        return None  # of traces that were not kept another may be taken to be the only one
    logs = logs.head(2_000)
    told = [name for name in logs.columns if name.endswith(hidden)]
    out = obsnb.correlate_logs(
        logs.drop(told).with_columns(pl.lit(None, pl.String).alias(hidden)), case.spans
    )
    both = pl.DataFrame({"was": logs[hidden], "is": out[hidden], "span": out["span_id"]}).drop_nulls()
    if both.height < _FEWEST:
        return None
    return bool((both["was"] == both["is"]).mean() >= _MOSTLY)  # type: ignore[operator]


def detection(case: Case) -> bool | None:
    """Where a tenth of somebody's requests fail, a rule fires in the incident and never before it."""
    if case.quiet or case.series is None or "status_code" not in case.series.columns:
        return None
    counts = obsnb.request_counts(case.series)
    shares = (
        _inside(counts, case, "timestamp")
        .group_by("service")
        .agg(
            (pl.col("count").filter("failed").sum() / pl.col("count").sum()).alias("failed"),
            pl.col("count").sum().alias("many"),
        )
    )
    if shares.filter(pl.col("failed") >= 0.1, pl.col("many") >= 5 * _FEWEST).is_empty():
        return None
    told = obsnb.detection(case.series, case.events, during=case.during, baseline=case.baseline)
    onset = case.onset_ns or case.during.start_ns
    return told.best is not None and told.best[2] >= min(onset, case.during.start_ns)


def series_lag(case: Case) -> bool | None:
    """Of all series, one that was made to follow another three steps later is the first, with that lag."""
    if case.series is None:
        return None
    rows = case.series.select(
        "timestamp", pl.col("metric").cast(pl.String), "series_id", "value"
    ).with_columns(pl.col("series_id").cast(pl.String))
    gauges = rows.filter(pl.col("metric").str.contains("cpu_usage|threads_active|active_connections"))
    long = gauges.group_by("series_id").agg(pl.len(), pl.col("value").n_unique().alias("kinds"))
    long = long.filter(pl.col("len") >= 2 * _SAMPLES, pl.col("kinds") >= _SAMPLES).sort("series_id")
    if long.is_empty():
        return None
    target = gauges.filter(pl.col("series_id") == long["series_id"][0]).sort("timestamp")
    ns = target["timestamp"].to_physical()
    step = int(ns.diff().drop_nulls().median())  # type: ignore[arg-type]  # there are many
    spread = float(target["value"].diff().std() or 0.0)  # type: ignore[arg-type]  # of floats it is one
    noise = np.random.default_rng(7).normal(0, 0.5 * spread, target.height)
    late = target.with_columns(
        (ns + _DELAY * step).cast(target["timestamp"].dtype),
        pl.col("value") + noise,
        series_id=pl.lit("late"),
    )
    others = gauges.filter(pl.col("series_id") != long["series_id"][0])
    found = obsnb.series_lag(pl.concat([others, late]), target, max_lag=2 * _DELAY)
    first = found.select("series_id", pl.col("lag").to_physical()).row(0)
    return first == ("late", _DELAY * step)


def notable_traces(case: Case) -> bool | None:
    """One of the three traces that are shown first shows the culprit, or a call of it."""
    if case.quiet or case.spans is None or not _shown(case):
        return None
    spans, told = case.spans, set(case.culprits)
    peers = [
        name for name in ("peer.service", "server.address", "db.system", "db.system.name") if name in spans
    ]
    who = [pl.col("service").cast(pl.String), *(pl.col(name).cast(pl.String) for name in peers)]
    named = pl.concat_list(who).list.eval(pl.element().str.extract(r"^([^.:]+)", 1))
    shows = spans.select(
        pl.format("span:{}/{}", "trace_id", "span_id").alias("id"),
        named.list.set_intersection(list(told)).list.len().alias("hits"),
    ).filter(pl.col("hits") > 0)
    if shows.is_empty():
        return None  # no span names it
    out = obsnb.notable_traces(_inside(spans, case, "start"), _before(spans, case, "start")).head(3)
    return bool(out["evidence"].explode().is_in(shows["id"].implode()).any())


def database_waits(case: Case) -> bool | None:
    """Waits are told where the label has a pool that ran dry or a lock, at who waited; nowhere else."""
    if case.logs is None:
        return None
    out = obsnb.database_waits(case.logs, case.spans)
    if case.error not in ("TimeoutError", "DatabaseBusyError"):
        return out.is_empty()
    return bool(out["service"].drop_nulls().eq(case.via or case.culprits[0]).any())


def resource_changed(case: Case) -> bool | None:
    """The CPU of the service that burns it is among the three series that changed most."""
    cpu = _cpu(case)
    if cpu is None or case.fault != "cpu burn":
        return None
    return bool(obsnb.change_points(cpu).head(3)["service"].is_in(case.culprits).any())


def resource_onset(case: Case) -> bool | None:
    """Where a CPU is busier, the change is dated within two samples of when it began."""
    cpu = _cpu(case)
    if cpu is None or case.onset_ns is None or case.onset_ns < case.window.start_ns + 60 * S:
        return None
    if case.fault not in ("cpu burn", "slow peer", "deployment slow statement"):
        return None
    mine = obsnb.change_points(cpu.filter(pl.col("service").is_in(case.culprits)))
    step = cpu["timestamp"].unique().sort().diff().drop_nulls().median()
    if mine.is_empty() or mine["onset"][0] is None:
        return False
    off = abs(mine["onset"].to_physical()[0] - case.onset_ns)
    return bool(off <= 2e9 * step.total_seconds())  # type: ignore[union-attr]  # times have one


def _cpu(case: Case) -> pl.DataFrame | None:
    if case.series is None or case.family != "made up":
        return None
    cpu = case.series.filter(pl.col("metric") == "container_cpu_usage_cores")
    few = cpu.group_by("series_id").len()["len"].min()
    return None if not isinstance(few, int) or few < _SAMPLES else cpu


def error_groups(case: Case) -> bool | None:
    """The culprit is where one of the three groups was raised that grew most."""
    if "failing" not in case.fault or "peer" in case.fault or case.family != "made up" or case.quiet:
        return None
    groups = obsnb.error_groups(case.logs, case.spans, during=case.during, baseline=case.baseline)
    times = case.during.duration_s / case.baseline.duration_s
    raised = groups.filter(~pl.col("passed_on")).with_columns(
        more=pl.col("within") - times * pl.col("before")
    )
    return bool(raised.sort("more", descending=True).head(3)["service"].is_in(case.culprits).any())


def slow_queries(case: Case) -> bool | None:
    """A statement that asks the slow peer is among the three that cost most time more than before."""
    if case.fault not in ("slow peer", "deployment slow statement") or case.spans is None:
        return None
    if not case.spans["db.query.text"].count():
        return None
    out = obsnb.slow_queries(case.spans, during=case.during, baseline=case.baseline)
    slower = pl.col("within_p50") - pl.col("before_p50")
    out = out.with_columns(more=pl.col("within_count") * slower.cast(pl.Int64)).drop_nulls("more")
    first = out.sort("more", descending=True).head(3)["peer"].cast(pl.String)
    return any(peer.startswith(name) for peer in first.drop_nulls() for name in case.culprits)


def patterns(case: Case) -> bool | None:
    """What the broken service logs is a new pattern."""
    if case.error is None or case.family != "made up" or case.logs is None:
        return None
    said = case.logs.filter(pl.col("line").str.contains("cannot parse amount", literal=True))
    if said.height < 3 or _inside(said, case, "timestamp").height < said.height:
        return None
    out = obsnb.patterns(case.logs, during=case.during, baseline=case.baseline)
    new = out.filter(pl.col("before") == 0, pl.col("within") > 0)
    return bool(new["pattern"].str.contains("cannot parse amount", literal=True).any())


VERBS: Mapping[str, Callable[[Case], bool | None]] = {
    "suspects: cause_kind": cause_kind,
    "suspects: within": within,
    "suspects: within, no pod's fault": within_nothing,
    "error_groups": error_groups,
    "slow_queries": slow_queries,
    "patterns": patterns,
    "contrast: lines": contrast,
    "contrast: durations": slower_numbers,
    "correlate_logs": correlate_logs,
    "notable_traces": notable_traces,
    "database_waits": database_waits,
    "detection": detection,
    "change_points": resource_changed,
    "change_points: onset": resource_onset,
    "series_lag": series_lag,
}
