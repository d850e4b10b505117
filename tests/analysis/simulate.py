"""Small systems that break in one known place, drawn from a seed, with the telemetry they would emit.

Names, call graphs, durations, sampling and style (span kinds, statuses, how peers are named, how long
the baseline is) are random, so that nothing which is tuned to one system does well here.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from obsnb.timerange import TimeRange

FAULTS = (
    "slow leaf",
    "slow middle",
    "failing leaf",
    "failing middle",
    "slow peer",
    "failing peer",
    "cpu burn",
    "network delay",
    "down",
    "deployment slow",
    "deployment failing",
    "deployment slow statement",
    "quiet",
)
_S = 1_000_000_000
_MS = 1_000_000
_EPOCH = 1_790_000_000 * _S
_SYLLABLES = ("ba", "co", "di", "fu", "ga", "he", "ji", "ka", "lo", "mi", "no", "pe", "qua", "ri", "so")
_SYLLABLES += ("ta", "ul", "vi", "wo", "xe", "yo", "za", "bri", "cla", "dre", "flo", "gro")
_PEERS = (
    ("postgresql", "SELECT"),
    ("mysql", "SELECT"),
    ("redis", "GET"),
    ("mongodb", "find"),
    ("http", "POST"),
)
_COLUMNS = ("trace_id", "span_id", "parent_span_id", "service", "name", "kind", "status", "status_message")
_COLUMNS += ("start", "duration", "peer", "statement", "code")


@dataclass
class Style:
    """How the telemetry is written."""

    kinds: bool = True
    statuses: bool = True
    client_spans: bool = True
    peer_names: str = "peer.service"
    sampled: float = 1.0  # of the traces that are neither slow nor failed
    levels: bool = True
    step_s: int = 15
    tail: float = 0.3  # of the logarithm of durations: how widely they vary
    queueing: float = 0.0  # of a callee's time is waited for once more before it is called
    timeout_ms: float = 2_000.0  # after which a caller gives up
    drift: float = 1.0  # everything takes so many times as long in the incident, also where all is well
    partial: float = 1.0  # of what the broken service does is broken, as where one pod of several is
    active: tuple[float, float] = (0.0, 1.0)  # part of the incident's window in which the fault is there


@dataclass
class Simulation:
    """What was emitted, and what was wrong."""

    fault: str
    culprit: str | None
    logs: pl.DataFrame
    spans: pl.DataFrame
    series: pl.DataFrame
    events: pl.DataFrame
    during: TimeRange
    baseline: TimeRange
    style: Style
    caller: str | None = None
    services: list[str] = field(default_factory=list)
    struck: frozenset[str] = frozenset()  # spans of the culprit in which the fault acted


@dataclass
class _Operation:
    service: int
    name: str
    work_ns: float
    calls: list[tuple[int, float]]  # operation, probability
    peers: list[tuple[int, str, float, float]]  # peer, statement, ns, probability
    parallel: bool


def simulate(
    seed: int, fault: str | None = None, *, services: int | None = None, style: Style | None = None
) -> Simulation:
    """A system, an incident of the given kind (a random one without) and its telemetry."""
    rng = np.random.default_rng(seed)
    fault = fault or str(rng.choice(FAULTS))
    world = _World(rng, services or int(rng.integers(5, 41)), style or _random_style(rng))
    return world.run(fault)


def _random_style(rng: np.random.Generator) -> Style:
    return Style(
        kinds=bool(rng.random() < 0.75),
        statuses=bool(rng.random() < 0.75),
        client_spans=bool(rng.random() < 0.8),
        peer_names=str(rng.choice(["peer.service", "server.address", "db.system"])),
        sampled=float(rng.choice([1.0, 0.3, 0.1])),
        levels=bool(rng.random() < 0.8),
        step_s=int(rng.choice([10, 15, 30])),
        tail=float(rng.choice([0.2, 0.4, 0.7])),
        queueing=float(rng.choice([0.0, 0.0, 0.2])),
        drift=float(rng.choice([1.0, 1.0, 1.1])),
        partial=float(rng.choice([1.0, 1.0, 0.3])),
        active=(float(rng.choice([-0.1, 0.0, 0.15])), float(rng.choice([0.7, 1.0]))),
    )


class _World:
    def __init__(self, rng: np.random.Generator, many: int, style: Style) -> None:
        self.rng, self.style, self.many = rng, style, many
        names: list[str] = []
        while len(names) < many + max(2, many // 4):
            name = "".join(rng.choice(_SYLLABLES, 3)) + str(rng.choice(["", "-api", "-service", "-svc"]))
            if name not in names:
                names.append(name)
        self.names, self.peers = names[:many], names[many:]
        self.kinds = [_PEERS[int(rng.integers(len(_PEERS)))] for _ in self.peers]
        if style.peer_names == "db.system":  # nothing but the kind of system names it
            seen = dict.fromkeys(kind for kind, _ in self.kinds)
            self.peers, self.kinds = list(seen), [next(k for k in self.kinds if k[0] == s) for s in seen]
        self.operations = self._operations()
        self.entries = [k for k, op in enumerate(self.operations) if op.service == 0]
        self.chatty = set(rng.choice(many, max(1, many // 6), replace=False).tolist())
        self.ids = itertools.count(int(rng.integers(1, 2**40)))
        self.baseline_s = int(rng.choice([60, 180, 600]))
        self.during_s = int(rng.choice([120, 300]))
        self.rows: list[tuple] = []
        self.served: list[tuple] = []  # also what no trace was kept of: metrics count everything
        self.lines: list[tuple] = []
        self.struck: set[str] = set()

    def _operations(self) -> list[_Operation]:
        """From the leaves up; an operation calls few others, so that no trace has over some 40 spans."""
        rng, operations = self.rng, []
        self.sizes: list[float] = []
        for service in reversed(range(self.many)):
            near = [j for j, op in enumerate(operations) if op.service <= service + max(4, self.many // 3)]
            for k in range(int(rng.integers(1, 3)) if service else max(2, self.many // 5)):
                calls, size = [], 1.0
                for j in rng.permutation(near)[: int(rng.integers(1, 4))]:
                    if size + 2 * self.sizes[int(j)] < 35:
                        calls.append((int(j), float(rng.choice([1.0, 1.0, 0.5]))))
                        size += 2 * self.sizes[int(j)]
                peers = []
                if rng.random() < (0.35 if calls else 0.75):
                    peer = int(rng.integers(len(self.peers)))
                    statement = f"{self.kinds[peer][1]} t{service}_{k}"
                    peers.append((peer, statement, float(rng.lognormal(1.3, 0.6)) * _MS, 1.0))
                work = float(rng.lognormal(1.2, 0.7)) * _MS
                name = f"{rng.choice(['GET', 'POST', 'rpc'])} /{self.names[service][:4]}/{k}"
                operations.append(_Operation(service, name, work, calls, peers, bool(rng.random() < 0.25)))
                self.sizes.append(size + len(peers))
        self._reach_everybody(operations)
        return operations

    def _reach_everybody(self, operations: list[_Operation]) -> None:
        """Nobody stays uncalled: who does is called by a small operation that is reached."""
        for service in range(1, self.many):
            visits = _visits(operations)
            mine = [j for j, op in enumerate(operations) if op.service == service]
            if not any(visits[j] for j in mine):
                above = [j for j, op in enumerate(operations) if op.service < service and visits[j] > 0.04]
                above.sort(key=lambda j: len(operations[j].calls) + self.rng.random())
                operations[above[0]].calls.append((mine[0], 1.0))

    # The fault.

    def _used(self) -> tuple[list[int], list[int], list[int]]:
        """Leaves, other services and peers that at least one request in twenty reaches."""
        visits = _visits(self.operations)
        ops = [self.operations[j] for j, often in enumerate(visits) if often >= 0.05]
        callers = {op.service for op in ops if op.calls}
        leaves = sorted({op.service for op in ops} - callers - {0})
        return leaves, sorted(callers - {0}), sorted({peer for op in ops for peer, *_ in op.peers})

    def run(self, fault: str) -> Simulation:
        leaves, middle, peers = self._used()
        rng = self.rng

        def pick(pool: list[int], other: list[int]) -> int:
            return int(rng.choice(pool or other or [0]))

        self.fault, self.target, self.peer, self.caller = fault, -1, -1, -1
        if "peer" in fault or "statement" in fault:
            self.peer = pick(peers, [])
            using = [op.service for op in self.operations if any(p[0] == self.peer for p in op.peers)]
            self.caller = int(rng.choice(using)) if using else 0
        elif fault != "quiet":
            self.target = pick(leaves, middle) if "leaf" in fault else pick(middle, leaves)
            if fault in ("cpu burn", "network delay", "down") or "deployment" in fault:
                self.target = pick(leaves + middle, [0])
        self.factor = float(rng.uniform(3, 12))
        self.delay = float(rng.uniform(30, 200)) * _MS
        self.rate = float(rng.uniform(0.2, 0.8))
        self.start = _EPOCH
        self.onset = self.start + self.baseline_s * _S
        end = self.onset + self.during_s * _S
        per_s = min(4.0, 900 / (self.baseline_s + self.during_s))
        moment = float(self.start)
        while moment < end:
            self._request(int(moment))
            moment += float(rng.exponential(_S / per_s))
        culprit = None if fault == "quiet" else self._name_of_culprit()
        return Simulation(
            fault=fault,
            culprit=culprit,
            logs=self._logs(),
            spans=self._spans(),
            series=self._series(end),
            events=self._events(),
            during=TimeRange(self.onset, end),
            baseline=TimeRange(self.start, self.onset),
            style=self.style,
            caller=self.names[self.caller] if self.caller >= 0 else None,
            services=[*self.names, *self.peers],
            struck=frozenset(self.struck),
        )

    def _name_of_culprit(self) -> str:
        return self.peers[self.peer] if self.peer >= 0 else self.names[self.target]

    # A request.

    def _request(self, at: int) -> None:
        begin = len(self.rows)
        self.trace = f"{next(self.ids) * 7919:032x}"
        entry = self.entries[int(self.rng.integers(len(self.entries)))]
        window = self.during_s * _S
        begins, ends = (self.onset + int(part * window) for part in self.style.active)
        self.pace = self.style.drift if at >= self.onset else 1.0
        took, failed = self._serve(entry, at, None, begins <= at < ends)
        slow = took > 400 * _MS
        self.served += [row for row in self.rows[begin:] if row[5] == "server"]
        if not (slow or failed) and self.rng.random() > self.style.sampled:
            del self.rows[begin:]

    def _span(self, service: int, name: str, kind: str, parent: str | None) -> list:
        row = [self.trace, f"{next(self.ids):016x}", parent, self.names[service], name, kind]
        row += [None, None, 0, 0, None, None, None]  # status, message, start, duration, peer, statement, code
        self.rows.append(row)  # type: ignore[arg-type] # becomes a tuple when the frame is made
        return row

    def _serve(self, operation: int, at: int, parent: str | None, broken: bool) -> tuple[int, bool]:
        op, rng = self.operations[operation], self.rng
        mine = broken and op.service == self.target and rng.random() < self.style.partial
        span = self._span(op.service, op.name, "server", parent)
        outlier = 10 if rng.random() < 0.005 else 1
        work = op.work_ns * rng.lognormal(0, self.style.tail) * self.pace * outlier
        if mine and ("slow" in self.fault or self.fault == "cpu burn"):
            self.struck.add(span[1])
            work = work * self.factor + 20 * _MS
        now, failed, said = at + int(work / 2), False, None
        starts = now
        for callee, probability in op.calls:
            if rng.random() < probability:
                ends, bad = self._call(op.service, callee, starts if op.parallel else now, span[1], broken)
                now = max(now, ends)
                if bad and rng.random() < 0.85:
                    failed, said = True, f"upstream call to {self.operations[callee].name} failed"
                    if not op.parallel:
                        break
        for peer, statement, length, probability in op.peers:
            if not failed and rng.random() < probability:
                now, bad = self._ask(op.service, peer, statement, length, now, span[1], broken)
                if bad:
                    failed, said = True, f"query to {self.peers[peer]} failed: connection reset"
        if (mine and "failing" in self.fault and rng.random() < self.rate) or (
            op.service in self.chatty and rng.random() < 0.01
        ):
            failed, said = True, "KeyError: 'item'" if not mine else "ValueError: cannot parse amount"
            if mine:
                self.struck.add(span[1])
        now += int(work / 2)
        self._close(span, at, now, failed, said)
        self._log(op.service, now, failed, said, op.name)
        return now - at, failed

    def _call(self, service: int, callee: int, at: int, parent: str, broken: bool) -> tuple[int, bool]:
        rng, target = self.rng, self.operations[callee]
        touched = broken and self.fault == "network delay" and self.target in (service, target.service)
        wire = int(rng.lognormal(-0.7, 0.3) * _MS * self.pace + (self.delay if touched else 0))
        if not self.style.client_spans:
            if broken and self.fault == "down" and target.service == self.target:
                return at + 2 * _MS, True
            took, failed = self._serve(callee, at + wire // 2, parent, broken)
            return at + took + wire, failed
        span = self._span(service, target.name, "client", parent)
        span[10] = self.names[target.service]
        if broken and self.fault == "down" and target.service == self.target:
            self._close(span, at, at + 2 * _MS, True, "connection refused")
            return at + 2 * _MS, True
        took, failed = self._serve(callee, at + wire // 2, span[1], broken)
        took, said = took + wire, None
        if took > self.style.timeout_ms * _MS:
            took, failed, said = int(self.style.timeout_ms * _MS), True, "deadline exceeded"
        self._close(span, at, at + took, failed, said)
        return at + took + int(self.style.queueing * took), failed

    def _ask(
        self, service: int, peer: int, statement: str, length: float, at: int, parent: str, broken: bool
    ) -> tuple[int, bool]:
        took = length * self.rng.lognormal(0, self.style.tail) * self.pace
        hit = broken and peer == self.peer and ("statement" not in self.fault or service == self.caller)
        if hit and "slow" in self.fault:
            took = took * self.factor + 30 * _MS
        if broken and self.fault == "network delay" and service == self.target:
            took += self.delay
        failed = bool(hit and self.fault == "failing peer" and self.rng.random() < self.rate)
        if self.style.client_spans:
            span = self._span(service, statement.split(maxsplit=1)[0], "client", parent)
            span[10], span[11] = self.peers[peer], statement
            self._close(span, at, at + int(took), failed, "connection reset by peer" if failed else None)
        return at + int(took), failed

    @staticmethod
    def _close(span: list, start: int, end: int, failed: bool, said: str | None) -> None:
        span[6], span[7], span[8], span[9] = ("error" if failed else "unset"), said, start, end - start
        span[12] = ("500" if failed else "200") if span[5] == "server" else None

    def _log(self, service: int, at: int, failed: bool, said: str | None, name: str) -> None:
        if failed:
            self.lines.append((at, self.names[service], "error", f"ERROR {name}: {said}", self.trace))
        elif self.rng.random() < 0.1:
            self.lines.append((at, self.names[service], "info", f"INFO {name} done", self.trace))

    # Frames.

    @staticmethod
    def _frame(rows: list[tuple]) -> pl.DataFrame:
        return pl.DataFrame(rows, schema=list(_COLUMNS), orient="row", infer_schema_length=None)

    def _spans(self) -> pl.DataFrame:
        frame = self._frame(self.rows)
        address = pl.col("peer") + pl.lit(".prod.svc.cluster.local:5432")
        asked = pl.col("statement").is_not_null()
        kinds = dict(zip(self.peers, [kind for kind, _ in self.kinds], strict=True))
        system = pl.col("peer").replace_strict(kinds, default=None, return_dtype=pl.String)
        frame = frame.with_columns(
            pl.col("start").cast(pl.Datetime("ns", "UTC")),
            pl.col("duration").cast(pl.Duration("ns")),
            pl.col("code").alias("http.response.status_code"),
            pl.when(asked).then("statement").alias("db.query.text"),
            pl.when(asked).then(system).alias("db.system"),
        )
        if self.style.peer_names == "peer.service":
            frame = frame.with_columns(pl.col("peer").alias("peer.service"))
        elif self.style.peer_names == "server.address":
            frame = frame.with_columns(address.alias("server.address"))
        drop = ["peer", "statement", "code"]
        drop += [] if self.style.kinds else ["kind"]
        drop += [] if self.style.statuses else ["status", "status_message"]
        return frame.drop(drop).sample(fraction=1, shuffle=True, seed=1)

    def _logs(self) -> pl.DataFrame:
        names = ["timestamp", "service", "level", "line", "trace_id"]
        frame = pl.DataFrame(self.lines, schema=names, orient="row", infer_schema_length=None)
        frame = frame.with_row_index("row").with_columns(
            pl.col("timestamp").cast(pl.Datetime("ns", "UTC")),
            pl.format("{}", pl.col("row").hash(7)).str.slice(0, 16).alias("row_id"),
        )
        return frame.drop("row", *([] if self.style.levels else ["level"]))

    def _series(self, end: int) -> pl.DataFrame:
        rng, step = self.rng, self.style.step_s * _S
        grid = np.arange(self.start, end, step)
        begins, ends = (self.onset + int(part * self.during_s * _S) for part in self.style.active)
        broken = (grid >= begins) & (grid < ends)
        parts = []
        for k, name in enumerate([*self.names, *self.peers]):
            is_peer = k >= self.many
            hit = (k - self.many == self.peer) if is_peer else (k == self.target)
            cpu = 0.2 + 0.1 * rng.random() + rng.normal(0, 0.02, len(grid))
            memory = 3e8 * (1 + rng.random()) * (1 + rng.normal(0, 0.01, len(grid)))
            if hit and self.fault in ("cpu burn", "slow peer", "deployment slow statement"):
                cpu = cpu + broken * float(rng.uniform(0.4, 0.8))
            if hit and self.fault == "down":
                cpu = np.where(broken, np.nan, cpu)
            wobble = np.cumsum(rng.normal(0, 0.3, len(grid))) + 20
            for metric, value in (
                ("container_cpu_usage_cores", cpu),
                ("container_memory_working_set_bytes", memory),
                ("threads_active", wobble),
            ):
                parts.append(_one_series(metric, name, grid, value))
        requests = self._request_counters(grid)
        requests += self._latency_gauges(grid)
        return pl.concat([*parts, *requests]).drop_nulls("value")

    def _request_counters(self, grid: np.ndarray) -> list[pl.DataFrame]:
        served = self._frame(self.served)
        out = []
        for (service, status), rows in served.partition_by("service", "status", as_dict=True).items():
            value = np.searchsorted(np.sort(rows["start"].to_numpy()), grid, side="right").astype(float)
            code = "500" if status == "error" else "200"
            one = _one_series("http_requests_total", str(service), grid, value, code)
            out.append(one)
        return out

    def _latency_gauges(self, grid: np.ndarray) -> list[pl.DataFrame]:
        """A p95 a scrape of every service, in half of the systems."""
        if self.rng.random() < 0.5:
            return []
        served = self._frame(self.served)
        cell = pl.Series(np.searchsorted(grid, served["start"].to_numpy(), side="right") - 1)
        table = pl.DataFrame({"service": served["service"], "cell": cell, "ms": served["duration"] / _MS})
        out = []
        for (service,), rows in table.group_by("service", maintain_order=True):
            per_cell = rows.group_by("cell").agg(pl.col("ms").quantile(0.95))
            value = np.full(len(grid), np.nan)
            value[per_cell["cell"].to_numpy()] = per_cell["ms"].to_numpy()
            out.append(_one_series("request_latency_p95_ms", str(service), grid, value))
        return out

    def _events(self) -> pl.DataFrame:
        rng, rows = self.rng, []
        length = (self.baseline_s + self.during_s) * _S
        for _ in range(int(rng.integers(0, 3))):  # deployments that have nothing to do with it
            at = self.start + int(rng.random() * length)
            rows.append((at, self.names[int(rng.integers(self.many))]))
        if "deployment" in self.fault:
            at = self.onset - int(rng.uniform(2, 50) * _S)
            rows.append((at, self.names[self.target if self.target >= 0 else self.caller]))
        frame = pl.DataFrame(rows, schema={"timestamp": pl.Int64, "service": pl.String}, orient="row")
        return frame.select(
            pl.col("timestamp").cast(pl.Datetime("ns", "UTC")),
            pl.lit(None, pl.Datetime("ns", "UTC")).alias("end"),
            pl.lit("deploy").alias("kind"),
            pl.format("deployment {} rolled out", "service").alias("title"),
            "service",
            pl.lit("logs").alias("source"),
        )


def _visits(operations: list[_Operation]) -> list[float]:
    """How often a request reaches each operation, on average."""
    visits = [0.0] * len(operations)
    entries = [j for j, op in enumerate(operations) if op.service == 0]
    for j in sorted(range(len(operations)), key=lambda j: operations[j].service):
        if operations[j].service == 0:
            visits[j] = 1 / len(entries)
        for callee, probability in operations[j].calls:
            visits[callee] += visits[j] * probability
    return visits


def _one_series(
    metric: str, service: str, grid: np.ndarray, value: np.ndarray, code: str | None = None
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "timestamp": pl.Series(grid).cast(pl.Datetime("ns", "UTC")),
            "metric": metric,
            "series_id": f"{metric}/{service}/{code}",
            "service": service,
            "value": np.asarray(value, dtype=float),
            "status_code": pl.Series([code] * len(grid), dtype=pl.String),
        }
    ).with_columns(pl.col("value").fill_nan(None))
