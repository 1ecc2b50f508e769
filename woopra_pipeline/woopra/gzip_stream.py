"""Gzip decoded in a stream, with what HTTP clients leave out: the end must be there.

httpx takes a gzip body that breaks off for whole, and drops every member after the first.
"""

import zlib
from collections.abc import Iterable, Iterator

GZIP_WINDOW_BITS = 16 + zlib.MAX_WBITS
LARGEST_PIECE = 1 << 20
ALWAYS_ALLOWED = 64 << 20
"""So many bytes a stream may unpack to, however few it has."""


class BrokenGzipError(Exception):
    """The stream is not gzip, is damaged, ends before its last member does, or grows too much."""


def gunzipped(chunks: Iterable[bytes], *, largest_growth: int = 1_000) -> Iterator[bytes]:
    """The decoded bytes of a gzip stream of any number of members, in pieces of at most 1 MiB.

    Nothing at all decodes to nothing. Above `ALWAYS_ALLOWED` the stream may decode to
    `largest_growth` times the bytes that came of it. Raises `BrokenGzipError`.
    """
    member = None
    came = unpacked = 0
    for chunk in chunks:
        rest = chunk
        came += len(chunk)
        while rest:
            member = member or zlib.decompressobj(GZIP_WINDOW_BITS)
            try:
                piece = member.decompress(rest, LARGEST_PIECE)
            except zlib.error as error:
                raise BrokenGzipError(f"the gzip stream is damaged: {error}") from error
            unpacked += len(piece)
            if unpacked > max(ALWAYS_ALLOWED, came * largest_growth):
                raise BrokenGzipError(
                    f"the gzip stream unpacks to more than {largest_growth:,} times its size"
                )
            yield piece
            if member.eof:
                rest, member = member.unused_data, None
            else:
                rest = member.unconsumed_tail
    if member is not None:
        raise BrokenGzipError("the gzip stream ends early")
