"""What the words of errors, metrics and annotations tell of a cause."""

from __future__ import annotations

import re

from obsnb.analysis.wait_texts import read_wait

__all__ = ["POOL_METRIC", "SETTINGS", "TOLD", "tells"]

#: Metrics of waiting for a connection: OpenTelemetry's ``db.client.connection.*``, HikariCP's, Go's of
#: ``database/sql``, and whatever else calls itself a pool.
POOL_METRIC = re.compile(
    r"(?i)(?:pool|connections?|sql)(?:\w*[._])?(?:wait|pending|timeouts?|acquire|queue|block)"
)
#: What annotations call a change of settings: a feature flag, a configuration, a limit.
SETTINGS = (
    r"(?i)\bfeature[ _-]?(?:flag|toggle|gate)|\bflag\b|\btoggled?\b|\bconfig(?:uration|map)?\b|\bsettings?\b"
    r"|\bparameters?\b|\blimits?\b|\bcertificate\b|\bsecrets?\b"
)
#: Kinds of cause that the words of errors may tell, the first first. A shortage (``resource``) is no guess.
TOLD = ("pool", "configuration", "statement", "load")

_WORDS = {
    # What operating systems and databases say when there is no more: POSIX' ENOSPC, EDQUOT, ENOMEM, EMFILE;
    # the JVM's and Kubernetes' words for memory; MySQL's errors 1021 and 1114, PostgreSQL's 53100 and 53200.
    "resource": r"no space left|disk (?:is |quota )?(?:full|exceeded)|table '?[^' ]+'? is full"
    r"|cannot allocate memory|out ?of ?memory|oom-?kill|too many open files"
    r"|\b(?:ENOSPC|EDQUOT|ENOMEM|EMFILE|ENFILE)\b|\bSQLSTATE 53[12]00",
    # urllib3 begins whatever goes wrong with its HTTPConnectionPool(host='...').
    "pool": r"pool(?!\(host=)|too many connections|connection limit|max_connections"
    r"|no (?:free|idle) connection"
    # Hibernate's and Spring's words, and Go's drivers', for a connection that was not to be had.
    r"|(?:acquir|obtain)\w* (?:an? )?(?:(?:jdbc|db|database) )?connection",
    "configuration": r"\bconfig|environment variable|\benv var|certificate|x509|permission|credential"
    r"|unauthori[sz]ed|feature flag|missing (?:key|setting|property)|invalid (?:option|setting)",
    # Who asks for too much is told so: HTTP's 429 (RFC 6585), gRPC's RESOURCE_EXHAUSTED, load that is shed.
    "load": r"too many (?:\w+ )?requests|rate ?limit|throttl|(?:^|status(?: code)?[ =:]*|http[ /])429\b"
    r"|load shed|shedding load|RESOURCE_EXHAUSTED",
}
_READ = {kind: re.compile(f"(?i){words}") for kind, words in _WORDS.items()}
_WAITS = {"pool": ("pool",), "statement": ("lock", "deadlock")}  # as `obsnb.database_waits` has them


def tells(kind: str, text: str) -> bool:
    r"""Whether a text tells of that kind of cause.

    Examples
    --------
    >>> tells("resource", "write /data/17: no space left on device")
    True
    >>> tells("statement", "could not obtain lock on row in relation \"orders\"")
    True
    """
    if kind in _READ and _READ[kind].search(text):
        return True
    wait = read_wait(text) if kind in _WAITS else None
    return wait is not None and wait.kind in _WAITS[kind]
