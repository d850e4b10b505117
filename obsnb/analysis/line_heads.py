r"""The heads that widely used loggers put before a message by default, each as its documentation has it.

A logger is listed where the general rule of `obsnb.analysis.line_formats` (a time, a few words, a level in
capitals) cannot read its head: because the level is a letter, a sign or in small letters, or because what
stands around it is no part of the message. Every pattern begins at the line's start, and none takes a
level from the words of a message.
"""

from __future__ import annotations

import re

import polars as pl

from obsnb.analysis.log_levels import SYSLOG

__all__ = ["HEAD_COLUMNS", "LEVEL_NAMES", "heads_of", "nameless"]

#: Names of levels as loggers write them, as alternatives of a pattern.
LEVEL_NAMES = (
    "TRACE|FINEST|VERBOSE|DEBUG|FINER?|INFORMATION|INFO|NOTICE|LOG|WARNING|WARN|ERROR|ERR|SEVERE|CRITICAL"
    "|CRIT|ALERT|EMERGENCY|EMERG|FATAL|PANIC"
)
#: What a head may say, beside ``row`` and ``format``.
HEAD_COLUMNS = ("level", "logger", "message", "request_id", "statement")

_DAY = r"\d{4}-\d\d-\d\d"
_CLOCK = r"\d\d:\d\d:\d\d"
_ZONE = r"(?:Z| ?[+-]\d\d:?\d\d)"
_ISO = rf"{_DAY}[T ]{_CLOCK}(?:[.,]\d+)?{_ZONE}?"
_AMERICAN = r"\d\d?/\d\d?/\d{4},? \d\d?:\d\d:\d\d(?:\.\d+)?(?: [AP]M)?"
_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_NAME = r"[A-Za-z_][\w.$\-]*"
_LEVEL = rf"(?P<level>{LEVEL_NAMES}|CONFIG|SUCCESS)"  # as words of a message these two are common
_SMALL = (
    r"(?P<level>trace|debug|info|notice|warn|warning|error|err|dpanic|panic|fatal|critical|crit|alert|emerg)"
)
_SHORT = r"(?P<level>VRB|TRC|DBG|INF|WRN|ERR|FTL|PNC|DEBU|ERRO|FATA)"

# Parts of PostgreSQL's ``log_line_prefix`` after the time; two spaces follow the label of every message.
_PG_PREFIX = (
    rf"{_DAY} {_CLOCK}(?:\.\d+)?(?: (?:[A-Z]{{1,5}}|[+-]\d\d))?:?"
    r"(?:\s*(?:\[[^\]\n]*\]|\w+=[^\s]*|[^\s@:]*@[^\s:]*|\d{1,3}(?:\.\d{1,3}){3}\(\d+\)|\d+)[:,]?)*\s*"
)
_CSV = r'(?:"(?:[^"]|"")*"|[^",\n]*)'

