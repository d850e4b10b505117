"""Which log lines a browser wrote, and what a line's fields say of the browser."""

from __future__ import annotations

import re

import polars as pl

from obsnb.analysis.line_records import Record

__all__ = ["VITALS", "browser_lines", "browser_of", "rating_of"]

#: Core Web Vitals and their companions: the good and the poor bound (web.dev/articles/vitals), the unit.
VITALS = {
    "lcp": (2.5, 4.0, "s"),
    "fcp": (1.8, 3.0, "s"),
    "ttfb": (0.8, 1.8, "s"),
    "inp": (0.2, 0.5, "s"),
    "fid": (0.1, 0.3, "s"),
    "cls": (0.1, 0.25, ""),
}
#: Only a browser has these: its SDK, what identifies it, addresses in stacks, and its own words.
_FIELDS = r"^(?:metadata|parsed|label)?\.?(?:browser|faro|web_vital|component_?[sS]tack|page_url|session_url)"
_SDK = r"(?i)^(?:webjs|javascript-browser|browser)$"
_JS_FRAME = r"(?:\bat\s+(?:[^\n]*?\()?|@)(?:https?|webpack(?:-internal)?|app)://[^\s)]+:\d+:\d+"
_WORDS = (
    r"(?i)error boundary|unhandled (?:promise )?rejection|unhandledrejection|\bUncaught\b.*(?:Error|promise)"
    r"|componentStack|web[ _.-]?vital|\bkind=(?:exception|measurement|log|event)\b.*\b(?:app_name|sdk_name)="
    r"|\"(?:type|entryType)\":\s*\"(?:navigation|resource|measure|paint|longtask)\""
)
_TYPES = ("navigation", "resource", "measure", "paint", "longtask")
#: Names that a browser's user agent carries, the specific ones first: Edge and Opera say Chrome, too.
_AGENTS = (
    ("Edge", r"Edg(?:e|A|iOS)?/(\d+)"),
    ("Opera", r"OPR/(\d+)"),
    ("Samsung Internet", r"SamsungBrowser/(\d+)"),
    ("Firefox", r"(?:Firefox|FxiOS)/(\d+)"),
    ("Chrome", r"(?:HeadlessChrome|Chrome|CriOS)/(\d+)"),
    ("Safari", r"Version/(\d+)[\d.]* .*Safari/"),
)


def browser_lines(lines: pl.DataFrame) -> pl.Series:
    """Whether each line of parsed LOGS came from a browser.

    One is where a field or its stack says so. Other lines of a service are, too, where at least half
    of its warnings and errors are, or its SDK is a browser's: a page writes ``Logged in`` as well, while
    a backend that logs one forwarded entry stays a backend.
    """
    sure = _sure(lines)
    if "service" not in lines.columns or not lines.height:
        return sure
    grave = (
        pl.col("level").cast(pl.String).is_in(["warn", "error", "critical", "fatal"])
        if "level" in lines.columns
        else pl.lit(value=True)
    )
    own = (
        lines.select(pl.col("service").cast(pl.String), grave.fill_null(value=False).alias("grave"))
        .with_columns(sure.alias("sure"))
        .with_columns(
            (
                (pl.col("sure") & pl.col("grave")).sum().over("service")
                >= pl.col("grave").sum().over("service").clip(lower_bound=1) / 2
            ).alias("page")
        )
    )
    page = own["page"] & own["service"].is_not_null() & own["sure"].any()
    return (sure | page).alias("browser")


def _sure(lines: pl.DataFrame) -> pl.Series:
    tests: list[pl.Expr] = [pl.lit(value=False)]
    for name in lines.columns:
        kind = lines.schema[name]
        if kind.is_nested():
            continue
        text = pl.col(name).cast(pl.String)
        bare = re.sub(r"^(?:metadata|parsed|label)\.", "", name)
        if re.match(_FIELDS, name):
            tests.append(text.str.len_chars() > 0)
        elif bare in ("telemetry_sdk_language", "telemetry.sdk.language"):
            tests.append(text.str.contains(_SDK))
        elif bare in ("type", "entryType", "entry_type"):
            tests.append(text.is_in(_TYPES))
        elif "stack" in bare or name == "line":
            tests.append(text.str.contains(_JS_FRAME))
    tests.append(pl.col("line").cast(pl.String).str.contains(_WORDS))
    found = lines.select(pl.any_horizontal(test.fill_null(value=False) for test in tests).alias("browser"))
    sure = found.to_series()
    return sure if len(sure) == lines.height else sure.new_from_index(0, lines.height)


def browser_of(record: Record) -> tuple[str | None, str | None]:
    """The browser with its major version, and the operating system, as the fields or the agent say."""
    name = record.text("browser.name", "browser_name", "browserName", "ua.browser")
    version = record.text("browser.version", "browser_version", "browserVersion")
    system = record.text("os.name", "browser_os", "browser.os", "browser.platform", "os", "platform")
    agent = record.text(
        "user_agent.original", "userAgent", "user_agent", "browser.user_agent", "http.user_agent"
    )
    if name is None and agent is not None:
        for told, pattern in _AGENTS:
            found = re.search(pattern, agent)
            if found:
                name, version = told, found[1]
                break
    if system is None and agent is not None:
        systems = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "CrOS", "Linux")
        system = next((each for each in systems if each in agent), None)
    major = version.split(".")[0] if version else ""
    return (f"{name} {major}".strip() if name else None), system


def rating_of(vital: str, value: float) -> str | None:
    """``good``, ``needs improvement`` or ``poor``, by the bounds of web.dev; None for no such vital."""
    bounds = VITALS.get(vital.lower())
    if bounds is None:
        return None
    good, poor, _ = bounds
    return "good" if value <= good else "needs improvement" if value <= poor else "poor"
