"""The shapes of secrets: passwords, tokens, keys, cookies, and what carries them."""

from __future__ import annotations

from obsnb.redact.shapes import (
    END,
    FIRST,
    GAP,
    MIXED,
    NOT,
    PLACEHOLDER,
    SHIELD,
    SIGN,
    TOKEN,
    VALUE,
    WS,
    Rule,
    number,
    quoted,
)

__all__ = ["HINTS", "KEYS", "RULES", "SHIELDING"]

_PASSWORD = r"(?:passwor[dt]|passwd|passphrase|pwd|kennwort)"  # noqa: S105 - a pattern, not a password
_SECRET = (
    r"(?:secret|token|jwt|credentials?|signature|"  # noqa: S105 - a pattern, not a secret
    r"(?:api|access|account|client|encryption|master|private|secret|shared|signing)[_. -]?key)"
)
_AUTHORIZATION = r"authorization"
_COOKIE = r"(?:set-)?cookies?"
_SCHEME = r"(?:apikey|aws4-hmac-sha256|basic|bearer|digest|dpop|hoba|hmac|negotiate|ntlm|token)"

_PARAMETER = (
    r"(?:credential|signedheaders|signature|username|realm|nonce|uri|response|opaque|qop|nc|cnonce|algorithm|mac)"
    rf"=(?:\\+\"[^\"\\]*\\+\"|\"[^\"]*\"|[^{WS}\"',\\]*)"
)


RULES = (
    Rule.of(
        "private-key",
        r"()-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
        r"(?:[^\"'<>]*?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|(?:[A-Za-z0-9+/=:,. \t\r\n-]|\\[nr])*)",
    ),
    Rule.of(
        "authorization",
        *quoted(_AUTHORIZATION),
        rf"({_AUTHORIZATION}{SIGN}\[?){_SCHEME}[ \t]+(?:{_PARAMETER}|{TOKEN}+)(?:,{GAP}{_PARAMETER})*",
        rf"({_AUTHORIZATION}{SIGN}\[?){MIXED}",
    ),
    Rule.of(
        "cookie",
        *quoted(_COOKIE),
        rf"({_COOKIE}{SIGN}\[?)[A-Za-z0-9_.-]+=[^{WS}\"'\\,;\]]+"
        r"(?:;[ \t]*[A-Za-z0-9_.-]+(?:=[^\"'\\,;\]\r\n]*)?)*",
        rf"({_COOKIE}{SIGN}[A-Za-z0-9_.-]+=['\"])[^'\"\\{FIRST}]+",
        rf"((?:jsessionid|phpsessid|asp\.net_sessionid|connect\.sid)=){VALUE}",
    ),
    Rule.of("bearer", rf"((?:^|[^a-z0-9_])bearer(?:[ \t]+|%20))(?:{MIXED}|{TOKEN}{{24,}})"),
    number(_PASSWORD, "password"),
    Rule.of(
        "password",
        *quoted(_PASSWORD),
        rf"({_PASSWORD}{SIGN}){VALUE}",
        rf"((?:password|identified[ \t]+by)[ \t]+')[^'\"\\{FIRST}]+",
        rf"(--?[a-z-]*{_PASSWORD}[ \t]+)[^-{NOT}]{VALUE}",
        rf"(<[a-z0-9_:.-]*{_PASSWORD}>)[^<>{FIRST}]+",
        rf"(\\*\"pass\\*\"{GAP}:{GAP}\\*\")[^\"\\{FIRST}]+",
        rf"(password for [^ \t:]+:[ \t]+){VALUE}",
        rf"(mysql[a-z]*[ \t][^|;&\"']*-p){VALUE}",
    ),
    number(_SECRET, "secret"),
    Rule.of(
        "secret",
        *quoted(_SECRET),
        rf"({_SECRET}(?:{GAP}:?=>?{GAP}|:)){VALUE}",
        rf"({_SECRET}{GAP}:[ \t]+){MIXED}",
        rf"([?&]sig=){VALUE}",
        rf"(--?[a-z-]*{_SECRET}[ \t]+)[^-{NOT}]{VALUE}",
        rf"(<[a-z0-9_:.-]*{_SECRET}>)[^<>{FIRST}]+",
        rf"({_SECRET}[ \t]+['\"]){MIXED}",
    ),
    Rule(
        "url-password",
        rf"(?i)([a-z][a-z0-9+.-]*://[^{WS}:/?#@\"'<>\\]*:)[^{WS}/?\"'<>\\\[{FIRST}][^{WS}/?\"'<>\\]*(@)",
        "${1}[redacted:url-password]${2}",
    ),
    Rule(
        "url-password",
        rf"(?i)(jdbc:oracle:[a-z]+:[^{WS}/@\"']+/)[^{WS}@\"'{FIRST}]+(@)",
        "${1}[redacted:url-password]${2}",
    ),
    Rule.of("authorization", rf"((?:^|[^a-z0-9_])basic[ \t]+)(?:[A-Za-z0-9+/]{{8,}}={{1,2}}|{MIXED})"),
    Rule.of("jwt", r"(^|[^A-Za-z0-9_])eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*", flags=""),
    Rule.of(
        "cloud-key",
        r"(^|[^A-Za-z0-9_])(?:(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}|gh[oprsu]_[A-Za-z0-9]{36,}"
        r"|github_pat_[A-Za-z0-9_]{22,}|glpat-[A-Za-z0-9_-]{20,}|xox[abeoprs]-[A-Za-z0-9-]{10,}"
        r"|gl(?:sa|c)_[A-Za-z0-9+/=_-]{32,}|hvs\.[A-Za-z0-9_-]{20,}|npm_[A-Za-z0-9]{36}"
        r"|[rs]k_live_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{20,}|hf_[A-Za-z0-9]{30,}|dop_v1_[a-f0-9]{64}"
        r"|hooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]+"
        r"|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,})",
        flags="",
    ),
)

_ANY_KEY = rf"(?:{_PASSWORD}|{_SECRET}|{_AUTHORIZATION}|{_COOKIE})"
SHIELDING = Rule(
    "",
    rf"(?i)({_ANY_KEY}\\*[\"'`]?{SIGN}\[?[bru]?\\*[\"'`]?|://[^{WS}:/?#@\"'<>\\]*:)({PLACEHOLDER})(@|{END})",
    f"${{1}}{SHIELD}${{2}}${{3}}",
)

#: Each secret has one of these in it or before it: what has none of them is not looked at twice.
HINTS = (
    *(
        "kennwort",
        '"pass',
        "sessid",
        "sessionid",
        "connect.sid",
        "mysql",
        "basic",
        "hooks.slack",
        "jdbc:oracle",
    ),
    *("passw", "passphrase", "pwd", "identified", "secret", "token", "jwt", "credential", "signature", "key"),
    *("authorization", "cookie", "bearer", "sig=", "://", "eyj", "akia", "asia", "aiza", "ya29.", "glpat-"),
    *("gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_", "xox", "glsa_", "glc_", "hvs.", "npm_"),
    *("k_live_", "sk-", "hf_", "dop_v1_", "sg."),
)
#: A key that alone says that its value is secret, and the kind that its value is then.
KEYS = {
    "password": rf"(?i){_PASSWORD}$",
    "secret": rf"(?i){_SECRET}$",
    "authorization": rf"(?i){_AUTHORIZATION}$",
    "cookie": rf"(?i){_COOKIE}$",
}