_TIMED = (
    # Spring Boot, before the others because it is the most frequent
    rf"^{_ISO}\s+{_LEVEL} (?:\[[^\]\n]*\] )?\d+ --- (?:\[[^\]\n]*\] ?)+(?P<logger>\S+)\s*: ",
    # klog and glog (Kubernetes, C++), CockroachDB's variant of it
    r"^(?P<level>[IWEF])(?:\d{4}|\d{6}|\d{8}) \d\d:\d\d:\d\d\.\d+\s+\d+ (?:\d+@)?(?P<logger>[\w.\-/]+:\d+)"
    r"(?:\]| ⋮) ",
    # Redis and Valkey: process, role, time, and a sign for the level
    r"^\d+:[XCSM] \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3} (?P<level>[.\-*#]) ",
    # Ruby's Logger
    rf"^[DIWEFA], \[{_DAY}T{_CLOCK}(?:\.\d+)? #\d+\]\s+(?P<level>[A-Z]+) -- (?P<logger>[^:\n]*): ",
    # Sidekiq
    rf"^{_ISO} pid=\d+ tid=\S+ (?:\w+=\S+ )*{_LEVEL}: ",
    # Serilog's console, zerolog's console, NATS, charm's log
    rf"^(?:\[\d+\] )?\[?(?:{_ISO}|{_CLOCK}|\d\d?:\d\d[AP]M|\d{{4}}/\d\d/\d\d {_CLOCK}(?:\.\d+)?)"
    rf" \[?{_SHORT}\]? "
    rf"(?:(?P<logger>[\w.\-/]+:\d+) > )?",
    # zap's console encoder: time, level, name, caller, message, fields, with tabs between them
    rf"^{_ISO}\t(?P<level>(?i:debug|info|warn|error|dpanic|panic|fatal))\t(?:(?P<logger>[\w.\-/]+"
    rf"(?::\d+)?)\t)?"
    r"(?:[\w.\-/]+\.go:\d+\t)?(?P<message>[^{\t](?s:.*))$",
    # Elixir's Logger: time, metadata, level
    rf"^{_CLOCK}\.\d+ (?:\w+=\S+ )*?(?:request_id=(?P<request_id>\S+) )?(?:\w+=\S+ )*\[{_SMALL}\] ",
    # RabbitMQ, Erlang's lager: the process after the level
    rf"^{_ISO} \[{_SMALL}\] <\d+\.\d+\.\d+>(?:@(?P<logger>\w+):\S+)? ",
    # winston's combination of timestamp, label and printf
    rf"^{_ISO} \[(?P<logger>[\w.\-/: ]+)\] (?P<level>error|warn|info|http|verbose|debug|silly): ",
    # Go's log with the place, bunyan's short output, Swift's stream handler
    rf"^\d{{4}}/\d\d/\d\d {_CLOCK}(?:\.\d+)? (?P<logger>[\w./\-]+\.go:\d+): (?:\[?{_LEVEL}\]?:? )?",
    rf"^{_CLOCK}\.\d{{3}}Z\s+{_LEVEL} (?P<logger>[\w.\-]+): ",
    rf"^{_ISO} {_SMALL} (?P<logger>[\w.\-]+) : ",
    # Tornado and Jupyter, Semantic Logger
    rf"^\[(?P<level>[DIWEC]) (?:\d{{6}}|{_DAY}) {_CLOCK}(?:\.\d+)? (?P<logger>[\w.\-]+(?::\d+)?)\] ",
    rf"^{_DAY} {_CLOCK}\.\d+ (?P<level>[TDIWEF]) \[[^\]\n]*\](?: \([^)\n]*\))? (?P<logger>[\w:]+) -- ",
    # Erlang's reports
    r"^=(?P<level>ERROR|WARNING|INFO|CRASH|SUPERVISOR|PROGRESS) REPORT==== [^=\n]+ ===\n",
    # WebLogic
    r"^####<[^>\n]+> <(?P<level>Emergency|Alert|Critical|Error|Warning|Notice|Info|Debug|Trace)> "
    r"<(?P<logger>[^>\n]*)> (?:<[^>\n]*> ){6,}<(?P<message>(?s:.*?))>\s*$",
    # env_logger
    rf"^\[{_ISO} {_LEVEL}\s+(?P<logger>\w+(?:::\w+)*)\] ",
    # Celery
    rf"^\[{_DAY} {_CLOCK},\d+: {_LEVEL}/[\w\-.:]+\] ",
    # NestJS
    rf"^\[Nest\] \d+\s+- {_AMERICAN}\s+(?P<level>LOG|ERROR|WARN|DEBUG|VERBOSE|FATAL) (?:\["
    rf"(?P<logger>[^\]\n]+)\] )?",
    # Akka's classic logging
    rf"^\[{_LEVEL}\s*\] \[{_AMERICAN}\] \[[^\]\n]*\] \[(?P<logger>[^\]\n]*)\] ",
    # the JVM's unified logging: decorations, of which the level and the tags are the last
    r"^(?:\[[\dT.,:+\-]+(?:ns|ms|s)?\]){1,3}\[(?P<level>trace|debug|info|warning|error)\s*\]\["
    r"(?P<logger>[\w,]+)\s*\] ",
    # Apache httpd's error log: module and level
    rf"^\[[A-Z][a-z]{{2}} [A-Z][a-z]{{2}} [ \d]\d {_CLOCK}(?:\.\d+)? \d{{4}}\] \[(?:(?P<logger>\w*):)?"
    r"(?P<level>emerg|alert|crit|error|warn|notice|info|debug|trace)\d?\] "
    rf"(?:\[pid [^\]\n]*\] )?(?:\[(?:client|remote) [^\]\n]*\] )?",
    # Envoy's application log
    rf"^\[{_DAY} {_CLOCK}\.\d+\]\[\d+\]\[(?P<level>trace|debug|info|warning|error|critical)\]\["
    rf"(?P<logger>[\w\-]+)\] "
    rf"(?:\[[^\]\n]*:\d+\] )?",
    # MongoDB before 4.4, Android's logcat, etcd's capnslog, Telegraf, ClickHouse
    rf"^{_DAY}T{_CLOCK}\.\d+{_ZONE} (?P<level>[FEWID])[1-5]?\s+(?P<logger>[A-Z][A-Z_]*|-)\s+\[[^\]\n]*\] ",
    rf"^(?:\d{{4}}-)?\d\d-\d\d {_CLOCK}\.\d{{3}}\s+\d+\s+\d+ (?P<level>[VDIWEF]) (?P<logger>[^:\n]*?)\s*: ",
    rf"^{_DAY} {_CLOCK}\.\d{{6}} (?P<level>[CEWNIDT]) \| (?P<logger>[\w\-/.]+): ",
    rf"^{_DAY}T{_CLOCK}Z (?P<level>[EWID])! (?:\[(?P<logger>[\w.\-:]+)\] )?",
    rf"^\d{{4}}\.\d\d\.\d\d {_CLOCK}\.\d+ \[ \d+ \] \{{[^}}\n]*\}} "
    rf"<(?P<level>Fatal|Critical|Error|Warning|Notice|Information|Debug|Trace|Test)> (?P<logger>[^\n:]+): ",
    # MySQL: a thread's number, the level, from 8.0 on a code and a subsystem
    rf"^{_ISO} \d+ \[(?P<level>ERROR|Error|Warning|Note|System)\] (?:\[MY-\d+\] \[(?P<logger>\w+)\] )?",
    # PostgreSQL's stderr and csvlog
    rf"^{_PG_PREFIX}(?P<level>DEBUG|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC)[1-5]?:  ",
    rf"^{_PG_PREFIX}(?P<message>(?:DETAIL|HINT|QUERY|CONTEXT|LOCATION|BACKTRACE|STATEMENT):  (?s:.*))$",
    rf"^{_DAY} {_CLOCK}\.\d+ [A-Z0-9+\-]+,{_CSV},{_CSV},\d*,(?:{_CSV},){{7}}"
    r"(?P<level>DEBUG|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC)[1-5]?,[0-9A-Z]{5},"
    rf'"(?P<quoted_message>(?:[^"]|"")*)",(?:{_CSV},){{5}}(?:"(?P<quoted_statement>(?:[^"]|"")*)")?',
    # Apache Kafka, ZooKeeper, Spark, Cassandra
    rf"^\[{_DAY} {_CLOCK},\d{{3}}\] {_LEVEL} (?P<message>[^\n]*) \((?P<logger>[a-z]\w*(?:\.[\w$]+)+)\)"
    rf"(?:\n(?s:.*))?$",
    rf"^{_DAY} {_CLOCK},\d{{3}} (?:\[myid:[^\]\n]*\] )?- {_LEVEL}\s+\[[^\n]*?:(?P<logger>[\w$.]+)@\d+\] - ",
    rf"^\d\d/\d\d/\d\d {_CLOCK} {_LEVEL} (?P<logger>[\w$.]+): ",
    rf"^{_LEVEL}\s+\[[^\]\n]+\] {_DAY} {_CLOCK},\d{{3}} (?P<logger>[\w$.\-]+:\d+) - ",
    # Elasticsearch and Logstash, Quarkus and WildFly, Tomcat, Jetty
    rf"^\[{_ISO}\]\[{_LEVEL}\s*\]\[(?P<logger>[\w.$\-]+)\s*\](?:\[[^\]\n]*\])* ",
    rf"^(?:{_DAY} )?{_CLOCK},\d+ {_LEVEL}\s+\[(?P<logger>[\w.$\-]+)\] \([^)\n]*\) ",
    rf"^\d\d-[A-Z][a-z]{{2}}-\d{{4}} {_CLOCK}\.\d+ {_LEVEL} \[[^\]\n]*\] (?P<logger>[\w.$]+) ",
    rf"^{_DAY} {_CLOCK}\.\d+:{_LEVEL}:(?P<logger>[\w.$\-]+):[^:\n]*: ",
    # java.util.logging and tinylog: two lines, of which the first names the place
    rf"^(?:[A-Z][a-z]{{2}} \d\d, \d{{4}} \d\d?:\d\d:\d\d [AP]M|{_DAY} {_CLOCK} \[[^\]\n]*\]) "
    rf"(?P<logger>[\w.$]+?)(?: [\w$<>]+|\.[\w$<>]+\(\))?\r?\n{_LEVEL}: ",
    # NLog; log4net and Flink, with a context in brackets
    rf"^{_DAY} {_CLOCK}\.\d+\|(?:\d+\|)?(?P<level>(?i:trace|debug|info|warn|error|fatal))\|(?P<logger>"
    rf"[\w.+`]+)\|",
    rf"^{_DAY} {_CLOCK},\d{{3}} (?:\[[^\]\n]*\] )?{_LEVEL}\s+(?P<logger>[\w.$+`]+)\s+\[[^\]\n]*\] - ",
    # Windows' servicing log
    rf"^{_DAY} {_CLOCK}, (?P<level>Info|Warning|Error)\s+(?P<logger>[A-Z]\w*)\s+",
    # OpenStack's oslo.log, Scrapy, loguru
    rf"^{_DAY} {_CLOCK}\.\d{{3}} \d+ {_LEVEL} (?P<logger>[\w.\-]+) \[(?:None )?(?:"
    rf"(?P<request_id>req-[0-9a-f\-]+)|-)[^\]\n]*\] ",
    rf"^{_DAY} {_CLOCK} \[(?P<logger>{_NAME})\] {_LEVEL}: ",
    rf"^{_ISO} \| {_LEVEL}\s*\| (?P<logger>[^\s|]+:\d+) - ",
    # SQLAlchemy's echo, OpenTelemetry's logging for Python
    rf"^{_DAY} {_CLOCK},\d{{3}} {_LEVEL} (?P<logger>sqlalchemy\.[\w.]+) ",
    rf"^{_ISO} {_LEVEL} \[(?P<logger>[^\]\n]+)\] \[[^\]\n]+:\d+\] \[trace_id=[^\]\n]*\] - ",
    # AWS Lambda's Node.js and Python runtimes, and what the service itself writes
    rf"^{_DAY}T{_CLOCK}\.\d+Z\t(?P<request_id>{_UUID})\t(?P<level>TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\t",
    rf"^\[(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL)\]\t{_DAY}T{_CLOCK}\.\d+Z\t(?P<request_id>{_UUID})\t",
    rf"^{_DAY}T{_CLOCK}\.\d+Z (?P<request_id>{_UUID}) ",
)
_UNTIMED = (
    # logrus on a terminal: seconds since the start, or the time
    rf"^(?P<level>TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)\[(?:\d{{4,}}|{_ISO})\]\s+",
    # .NET's systemd console: syslog's number, category and event
    rf"^<(?P<level>[0-7])>(?P<logger>{_NAME})\[\d+\] ",
    # SLF4J's simple logger, and Log4j's TTCC layout
    rf"^(?:\d+ )?\[[^\]\n]+\] {_LEVEL}\s+(?P<logger>[\w.$\-]+)(?: [\w.$\-]+)? - ",
    # PHP's error log
    r"^(?:\[[^\]\n]*\] )?PHP (?P<level>Fatal error|Parse error|Recoverable fatal error|Core error|Compile"
    r" error"
    r"|Warning|Core warning|Compile warning|Notice|Deprecated|Strict Standards):  ",
    # the kernel's ring buffer: seconds since boot, or the time
    rf"^\[(?: *\d+\.\d{{6}}|[A-Z][a-z]{{2}} [A-Z][a-z]{{2}} [ \d]\d {_CLOCK} \d{{4}})\] ",
)
_SPELT = {
    ".": "debug",  # Redis' signs
    "-": "verbose",
    "*": "notice",
    "#": "warning",
    **{str(number): name for number, name in enumerate(SYSLOG)},
    "C": "critical",
    "N": "notice",
    "T": "trace",
    "Fatal error": "fatal",
    "Parse error": "fatal",
    "Core error": "fatal",
    "Compile error": "fatal",
    "Recoverable fatal error": "error",
    "Core warning": "warning",
    "Compile warning": "warning",
    "Deprecated": "notice",
    "Strict Standards": "notice",
    "http": "info",
    "silly": "trace",
    "Test": "trace",
    "CRASH": "error",
    "SUPERVISOR": "error",
    "PROGRESS": "info",
}


