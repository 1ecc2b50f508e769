"""Decodes gzip in a stream, and checks that the end is there, which HTTP clients do not.

httpx takes an incomplete gzip body for whole, and drops every member after the first.
"""

import zlib
from collections.abc import Iterable, Iterator

GZIP_WINDOW_BITS = 16 + zlib.MAX_WBITS
LARGEST_PIECE = 1 << 20
ALWAYS_ALLOWED = 64 << 20
"""A stream may always be decompressed to so many bytes, even a very short one."""


class BrokenGzipError(Exception):
    """The stream is not gzip, is damaged, ends too early, or becomes too large."""


def gunzipped(chunks: Iterable[bytes], *, largest_growth: int = 1_000) -> Iterator[bytes]:
    """The decoded bytes of a gzip stream of any number of members, in pieces of at most 1 MiB.

    An empty stream decodes to nothing. Above `ALWAYS_ALLOWED`, the result may have `largest_growth`
    times the compressed bytes so far. Raises `BrokenGzipError`.
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
                    f"the gzip stream decompresses to more than {largest_growth:,} times its size"
                )
            yield piece
            if member.eof:
                rest, member = member.unused_data, None
            else:
                rest = member.unconsumed_tail
    if member is not None:
        raise BrokenGzipError("the gzip stream ends early")
