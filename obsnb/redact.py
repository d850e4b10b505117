"""Masking of secrets in texts and frames, before anything is written that others will read.

What is masked becomes ``[redacted:kind]``, and the text around it stays as it was: a line of JSON
is one still. The kinds:

``private-key``
    PEM and PGP private key blocks.
``authorization``
    What follows ``Authorization:`` or ``Proxy-Authorization:``, as header, JSON or key-value text.
``cookie``
    What follows ``Cookie:`` or ``Set-Cookie:``.
``bearer``
    What follows ``Bearer`` elsewhere.
``password``, ``secret``
    Values of keys that end in password, passwd, passphrase or pwd; in secret, token, api_key,
    access_key, private_key and their like. SQL's ``PASSWORD '...'``, flags such as ``--token ...``.
``url-password``
    The password in ``scheme://user:password@host``.
``jwt``
    Three base64url parts, the first of which begins with ``eyJ``.
``cloud-key``
    Keys that are known by their shape: those of AWS, Google, GitHub, GitLab, Slack, Grafana and others.

Placeholders (``token=%s``, ``"password": null``, ``${TOKEN}``, ``***``) stay. The patterns keep to what
Rust's regex crate and Python's `re` understand alike: polars masks frames, `re` masks single texts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

__all__ = ["redact_frame", "redact_text"]

# Two noncharacters, which no text for interchange holds, stand before a placeholder while the rules run,
# and no value begins with the first of them: Rust's regular expressions have no lookahead instead.
_SHIELD = "\ufdd0\ufdd1"
_S = _SHIELD[0]

# The two languages do not mean the same characters by \s, \w and \b: every class is spelt out.
_WS = r" \t-\r"

_PASSWORD = r"(?:password|passwd|passphrase|pwd)"  # noqa: S105 - a pattern, not a password
_SECRET = (
    r"(?:secret|token|jwt|credentials?|signature|"  # noqa: S105 - a pattern, not a secret
    r"(?:api|access|account|client|encryption|master|private|secret|shared|signing)[_. -]?key)"
)
_AUTHORIZATION = r"authorization"
_COOKIE = r"(?:set-)?cookie"
_SCHEME = r"(?:apikey|aws4-hmac-sha256|basic|bearer|digest|dpop|hoba|hmac|negotiate|ntlm|token)"

_GAP = r"[ \t]*"
_SIGN = rf"{_GAP}(?::=|=>|[:=]){_GAP}"
_END = r"(?:$|[ \t\r\n\"'`\\,;&)}\]])"
_PLACEHOLDER = (
    r"(?:%[a-z]|%\([A-Za-z0-9_]*\)[a-z]|\{[A-Za-z0-9_.]*\}|\$\{?[A-Za-z_][A-Za-z0-9_]*\}?"
    r"|<[^<> \t-\r]*>|\*{3,}|x{3,}|\.{3}|-|null|none|nil|true|false|undefined"
    r"|\((?:null|none|hidden|sensitive)\))"
)

# What an unquoted value is made of: nothing that ends one in a URL, a connection string, JSON or logfmt.
_NOT = rf"{_WS}\"'`\\,;&|<>(){{}}\[\]{_S}"
_VALUE = rf"[^{_NOT}]+"
# A long word with letters and digits in it: what prose has not, after "token: " or "bearer ".
_LETTER = rf"[^0-9{_NOT}]"
_MIXED = (
    rf"(?:{_LETTER}{{5,}}[0-9]|{_LETTER}{{1,4}}[0-9][^{_NOT}]{{6}}|[0-9]+{_LETTER}[^{_NOT}]{{6}})[^{_NOT}]*"
)
_TOKEN = r"[A-Za-z0-9._~+/=-]"  # noqa: S105 - a pattern, not a token
_PARAMETER = (
    r"(?:credential|signedheaders|signature|username|realm|nonce|uri|response|opaque|qop|nc|cnonce|algorithm|mac)"
    rf"=(?:\\+\"[^\"\\]*\\+\"|\"[^\"]*\"|[^{_WS}\"',\\]*)"
)


@dataclass(frozen=True)
class _Rule:
    """A shape of secrets: alternatives, each of which keeps its one group and loses the rest."""

    kind: str
    pattern: str
    template: str

    @classmethod
    def of(cls, kind: str, *alternatives: str, mask: str = "[redacted:{}]", flags: str = "(?i)") -> _Rule:
        kept = "".join(f"${{{number}}}" for number in range(1, len(alternatives) + 1))
        return cls(kind, flags + "|".join(alternatives), kept + mask.format(kind))

    def in_text(self, text: str) -> str:
        return re.sub(self.pattern, re.sub(r"\$\{(\d)\}", r"\\g<\1>", self.template), text)

    def in_series(self, texts: pl.Series) -> pl.Series:
        return texts.str.replace_all(self.pattern, self.template)


def _quoted(key: str) -> tuple[str, ...]:
    """Alternatives for a key with a quoted value; a value without its closing quote was cut off."""
    listed = rf"{_SIGN}\[?{_GAP}[bru]?"
    return (
        rf"({key}\\*[\"']?{listed}\\+\")[^\"\\{_S}][^\"\\]*",
        rf"({key}\"{listed}\")(?:[^\"\\{_S}]|\\.)(?:[^\"\\]|\\.)*",
        # After a bare key, a quote may end a JSON string instead: a comma, a brace or a gap follows then.
        rf"({key}{_SIGN}\")(?:[^\"\\,:}}\]{_WS}{_S}]|\\.)(?:[^\"\\]|\\.)*",
        rf"({key}['`]?{listed}['`])(?:[^\"'`\\{_S}]|\\.)(?:[^\"'`\\]|\\.)*",
    )


def _number(key: str, kind: str) -> _Rule:
    """A JSON key with a number, which needs quotes when it becomes a mask."""
    return _Rule.of(kind, rf"({key}\"{_GAP}:{_GAP})-?[0-9][0-9.e+-]*", mask='"[redacted:{}]"')


_RULES = (
    _Rule.of(
        "private-key",
        r"()-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
        r"(?:[^\"'<>]*?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|(?:[A-Za-z0-9+/=:,. \t\r\n-]|\\[nr])*)",
    ),
    _Rule.of(
        "authorization",
        *_quoted(_AUTHORIZATION),
        rf"({_AUTHORIZATION}{_SIGN}\[?){_SCHEME}[ \t]+(?:{_PARAMETER}|{_TOKEN}+)(?:,{_GAP}{_PARAMETER})*",
        rf"({_AUTHORIZATION}{_SIGN}\[?){_MIXED}",
    ),
    _Rule.of(
        "cookie",
        *_quoted(_COOKIE),
        rf"({_COOKIE}{_SIGN}\[?)[A-Za-z0-9_.-]+=[^{_WS}\"'\\,;\]]+"
        r"(?:;[ \t]*[A-Za-z0-9_.-]+(?:=[^\"'\\,;\]\r\n]*)?)*",
    ),
    _Rule.of("bearer", rf"((?:^|[^a-z0-9_])bearer[ \t]+)(?:{_MIXED}|{_TOKEN}{{24,}})"),
    _number(_PASSWORD, "password"),
    _Rule.of(
        "password",
        *_quoted(_PASSWORD),
        rf"({_PASSWORD}{_SIGN}){_VALUE}",
        rf"((?:password|identified[ \t]+by)[ \t]+')[^'\"\\{_S}]+",
        rf"(--?[a-z-]*{_PASSWORD}[ \t]+)[^-{_NOT}]{_VALUE}",
    ),
    _number(_SECRET, "secret"),
    _Rule.of(
        "secret",
        *_quoted(_SECRET),
        rf"({_SECRET}(?:{_GAP}:?=>?{_GAP}|:)){_VALUE}",
        rf"({_SECRET}{_GAP}:[ \t]+){_MIXED}",
        rf"([?&]sig=){_VALUE}",
        rf"(--?[a-z-]*{_SECRET}[ \t]+)[^-{_NOT}]{_VALUE}",
    ),
    _Rule(
        "url-password",
        rf"(?i)([a-z][a-z0-9+.-]*://[^{_WS}:/?#@\"'<>\\]*:)[^{_WS}/?\"'<>\\\[{_S}][^{_WS}/?\"'<>\\]*(@)",
        "${1}[redacted:url-password]${2}",
    ),
    _Rule.of("jwt", r"(^|[^A-Za-z0-9_])eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*", flags=""),
    _Rule.of(
        "cloud-key",
        r"(^|[^A-Za-z0-9_])(?:(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}|gh[oprsu]_[A-Za-z0-9]{36,}"
        r"|github_pat_[A-Za-z0-9_]{22,}|glpat-[A-Za-z0-9_-]{20,}|xox[abeoprs]-[A-Za-z0-9-]{10,}"
        r"|gl(?:sa|c)_[A-Za-z0-9+/=_-]{32,}|hvs\.[A-Za-z0-9_-]{20,}|npm_[A-Za-z0-9]{36}"
        r"|[rs]k_live_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{20,}|hf_[A-Za-z0-9]{30,}|dop_v1_[a-f0-9]{64}"
        r"|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,})",
        flags="",
    ),
)

_ANY_KEY = rf"(?:{_PASSWORD}|{_SECRET}|{_AUTHORIZATION}|{_COOKIE})"
_SHIELDING = _Rule(
    "",
    rf"(?i)({_ANY_KEY}\\*[\"'`]?{_SIGN}\[?[bru]?\\*[\"'`]?|://[^{_WS}:/?#@\"'<>\\]*:)({_PLACEHOLDER})(@|{_END})",
    f"${{1}}{_SHIELD}${{2}}${{3}}",
)

#: Each secret has one of these in it or before it: what has none of them is not looked at twice.
_HINTS = (
    *("passw", "passphrase", "pwd", "identified", "secret", "token", "jwt", "credential", "signature", "key"),
    *("authorization", "cookie", "bearer", "sig=", "://", "eyj", "akia", "asia", "aiza", "ya29.", "glpat-"),
    *("gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_", "xox", "glsa_", "glc_", "hvs.", "npm_"),
    *("k_live_", "sk-", "hf_", "dop_v1_", "sg."),
)
#: A key that alone says that its value is secret, and the kind that its value is then.
_KEYS = {
    "password": rf"(?i){_PASSWORD}$",
    "secret": rf"(?i){_SECRET}$",
    "authorization": rf"(?i){_AUTHORIZATION}$",
    "cookie": rf"(?i){_COOKIE}$",
}
_MASK = r"\[redacted:([a-z-]+)\]"


def redact_text(text: str) -> tuple[str, dict[str, int]]:
    """A text with its secrets masked, and how many of each kind there were.

    Examples
    --------
    >>> redact_text("GET /?token=5b1d99ce&page=2")
    ('GET /?token=[redacted:secret]&page=2', {'secret': 1})
    >>> redact_text("tokens: 35, password reset requested")
    ('tokens: 35, password reset requested', {})
    """
    out = _SHIELDING.in_text(text)
    for rule in _RULES:
        out = rule.in_text(out)
    out = out.replace(_SHIELD, "")
    if out == text:
        return text, {}
    return out, _more(Counter(re.findall(_MASK, out)), Counter(re.findall(_MASK, text)))


def redact_frame(frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """A frame with the secrets in all its texts masked, and how many of each kind there were.

    Looked at are text and label columns, lists and structs of text. A column, and a value beside its
    key (``{key, value}``), whose name alone says that it is secret is masked whole.
    """
    counts: Counter[str] = Counter()
    columns = []
    for column in frame.get_columns():
        masked, found = _redact(column, _kind_of(column.name))
        counts += found
        columns += [masked] if found else []
    return frame.with_columns(columns), dict(counts)


def _kind_of(key: str) -> str | None:
    return next((kind for kind, pattern in _KEYS.items() if re.search(pattern, key)), None)


def _more(after: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    """What there is more of: a mask that was there already is not counted again."""
    return dict(Counter(after) - Counter(before))


def _redact(series: pl.Series, kind: str | None) -> tuple[pl.Series, Counter[str]]:
    """A column of any type; with a kind, every text in it is one secret."""
    import polars as pl

    if series.dtype == pl.String:
        return _redact_strings(series, kind)
    if isinstance(series.dtype, pl.Categorical | pl.Enum):
        masked, counts = _redact_strings(series.cast(pl.String), kind)
        return (masked.cast(pl.Categorical), counts) if counts else (series, counts)
    if isinstance(series.dtype, pl.List):
        return _redact_lists(series, kind)
    if isinstance(series.dtype, pl.Array):
        masked, counts = _redact_lists(series.arr.to_list(), kind)
        return (masked if counts else series), counts
    if isinstance(series.dtype, pl.Struct):
        return _redact_structs(series, kind)
    return series, Counter()


def _redact_strings(series: pl.Series, kind: str | None) -> tuple[pl.Series, Counter[str]]:
    import polars as pl

    if kind is not None:
        return _mask_whole(series, kind)
    looked_at = series.str.contains_any(list(_HINTS), ascii_case_insensitive=True).arg_true()
    if looked_at.is_empty():
        return series, Counter()
    texts = series.gather(looked_at)
    masked = _SHIELDING.in_series(texts)
    for rule in _RULES:
        masked = rule.in_series(masked)
    masked = masked.str.replace_all(_SHIELD, "", literal=True)
    changed = (masked != texts).arg_true()
    if changed.is_empty():
        return series, Counter()
    before, after = texts.gather(changed), masked.gather(changed)
    places = pl.int_range(series.len(), eager=True).scatter(
        looked_at.gather(changed), pl.int_range(series.len(), series.len() + changed.len(), eager=True)
    )
    whole = pl.concat([series, after.alias(series.name)]).gather(places)
    return whole, Counter(_more(_masks(after), _masks(before)))


def _mask_whole(series: pl.Series, kind: str) -> tuple[pl.Series, Counter[str]]:
    import polars as pl

    mask = f"[redacted:{kind}]"
    open_ = (series != "") & (series != mask) & ~series.str.contains(rf"(?i)^{_PLACEHOLDER}$")
    count = int(open_.sum() or 0)
    masked = pl.select(
        pl.when(open_.fill_null(value=False)).then(pl.lit(mask)).otherwise(series).alias(series.name)
    ).to_series()
    return masked, Counter({kind: count} if count else {})


def _masks(texts: pl.Series) -> dict[str, int]:
    found = texts.str.extract_all(_MASK).explode().drop_nulls().value_counts()
    return {mask[len("[redacted:") : -1]: count for mask, count in found.iter_rows()}


def _redact_lists(series: pl.Series, kind: str | None) -> tuple[pl.Series, Counter[str]]:
    import polars as pl

    rows = pl.DataFrame({"row": pl.int_range(series.len(), eager=True), "item": series})
    items = rows.filter(pl.col("item").list.len() > 0).explode("item")
    masked, counts = _redact(items["item"], kind)
    if not counts:
        return series, counts
    lists = items.with_columns(masked).group_by("row", maintain_order=True).agg("item")
    # A row without items was null or empty, and stays what it was.
    whole = rows.join(lists, on="row", how="left", suffix="_masked", maintain_order="left")
    chosen = pl.coalesce("item_masked", pl.col("item").cast(lists.schema["item"]))
    return whole.select(chosen.alias(series.name)).to_series(), counts


def _redact_structs(series: pl.Series, kind: str | None) -> tuple[pl.Series, Counter[str]]:
    import polars as pl

    fields = series.struct.unnest()
    counts: Counter[str] = Counter()
    changed: dict[str, pl.Series] = {}
    for name in fields.columns:
        masked, found = _redact(fields[name], kind or _kind_of(name))
        if name == "value" and "key" in fields.columns and fields.schema["key"] == pl.String:
            masked, by_key = _redact_by_key(fields["key"], masked)
            found = found + by_key
        counts += found
        changed |= {name: masked} if found else {}
    if not changed:
        return series, counts
    packed = fields.with_columns(**changed).to_struct(series.name)
    whole = pl.select(pl.when(series.is_not_null()).then(packed).alias(series.name)).to_series()
    return whole, counts


def _redact_by_key(keys: pl.Series, values: pl.Series) -> tuple[pl.Series, Counter[str]]:
    """The values of which the keys beside them say that they are secret, masked whole."""
    import polars as pl

    counts: Counter[str] = Counter()
    if values.dtype != pl.String:
        return values, counts
    for kind, pattern in _KEYS.items():
        named = keys.str.contains(pattern).fill_null(value=False)
        if named.any():
            theirs, found = _mask_whole(values.filter(named), kind)
            places = named.cum_sum().cast(pl.Int64) - 1
            values = values.zip_with(~named, theirs.gather(places.clip(lower_bound=0)))
            counts += found
    return values, counts