def _ascii(pattern: str) -> str:
    """The pattern with ASCII's digits and letters in place of Unicode's."""
    return re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]", _plain, pattern)


def _plain(part: re.Match[str]) -> str:
    if part[0].startswith("["):
        return part[0].replace(r"\d", "0-9").replace(r"\w", "0-9A-Za-z_")
    return {r"\d": "[0-9]", r"\w": "[0-9A-Za-z_]"}.get(part[0], part[0])


def nameless(pattern: str) -> str:
    """The pattern without its groups' names, by which one pattern cannot hold another twice."""
    return re.sub(r"\(\?P<\w+>", "(?:", pattern)


#: Of each head its format, the pattern that tells whether a line has it, and the pattern of its groups.
_HEADS = tuple(
    (kind, nameless(head), head if "message>" in head else head + r"(?P<message>(?s:.*))$")
    for kind, heads in (("asctime", _TIMED), ("text", _UNTIMED))
    for head in map(_ascii, heads)
)
#: One look tells the many lines that have none of these heads from the few that do.
_ANY = "|".join(mark for _, mark, _ in _HEADS)


def heads_of(frame: pl.DataFrame) -> pl.DataFrame:
    """What the heads of lines say; lines without one of these heads are left out.

    Parameters
    ----------
    frame
        ``row`` and ``text``.

    Returns
    -------
    polars.DataFrame
        ``row``, ``format`` (asctime where the head has a time, else text) and `HEAD_COLUMNS`, text.
    """
    parts = [pl.DataFrame(schema={"row": pl.UInt32} | dict.fromkeys(("format", *HEAD_COLUMNS), pl.String))]
    frame = frame.filter(pl.col("text").str.contains(_ANY))
    for kind, mark, pattern in _HEADS:
        if frame.is_empty():
            break
        marks = frame["text"].str.contains(mark)
        if not marks.any():
            continue
        found = frame.filter(marks).select(
            "row", pl.lit(kind).alias("format"), pl.col("text").str.extract_groups(pattern).alias("found")
        )
        parts.append(found.unnest("found"))
        frame = frame.filter(~marks)
    found = pl.concat(parts, how="diagonal")
    unquoted = [
        pl.coalesce(name, pl.col(f"quoted_{name}").str.replace_all('""', '"', literal=True))
        for name in ("message", "statement")
        if f"quoted_{name}" in found.columns
    ]
    return found.with_columns(
        pl.col("level").replace(_SPELT), pl.col("logger").str.strip_chars().replace("", None), *unquoted
    ).select("row", "format", *HEAD_COLUMNS)
