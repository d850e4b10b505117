"""The bytes of an answer, whole and uncompressed, or what is wrong with them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator

from obsnb.transport.retry import Trouble

__all__ = ["read"]

#: No answer of a server that pages is near this; one that is would fill the memory.
_MOST = 2 << 30


def read(
    chunks: Iterable[bytes], *, encoding: str, stopped: Callable[[], Trouble | None], most: int = _MOST
) -> bytes | Trouble:
    """All of a body.

    Parameters
    ----------
    chunks
        As they come.
    encoding
        The Content-Encoding: gzip, or none.
    stopped
        Asked after each chunk: why to read no further, or None.
    most
        How many bytes it may have, uncompressed.
    """
    if encoding in {"gzip", "x-gzip"}:
        pieces = _gunzip(chunks)
    elif encoding in {"", "identity"}:
        pieces = iter(chunks)
    else:
        return Trouble(
            f"sent its answer in an encoding that was not asked for ({encoding[:40]!r})",
            "Something between here and the server changes its answers.",
            corrupt=True,
        )
    whole = bytearray()
    try:
        for piece in pieces:
            whole += piece
            if len(whole) > most:
                return Trouble(
                    f"sent more than {most:,} bytes in one answer", "Ask for a shorter window.", corrupt=True
                )
            why = stopped()
            if why is not None:
                return why
    except zlib.error:
        return Trouble(
            "sent an answer that is damaged: it is not the gzip that it says it is",
            "Something between here and the server changes its answers.",
            corrupt=True,
        )
    except EOFError:
        return Trouble(
            "broke off its answer: the gzip ends too early",
            "If it stays so, ask for a shorter window, or look at what stands in between.",
            again=True,
        )
    return bytes(whole)


def _gunzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Inflate gzip, of one member or several; `zlib.error` if damaged, `EOFError` if cut short."""
    member = zlib.decompressobj(wbits=31)
    begun = False
    for chunk in chunks:
        rest = chunk
        while rest:
            if member.eof:
                member = zlib.decompressobj(wbits=31)
            begun = True
            yield member.decompress(rest)
            rest = member.unused_data
    if begun and not member.eof:
        raise EOFError
