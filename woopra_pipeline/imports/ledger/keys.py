"""The keys of the content of all lines, so that nothing is sent twice."""

from collections.abc import Iterator
from typing import NamedTuple

from xxhash import xxh3_128_digest

from woopra_pipeline.imports.ledger.connected import Connected
from woopra_pipeline.imports.ledger.lost import unusable


class FileKeys(NamedTuple):
    """The keys of the content of a file's lines, one after another, 16 bytes each.

    `lines` has the number of the line of each, 4 bytes, little-endian; `contents`, only for profile
    updates, has a digest of the line, 16 bytes.
    """

    keys: bytes
    lines: bytes
    contents: bytes | None

    def checksum(self) -> bytes:
        """Their checksum, because SQLite has none."""
        return xxh3_128_digest(b"".join([self.keys, self.lines, self.contents or b""]))


class BatchKeys(NamedTuple):
    """A batch, by its place in its file, with the keys of the whole file."""

    batch_id: int
    file_id: int
    first_line: int
    line_count: int
    state: str
    last_request: int | None
    was_lost: bool
    """Whether the ledger was lost after it was sent, so that it may have been sent later."""
    keys: FileKeys


class Keys(Connected):
    """The table `file_keys`."""

    def enter_keys(self, file_id: int, keys: FileKeys) -> None:
        """Add the keys of the lines of a file."""
        self.connection.execute(
            "insert into file_keys values (?, ?, ?, ?, ?)", [file_id, *keys, keys.checksum()]
        )

    def known_keys(self, source: str, *, of_updates: bool) -> Iterator[BatchKeys]:
        """All batches of a source with their keys: either those of profile updates, or all others.

        Raises `UnusableLedgerError` if keys differ from their checksum.
        """
        rows = self.connection.execute(
            "select batch_id, file_id, first_line, batches.line_count, state, last_request, "
            "sent_until is not null, keys, lines, contents, checksum "
            "from batches join files using (file_id) join file_keys using (file_id) "
            "join sources using (source_id) where name = ? and (shape = 'profiles') = ?",
            [source, of_updates],
        )
        try:
            for batch_id, file_id, first, count, state, request, was_lost, *blobs, checksum in rows:
                keys = self._whole(FileKeys(*blobs), checksum)
                batch = (batch_id, file_id, first, count, state, request, bool(was_lost))
                yield BatchKeys(*batch, keys)
        finally:
            rows.close()

    def keys_by_source(self) -> Iterator[tuple[str, FileKeys]]:
        """The keys of every file, each with the name of its source."""
        for name, *blobs, checksum in self.connection.execute(
            "select name, keys, lines, contents, checksum from file_keys "
            "join files using (file_id) join sources using (source_id)"
        ):
            yield name, self._whole(FileKeys(*blobs), checksum)

    def require_whole_keys(self) -> None:
        """Raise `UnusableLedgerError` if keys differ from their checksum."""
        for _ in self.keys_by_source():
            pass

    def add_checksums(self) -> None:
        """Add the checksums of all keys, which ledgers of the earlier version lack."""
        for file_id, *blobs in self.connection.execute(
            "select file_id, keys, lines, contents from file_keys"
        ).fetchall():
            self.connection.execute(
                "update file_keys set checksum = ? where file_id = ?",
                [FileKeys(*blobs).checksum(), file_id],
            )

    def _whole(self, keys: FileKeys, checksum: bytes) -> FileKeys:
        if keys.checksum() != checksum:
            raise unusable(self.path, "is damaged (keys differ from their checksum)")
        return keys
