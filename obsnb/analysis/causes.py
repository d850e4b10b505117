"""What changed at a suspect: a deployment, a statement, a resource, a pool, the load, a dependency."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from obsnb.analysis.fusion import Deployment, Suspect
from obsnb.analysis.scores import Finding
from obsnb.analysis.wait_texts import read_wait
from obsnb.timerange import format_ns

__all__ = ["cause_of"]

_POOL = re.compile(
    r"(?i)pool|too many connections|connection limit|max_connections|no (?:free|idle) connection"
)
#: Metrics of waiting for a connection: OpenTelemetry's ``db.client.connection.*``, HikariCP's, Go's of
#: ``database/sql``, and whatever else calls itself a pool.
_POOL_METRIC = re.compile(
    r"(?i)(?:pool|connections?|sql)(?:\w*[._])?(?:wait|pending|timeouts?|acquire|queue|block)"
)
_CONFIGURATION = re.compile(
    r"(?i)\bconfig|environment variable|\benv var|certificate|x509|permission|credential|unauthori[sz]ed"
    r"|feature flag|missing (?:key|setting|property)|invalid (?:option|setting)"
)
_MORE_LOAD = 1.5  # times as many requests a second as in the baseline
_ENOUGH = 0.15  # strength of a finding that may be named as what changed
_SCORE = 0.1  # below it nothing is said about a cause
_NEAR = 0.2  # of a deployment
_ASKED = ("statement", "load")  # what a new version of a caller changes
_NOTHING = ("unknown", "")


def cause_of(
    suspect: Suspect,
    *,
    load: Mapping[str, float],
    onset_ns: int,
    may_wait: bool = True,
    callers: Collection[str] = (),
) -> tuple[str, str]:
    """The kind of cause and a sentence; ``unknown`` and an empty one where nothing speaks for any.

    Latency and errors are symptoms. A cause is what changed: in this order the service's own
    deployment, the statement that a database was asked, the service's resources (with more
    requests: the load), a pool, settings, a lock that statements wait for, more load,
    a callee. A deployment of a callee that it waits for is told with it. A deployment of whoever calls it
    may have changed what it is asked, so it is told as what came before a statement or a load; with
    anything else, and where nothing is known to have changed, it may be a coincidence, and is called so.

    Parameters
    ----------
    load
        How many times as many requests a second each service gets as in the baseline.
    onset_ns
        When the incident began.
    may_wait
        Whether the service calls others, as far as is known.
    callers
        Whose requests lead to it. Where it is asked more often and none of them is, they ask again what
        failed, or ask more than they should: that is no load of its own, nor is what it uses for it.
    """
    if suspect.score < _SCORE:
        return _NOTHING
    near = suspect.deployment if suspect.deployment and suspect.deployment.nearness >= _NEAR else None
    symptom = _symptom(suspect)
    if near is not None and near.service == suspect.service:
        return "deployment", "; ".join(filter(None, (_deployed(near, onset_ns), symptom)))
    kind, said = _changed(suspect, load, may_wait, callers)
    if near is None:
        return kind, said
    told = _deployed(near, onset_ns)
    if near.service == suspect.waits_for:
        told = f"{told}, which it depends on"
    elif kind in _ASKED:
        told = f"after the {told}"
    else:
        told = f"maybe a coincidence: {told}; {near.service} calls it"
    return kind, "; ".join(filter(None, (said, told)))


def dated(ns: int) -> str:
    """A moment for a sentence: to the millisecond at most."""
    return format_ns(ns // 1_000_000 * 1_000_000)


def _deployed(deployment: Deployment, onset_ns: int) -> str:
    what = "restart" if deployment.kind == "restart" else "deployment"
    seconds = round((onset_ns - deployment.at_ns) / 1e9)
    when = f"{seconds} s before the onset" if seconds > 0 else f"{-seconds} s after the onset as dated"
    when = when if seconds else "at the onset"
    title = f" ({deployment.title})" if deployment.title else ""
    return f"{what} of {deployment.service}{title} at {dated(deployment.at_ns)}, {when}"


def _changed(
    suspect: Suspect, load: Mapping[str, float], may_wait: bool, callers: Collection[str]
) -> tuple[str, str]:
    telling = [each for each in suspect.findings if each.strength >= _ENOUGH]
    asked = load.get(suspect.service, 1.0)
    above = [load[caller] for caller in callers if caller in load]
    asked_again = asked >= _MORE_LOAD and bool(above) and max(above) < _MORE_LOAD
    more = 1.0 if asked_again else asked
    statement = next((each for each in telling if each.statement), None)
    if statement is not None and _leads(statement, telling):
        return "statement", statement.statement
    resources = [each for each in telling if each.signal == "resource" and not each.waiting]
    if asked_again:  # what grows no more than the requests do is used for them
        resources = [each for each in resources if each.times is None or each.times > asked]
    resource = next(iter(resources), None)
    if resource is not None:
        said = resource.reason.rstrip(".")
        return (
            ("load", f"{more:.1f} times the requests; {said}") if more >= _MORE_LOAD else ("resource", said)
        )
    told = _told_of(telling, suspect.waits_for)
    if told is not None:
        return told
    if more >= _MORE_LOAD and telling and telling[0].signal in ("latency", "symptom"):
        return "load", f"{more:.1f} times as many requests a second as in the baseline"
    waiting = next((each for each in telling if each.waiting and each.signal in ("errors", "logs")), None)
    if may_wait and (waiting is not None or suspect.waits_for):
        whom = f"it waits for {suspect.waits_for}" if suspect.waits_for else ""
        return "dependency", whom or (waiting.reason.rstrip(".") if waiting else "")
    return "unknown", _symptom(suspect)


def _told_of(telling: list[Finding], waits_for: str | None) -> tuple[str, str] | None:
    """What errors say in words, and what the metrics of a pool say, unless it waits for a callee."""
    worded = [each for each in telling if each.signal in ("errors", "logs")]
    for kind, speaks in _WORDED:
        found = next((each for each in worded if speaks(each.about)), None)
        if found is not None:
            return kind, found.about
    longer = next((each for each in telling if _waits_longer(each)), None)
    return None if longer is None or waits_for else ("pool", longer.reason.rstrip("."))


def _waits_longer(finding: Finding) -> bool:
    """Whether more is waited for a connection, as the metrics of a pool say."""
    rises = finding.times is not None and finding.times > 1
    return finding.signal == "resource" and rises and bool(_POOL_METRIC.search(finding.about))


def _waits(text: str, *kinds: str) -> bool:
    """Whether a text tells of such a wait, as `obsnb.database_waits` has it."""
    wait = read_wait(text)
    return wait is not None and wait.kind in kinds


#: What the words of errors tell of a cause, the first first.
_WORDED: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("pool", lambda text: bool(_POOL.search(text)) or _waits(text, "pool")),
    ("configuration", lambda text: bool(_CONFIGURATION.search(text))),
    ("statement", lambda text: _waits(text, "lock", "deadlock")),
)


def _leads(statement: Finding, telling: list[Finding]) -> bool:
    """Whether it is what most of the added time went to, or nothing else of the service stands out."""
    return statement.share >= 0.1 or statement is telling[0]


def _symptom(suspect: Suspect) -> str:
    return suspect.findings[0].reason.rstrip(".") if suspect.findings else ""
