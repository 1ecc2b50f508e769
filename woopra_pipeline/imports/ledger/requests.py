"""Requests: which lines of a file were about to be sent, when, and the result."""

from collections import defaultdict
from pathlib import Path

from woopra_pipeline.imports.journals import Request
from woopra_pipeline.imports.ledger.connected import Connected


class Requests(Connected):
    """The table `requests`; each row is changed only once, when the answer comes."""

    def enter_request(self, file_id: int, request: Request, outcome: str | None = None) -> int:
        """Add a request with lines of a file; returns its number."""
        number = self.connection.execute(
            "insert into requests (file_id, first_line, line_count, sent_at, outcome) "
            "values (?, ?, ?, ?, ?)",
            [file_id, request.first_line, request.line_count, request.sent_at, outcome],
        ).lastrowid
        assert number is not None
        return number

    def end_request(self, batch_id: int, now: str, status: int | None, outcome: str) -> None:
        """Set the result of the last request of a batch, unless it is set."""
        self.connection.execute(
            "update requests set ended_at = ?, status = ?, outcome = ? where ended_at is null and "
            "request_id = (select last_request from batches where batch_id = ?)",
            [now, status, outcome, batch_id],
        )

    def split_count(self, file_id: int) -> int:
        """How many requests with lines of a file were rejected and then split."""
        ((count,),) = self.connection.execute(
            "select count(*) from requests where file_id = ? and outcome = 'split' "
            "and status in (400, 422)",
            [file_id],
        ).fetchall()
        return int(count)

    def requests(self, source: str) -> dict[str, list[Request]]:
        """By the path of their file, the requests of a source, in order."""
        requests: dict[str, list[Request]] = defaultdict(list)
        for path, first, count, sent_at in self.connection.execute(
            "select path, requests.first_line, requests.line_count, sent_at "
            "from requests join files using (file_id) join sources using (source_id) "
            "where name = ? order by request_id",
            [source],
        ):
            requests[path].append(Request(Path(path).name, first, count, sent_at))
        return requests
