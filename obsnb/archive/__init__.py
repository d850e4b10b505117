"""A frozen incident: what was asked and what came back, in files that outlive the servers.

A folder, or the same as a zip whose name ends in ``.obsnb``::

    manifest.json            what was asked, when, for which window and scope, and digests of it all
    queries/001-logs.parquet one Parquet file a query, readable by anything that reads Parquet
    notes.toml               what people wrote; not digested, because they go on writing
    story.json               timeline, checklist, hypotheses and remarks as people wrote them; no digest

`write` makes one, `ArchiveReader` reads one, and is a source of logs, metrics and traces like the
live ones.
"""

from obsnb.archive.reader import ArchiveReader
from obsnb.archive.writer import write

__all__ = ["ArchiveReader", "write"]
