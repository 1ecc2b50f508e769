"""The errors that users can see. Each message says what happened and what to do next.

    PipelineError
    ├── ConfigurationError         a setting or an argument is missing or wrong
    ├── ServiceError               Woopra did not give what was asked for
    │   ├── CredentialsRejectedError   401 or 403
    │   ├── LogDayNotFoundError        404: not there yet, expired, or an unknown project
    │   ├── LogDayNotClosedError       the day has not ended in Pacific time
    │   ├── LinesLostError             a day came again with fewer lines than it had
    │   ├── RequestRejectedError       any other 4xx: the request itself is at fault
    │   ├── RateBudgetSpentError       our own budget of requests is used up
    │   └── ServiceUnavailableError    unreachable, 5xx, 429 or a broken body, after all retries
    ├── ArchiveError               an archived day is missing or damaged
    ├── ParsedDayError             a parsed day is missing or damaged
    ├── LakeError                  something in the lake is missing, damaged or another than here
    │   └── LakeUnreachableError       the lake as a whole cannot be read or written
    ├── ModelError                 the model is missing or cannot be opened
    │   ├── DatabaseHeldError          another process has a DuckDB file open
    │   └── DatabaseDamagedError       a file is no DuckDB database, or a damaged one
    ├── ErasureError               no register of erasures, or not clear whom to erase
    ├── ReadingError               SQL that is to read would do more than that
    ├── DiskFullError              a disk is full
    ├── RunStorageError            Dagster's own files are damaged
    ├── AlertError                 an alert could not be delivered
    ├── SourceError                an import source is missing or cannot be run
    └── LedgerError                the import ledger, or a source in it, is held or misused
        └── UnusableLedgerError        the import ledger is missing, damaged or not the latest one

No message may contain a secret: messages name the project, and the URL without credentials.
"""


class PipelineError(Exception):
    """Base of every error this package raises on purpose."""


class ConfigurationError(PipelineError):
    """A setting or an argument is missing, malformed or contradicts another."""


class ServiceError(PipelineError):
    """Woopra did not give what was asked for."""


class CredentialsRejectedError(ServiceError):
    """The service refused the app ID and secret key (401, 403)."""


class LogDayNotFoundError(ServiceError):
    """The service has no file of this log day (404)."""


class LogDayNotClosedError(ServiceError):
    """The log day has not ended in Pacific time, so its file is still growing."""


class LinesLostError(ServiceError):
    """A log day came again with fewer readable lines than its archived file has."""


class RequestRejectedError(ServiceError):
    """The service refused the request as such (a 4xx that has no class of its own)."""


class RateBudgetSpentError(ServiceError):
    """The budget of requests is used up for longer than the client may wait."""


class ServiceUnavailableError(ServiceError):
    """The service could not be reached, or kept failing through all retries."""


class ArchiveError(PipelineError):
    """An archived day is missing or its file does not match its manifest."""


class ParsedDayError(PipelineError):
    """A parsed day is missing or its files do not match their manifest."""


class LakeError(PipelineError):
    """Something in the lake is missing or damaged, or differs from the file here."""


class LakeUnreachableError(LakeError):
    """The lake as a whole cannot be reached, read or written."""


class ModelError(PipelineError):
    """The model is missing, held by another process, or damaged."""


class DatabaseHeldError(ModelError):
    """Another process has a DuckDB file open in a way that keeps this one out."""


class DatabaseDamagedError(ModelError):
    """A file is no DuckDB database, or a damaged one."""


class ErasureError(PipelineError):
    """The register of erasures is missing or damaged, or it is not clear whom to erase."""


class ReadingError(PipelineError):
    """SQL that should only read would do more than that."""


class DiskFullError(PipelineError):
    """A disk is full, a quota is used up, or a file would get larger than is allowed."""


class RunStorageError(PipelineError):
    """The files in which Dagster keeps runs and events are damaged."""


class AlertError(PipelineError):
    """An alert could not be delivered."""


class SourceError(PipelineError):
    """An import source is missing, cannot be run, or returns columns that have no meaning."""


class LedgerError(PipelineError):
    """The import ledger, or a source in it, is held by another process or misused."""


class UnusableLedgerError(LedgerError):
    """The import ledger is missing, damaged, or older than what was sent."""
