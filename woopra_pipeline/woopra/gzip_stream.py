"""Gzip decoded in a stream, with what HTTP clients leave out: the end must be there.

httpx takes a gzip body that breaks off for whole, and drops every member after the first.
"""

import zlib
from collections.abc import Iterable, Iterator

GZIP_WINDOW_BITS = 16 + zlib.MAX_WBITS
LARGEST_PIECE = 1 << 20


class BrokenGzipError(Exception):
    """The stream is not gzip, is damaged, or ends before its last member does."""


def gunzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The decoded bytes of a gzip stream of any number of members, in pieces of at most 1 MiB.

    Nothing at all decodes to nothing. Raises `BrokenGzipError`.
    """
    member = None
    for chunk in chunks:
        rest = chunk
        while rest:
            member = member or zlib.decompressobj(GZIP_WINDOW_BITS)
            try:
                yield member.decompress(rest, LARGEST_PIECE)
            except zlib.error as error:
                raise BrokenGzipError(f"the gzip stream is damaged: {error}") from error
            if member.eof:
                rest, member = member.unused_data, None
            else:
                rest = member.unconsumed_tail
    if member is not None:
        raise BrokenGzipError("the gzip stream ends early")
