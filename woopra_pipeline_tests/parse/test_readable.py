"""Which lines can be read is what the parser says, however the bytes come."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from woopra_pipeline.parse import readable
from woopra_pipeline.parse.lines import (
    BlankLine,
    DeleteLine,
    RejectedLine,
    VisitLine,
    parse_line,
    split_lines,
)
from woopra_pipeline.parse.readable import (
    FirstReadableLine,
    count_different_lines,
    count_lines,
    is_readable,
)
from woopra_pipeline_tests.parse.odd_lines import PLAIN_ODDITIES, lines

VISIT = b'{"type":"visit","pid":"a"}'
DELETE = b'{"type":"system","method":"delete","pid":"a"}'
OTHERS = [b'{"type":"click","pid":"a"}', b'{"type":"visit"}', b"{}", b"[]", b"text", b"", b" \r"]

KNOWN = st.sampled_from([VISIT, DELETE, *OTHERS, *PLAIN_ODDITIES])
FILES = st.builds(
    lambda before, odd, after: b"\n".join([*before, *odd, *after]),
    st.lists(KNOWN, max_size=6),
    st.lists(lines(), max_size=3),
    st.lists(KNOWN, max_size=6),
)
"""Files of known lines and few odd ones: to draw those takes longer than all else here."""


def judged(file):
    """The kinds of all lines of a file, one after another."""
    return [type(parse_line(line)) for line in split_lines(file)]


def counted(file):
    kinds = judged(file)
    return (kinds.count(VisitLine) + kinds.count(DeleteLine), kinds.count(RejectedLine))


@settings(max_examples=300)
@given(lines() | KNOWN)
def test_a_line_can_be_read_if_the_parser_does_not_reject_it(line):
    assert is_readable(line) == isinstance(parse_line(line), VisitLine | DeleteLine)


@given(FILES)
def test_lines_are_counted_as_the_parser_judges_them(file):
    assert count_lines(io.BytesIO(file)) == counted(file)


@given(FILES, st.integers(1, 40))
def test_the_first_readable_line_is_found_in_pieces_of_any_size(file, size):
    search = FirstReadableLine()
    for start in range(0, len(file), size):
        search.add(file[start : start + size])
    kinds = judged(file)
    assert search.found() == bool({VisitLine, DeleteLine} & set(kinds))
    if not search.found():
        assert search.is_blank == (set(kinds) <= {BlankLine})


@given(FILES, FILES, FILES, st.integers(1, 200))
def test_lines_that_differ_are_counted_from_somewhere_in_what_is_alike(alike, one, other, size):
    files = [alike + b"\n" + rest for rest in (one, other)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readable, "CHUNK_BYTES", size)
        counts = count_different_lines(*map(io.BytesIO, files))
    skipped = {
        tuple(whole - part for whole, part in zip(counted(file), count, strict=True))
        for file, count in zip(files, counts, strict=True)
    }
    # In both, the same lines are left out, and none of them stands where the files differ.
    assert len(skipped) == 1
    assert all(
        0 <= left_out <= whole for left_out, whole in zip(*skipped, counted(files[0]), strict=True)
    )
    if files[0] == files[1]:
        assert counts == ((0, 0), (0, 0))


def test_what_both_files_begin_with_is_not_counted():
    alike = (VISIT + b"\n") * 400_000
    one, other = alike + VISIT * 2, alike + b"\n" + VISIT
    counts = count_different_lines(io.BytesIO(one), io.BytesIO(other))
    assert counts[0].readable < 400_000
    assert (counts[0].rejected, counts[1].rejected) == (1, 0)
    assert counts[1].readable == counts[0].readable + 1


def test_a_line_beyond_all_measure_is_not_held_in_memory():
    search = FirstReadableLine()
    for _ in range(70):
        search.add(bytes(1 << 20))
    assert not search.found()
    search.add(b"\n" + VISIT)
    assert search.found()
