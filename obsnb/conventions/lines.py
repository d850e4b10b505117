"""What is looked for in the words of lines: deployments, and stack frames that are not the application's."""

from __future__ import annotations

__all__ = ["DEPLOY_LINES", "FOREIGN_CODE"]

FOREIGN_CODE = (
    "site-packages",
    "dist-packages",
    "node_modules",
    "/usr/lib/",
    "/usr/local/lib/",
    "lib/python3",
    "python3.",
    "/vendor/",
    "sqlalchemy/",
    "starlette/",
    "fastapi/",
    "uvicorn/",
    "django/",
    "flask/",
    "asyncio/",
    "concurrent/",
    "httpx/",
    "httpcore/",
    "requests/",
    "urllib3/",
    "java.",
    "javax.",
    "jdk.",
    "org.springframework.",
    "org.apache.",
    "io.netty.",
    "node:internal",
    "/runtime/",
    "net/http",
    "/usr/local/go/",
    "/go/pkg/mod/",
    "<frozen ",
    "/rustc/",
    "/.cargo/registry/",
    "/gems/",
    "/lib/ruby/",
    "<internal:",
    "sun.",
    "com.sun.",
    "kotlin.",
    "kotlinx.",
    "scala.",
    "reactor.",
    "io.undertow.",
    "org.hibernate.",
    "org.postgresql.",
    "org.eclipse.jetty.",
    "com.zaxxer.hikari.",
    "com.mysql.",
    "System.",
    "Microsoft.",
)
DEPLOY_LINES = (
    r"(?i)\bdeployment (?:of )?(?P<service>[\w./-]+) (?:was )?(?P<action>rolled (?:out|back)|"
    r"completed|finished|succeeded|started)\b(?:.*?\bversion[=: ]+v?(?P<version>\d[\w.+-]*))?",
    r"(?i)\b(?P<action>deployed|deploying|released|rolled out|rolling out|rolled back|"
    r"rolling back|upgraded)\s+(?P<service>[a-z][\w./-]*)"
    r"(?:\s+(?:to\s+)?(?:version[=: ]*)?v?(?P<version>\d[\w.+-]*))?",
    r"\bScaled up replica set (?P<service>[\w-]+?)-[0-9a-f]{8,10} (?:from \d+ )?to \d+",
)
