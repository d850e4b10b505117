"""Notebooks: what cells put out, and what they were given, redacted as each form is read."""

from __future__ import annotations

from collections import Counter
from typing import Any

from obsnb.redact.markup import redact_html
from obsnb.redact.plan import Plan
from obsnb.redact.texts import redact_text, redact_value

__all__ = ["joined_streams", "redact_notebook"]

_MARKUP = frozenset({"text/html", "image/svg+xml"})


def redact_notebook(plan: Plan, book: dict[str, Any], counts: Counter[str]) -> None:
    """Redact a notebook's outputs, the state of its widgets and the cell that a run put in, in place.

    Other cells are what somebody wrote. Pictures are taken as they are. What a cell prints comes in
    pieces, as the kernel's clock would have it: pieces that follow one another become one first, for a
    secret may be cut in two.
    """
    for cell in book.get("cells", []):
        if "injected-parameters" in cell.get("metadata", {}).get("tags", []):
            cell["source"] = redact_value(plan, cell["source"], counts)
        if "outputs" in cell:
            cell["outputs"] = joined_streams(cell["outputs"])
        for output in cell.get("outputs", []):
            _redact_output(plan, output, counts)
    metadata = book.get("metadata", {})
    if "widgets" in metadata:
        metadata["widgets"] = redact_value(plan, metadata["widgets"], counts)


def joined_streams(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The outputs, each run of printed pieces as one a stream, standard output and errors apart."""
    kept: list[dict[str, Any]] = []
    run: dict[str, dict[str, Any]] = {}
    for output in outputs:
        if output.get("output_type") != "stream":
            run = {}
            kept.append(output)
            continue
        name = output.get("name", "stdout")
        first = run.get(name)
        if first is None:
            run[name] = output
            kept.append(output)
        else:
            first["text"] = _joined(first.get("text", "")) + _joined(output.get("text", ""))
    return kept


def _redact_output(plan: Plan, output: dict[str, Any], counts: Counter[str]) -> None:
    for name in ("text", "evalue", "traceback"):
        if name in output:
            output[name] = _text(plan, output[name], counts)
    data = output.get("data", {})
    for form, value in data.items():
        if form in _MARKUP:
            made, found = redact_html(plan, _joined(value))
            counts.update(found)
            data[form] = made if found else value
        elif not form.startswith("image/"):
            plain = form.endswith("json") or not isinstance(value, str | list)
            data[form] = redact_value(plan, value, counts) if plain else _text(plan, value, counts)


def _text(plan: Plan, value: str | list[str], counts: Counter[str]) -> str | list[str]:
    """A text, or its lines, which are one text: a key may stand in one and its value in the next."""
    made, found = redact_text(plan, _joined(value))
    counts.update(found)
    if not found:
        return value
    return made if isinstance(value, str) else made.splitlines(keepends=True)


def _joined(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)
