"""Columns of text, put together from pieces; the pieces are Arrow arrays or constants."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from woopra_pipeline.sandbox.chance import PID_LENGTH, BoolArray, IntArray, PidArray


def table(fragments: Iterable[str]) -> pa.Array:
    """A table of text fragments, to be picked from by index."""
    return pa.array(fragments, pa.string())


def pick(fragments: pa.Array, index: IntArray) -> pa.Array:
    """The fragments with these indices."""
    return fragments.take(pa.array(index))


def join(*pieces: pa.Array | str) -> pa.Array:
    """The pieces of each row, one after another."""
    return pc.binary_join_element_wise(*pieces, "")


def join_groups(texts: pa.Array, counts: IntArray) -> pa.Array:
    """`texts` with commas between, so many of them for each row as `counts` says."""
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pc.binary_join(pa.ListArray.from_arrays(offsets, texts), ",")


def decimal(numbers: IntArray) -> pa.Array:
    """Numbers in decimal digits."""
    return pa.array(numbers).cast(pa.string())


def where(condition: BoolArray, texts: pa.Array) -> pa.Array:
    """The texts where the condition holds; nothing elsewhere."""
    return pc.if_else(pa.array(condition), texts, "")


def pid_texts(pids: PidArray) -> pa.Array:
    """Profile ids as text."""
    width = pa.binary(PID_LENGTH)
    buffer = pa.py_buffer(np.ascontiguousarray(pids))
    return pa.FixedSizeBinaryArray.from_buffers(width, len(pids), [None, buffer]).cast(pa.string())


def content(texts: pa.Array) -> memoryview:
    """All the texts, one after another, as UTF-8."""
    _, offsets, characters = texts.buffers()
    if characters is None:
        return memoryview(b"")
    bounds = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return memoryview(characters)[bounds[0] : bounds[-1]]
