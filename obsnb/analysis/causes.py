"""What changed at a suspect: a deployment, a statement, a resource, a pool, the load, a dependency."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from obsnb.analysis.cause_words import POOL_METRIC, TOLD, tells
from obsnb.analysis.fusion import Deployment, Suspect
from obsnb.analysis.scores import Finding
from obsnb.instants import told_ns

__all__ = ["SETTING", "cause_of"]

_MORE_LOAD = 1.5  # times as many requests a second as in the baseline
_ENOUGH = 0.15  # strength of a finding that may be named as what changed
_SCORE = 0.1  # below it nothing is said about a cause
_NEAR = 0.2  # of a deployment
_ASKED = ("statement", "load")  # what a new version of a caller changes
_NOTHING = ("unknown", "")
#: The kind of a `Deployment` that changed settings and no code, as an annotation tells of it.
SETTING = "setting"
_WHAT = {"restart": "restart", SETTING: "change of settings"}
_BEGINNINGS = ("Log", "Requests", "The")  # of reasons; the others begin with a name or a number


def cause_of(
    suspect: Suspect,
    *,
    load: Mapping[str, float],
    onset_ns: int,
    may_wait: bool = True,
    foreign: bool = False,
    callers: Collection[str] = (),
) -> tuple[str, str]:
    """The kind of cause and a sentence; ``unknown`` and an empty one where nothing speaks for any.

    Latency and errors are symptoms. A cause is what changed: in this order the service's own
    deployment or a change of its settings, a shortage that its errors name, the statement that a
    database was asked, the service's resources (with more requests: the load), a pool, settings, a lock
    that statements wait for, more load than it takes, a callee; of somebody else's system, that it is
    depended on. A deployment of a callee that it waits for is told with it. A deployment of whoever calls
    it may have changed what it is asked, so it is told as what came before a statement or a load; with
    anything else, and where nothing is known to have changed, it may be a coincidence, and is called so.

    Parameters
    ----------
    load
        How many times as many requests a second each service gets as in the baseline.
    onset_ns
        When the incident began.
    may_wait
        Whether the service calls others, as far as is known.
    foreign
        Whether it is somebody else's, of which nothing is known but how it answers.
    callers
        Whose requests lead to it. Where it is asked more often and none of them is, they ask again what
        failed, or ask more than they should: that is no load of its own, nor is what it uses for it.
    """
    if suspect.score < _SCORE:
        return _NOTHING
    near = suspect.deployment if suspect.deployment and suspect.deployment.nearness >= _NEAR else None
    symptom = _symptom(suspect)
    if near is not None and near.service == suspect.service:
        what = "configuration" if near.kind == SETTING else "deployment"
        return what, "; ".join(filter(None, (_deployed(near, onset_ns), _inside(symptom))))
    kind, said = _changed(suspect, load, may_wait, callers)
    if foreign and kind == "unknown":
        kind = "dependency"
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


def _deployed(deployment: Deployment, onset_ns: int) -> str:
    what = _WHAT.get(deployment.kind, "deployment")
    seconds = onset_ns // 10**9 - deployment.at_ns // 10**9  # as the clocks beside it show them
    when = f"{seconds} s before the onset" if seconds > 0 else f"{-seconds} s after the onset as dated"
    when = when if seconds else "at the onset"
    at = f"at {told_ns(deployment.at_ns, onset_ns)} UTC"
    said = f"{deployment.title} {at}"
    if deployment.title and deployment.service in deployment.title:
        return f"{what} ({said}), {when}"
    bracketed = f" ({said})" if deployment.title else f" {at}"
    return f"{what} of {deployment.service}{bracketed}, {when}"


def _changed(
    suspect: Suspect, load: Mapping[str, float], may_wait: bool, callers: Collection[str]
) -> tuple[str, str]:
    telling = [each for each in suspect.findings if each.strength >= _ENOUGH]
    asked = load.get(suspect.service, 1.0)
    above = [load[caller] for caller in callers if caller in load]
    asked_again = asked >= _MORE_LOAD and bool(above) and max(above) < _MORE_LOAD
    more = 1.0 if asked_again else asked
    named = _named_by_itself(telling)
    if named is not None:
        return named
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


def _named_by_itself(telling: list[Finding]) -> tuple[str, str] | None:
    """A shortage that errors name, else the statement that became slow."""
    short = next((each for each in _worded(telling) if tells("resource", each.about)), None)
    if short is not None:
        return "resource", short.about
    statement = next((each for each in telling if each.statement), None)
    if statement is not None and _leads(statement, telling):
        return "statement", statement.statement
    return None


def _told_of(telling: list[Finding], waits_for: str | None) -> tuple[str, str] | None:
    """What errors say in words, and what the metrics of a pool say, unless it waits for a callee."""
    worded = _worded(telling)
    for kind in TOLD:
        found = next((each for each in worded if tells(kind, each.about)), None)
        if found is not None:
            return kind, found.about
    longer = next((each for each in telling if _waits_longer(each)), None)
    return None if longer is None or waits_for else ("pool", longer.reason.rstrip("."))


def _worded(telling: list[Finding]) -> list[Finding]:
    return [each for each in telling if each.signal in ("errors", "logs")]


def _waits_longer(finding: Finding) -> bool:
    """Whether more is waited for a connection, as the metrics of a pool say."""
    rises = finding.times is not None and finding.times > 1
    return finding.signal == "resource" and rises and POOL_METRIC.search(finding.about) is not None


def _leads(statement: Finding, telling: list[Finding]) -> bool:
    """Whether it is what most of the added time went to, or nothing else of the service stands out."""
    return statement.share >= 0.1 or statement is telling[0]


def _inside(sentence: str) -> str:
    """A sentence as a part of another: with a small letter, unless it begins with a name."""
    first = sentence.partition(" ")[0]
    return sentence[:1].lower() + sentence[1:] if first in _BEGINNINGS else sentence


def _symptom(suspect: Suspect) -> str:
    return suspect.findings[0].reason.rstrip(".") if suspect.findings else ""
