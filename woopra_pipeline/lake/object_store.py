"""A lake in an object store. It needs obstore, which comes with the extra `[lake]`.

Endpoint, region and credentials come from the environment, under the names that all programs use
(`AWS_…`, `GOOGLE_…`, `AZURE_…`). None of them is ever part of a message.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import duckdb
import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.fsspec import FsspecStore
from obstore.store import AzureStore, GCSStore, S3Store

from woopra_pipeline.errors import ConfigurationError, LakeUnreachableError
from woopra_pipeline.lake.duckdb_extensions import load_extension
from woopra_pipeline.lake.location import BLOCK_BYTES, LAKE_VARIABLE, Content, Entry, Lake
from woopra_pipeline.sql_text import literal

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

PART_BYTES = 8 << 20
"""A larger file is uploaded in parts of this size: a store takes 10,000 of them, so 80 GB."""

PARTS_AT_ONCE = 4

SILENCE_SECONDS = 60
"""How long a store may be silent before a request counts as failed, and is tried again."""

RETRIES: "RetryConfig" = {"max_retries": 6, "retry_timeout": timedelta(minutes=3)}
NO_RETRIES: "RetryConfig" = {"max_retries": 0, "retry_timeout": timedelta(seconds=10)}


class ObjectStoreLake(Lake):
    """A lake in an object store: below a prefix of a bucket or container."""

    def __init__(self, scheme: str, bucket: str, prefix: str, *, is_patient: bool = True) -> None:
        self.scheme, self.bucket, self.prefix = scheme, bucket, prefix
        self.location = f"{scheme}://{bucket}/{prefix}".rstrip("/")
        self._check_endpoint()
        kind = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}[scheme]
        self._store: S3Store | GCSStore | AzureStore = kind(
            bucket,
            prefix=prefix or None,
            client_options=client_options(allows_http=self.uses_http),
            retry_config=RETRIES if is_patient else NO_RETRIES,
        )

    def uri(self, name: str = "") -> str:
        """The URL."""
        return f"{self.location}/{name}".rstrip("/")

    @property
    def storage_options(self) -> dict[str, str]:
        """The store's address, and whether the connection may be unencrypted."""
        options = {"allow_http": "true"} if self.uses_http else {}
        if self.scheme == "s3" and self.endpoint:
            options["aws_endpoint_url"] = self.endpoint
        return options

    def read_with_version(self, name: str) -> Content | None:
        """A small file with its version; None if there is none."""
        with self._said("read"):
            try:
                found = obstore.get(self._store, name)
            except FileNotFoundError as error:
                self._require_bucket(error)
                return None
            meta = found.meta
            return Content(bytes(found.bytes()), meta["e_tag"] or "", meta["last_modified"])
        return None

    def write(self, name: str, content: bytes) -> None:
        """Write a small file; replaces an existing one."""
        with self._said("written"):
            obstore.put(self._store, name, content, use_multipart=False)

    def exchange(self, name: str, content: bytes, version: str | None) -> bool:
        """Write a small file if it still has this `version`; with None, if it does not exist."""
        with self._said("written"):
            try:
                mode = "create" if version is None else {"e_tag": version}
                obstore.put(self._store, name, content, mode=mode)  # type: ignore[arg-type]
            except (AlreadyExistsError, PreconditionError):
                return False
            except FileNotFoundError as error:
                # It was to be replaced, but somebody removed it.
                self._require_bucket(error)
                return False
        return True

    def upload(self, name: str, source: Path) -> None:
        """Put the file at `source` into the lake, in bounded memory, whatever its size."""
        with source.open("rb") as file, self._said("written"):
            obstore.put(
                self._store, name, file, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE
            )

    @contextmanager
    def opened(self, name: str) -> Iterator[Iterator[bytes]]:
        """The content of a file, in blocks; `LakeError` if it is missing."""
        with self._said("read"):
            try:
                found = obstore.get(self._store, name)
            except FileNotFoundError as error:
                self._require_bucket(error)
                raise self.missing(name) from None
        yield self._blocks(found.stream(BLOCK_BYTES))

    def size(self, name: str) -> int | None:
        """The size of a file in bytes; None if there is none."""
        with self._said("read"):
            try:
                return obstore.head(self._store, name)["size"]
            except FileNotFoundError as error:
                self._require_bucket(error)
        return None

    def entries(self, folder: str) -> Iterator[Entry]:
        """All files below a folder, at any depth, in no order."""
        with self._said("read"):
            for found in obstore.list(self._store, folder or None, chunk_size=1000):
                for each in found:
                    yield Entry(each["path"], each["size"], each["last_modified"])

    def folders(self, folder: str) -> list[str]:
        """The names of the folders right below a folder, in order."""
        with self._said("read"):
            found = obstore.list_with_delimiter(self._store, folder or None)
            return sorted(PurePosixPath(path).name for path in found["common_prefixes"])
        return []

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, if they are there."""
        with self._said("written"):
            if paths := list(names):
                obstore.delete(self._store, paths)

    def _blocks(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        with self._said("read"):
            yield from blocks

    @property
    def endpoint(self) -> str:
        """The address of the store, if the environment names one; it contains no secret."""
        return next(
            (os.environ[name] for name in ENDPOINT_VARIABLES[self.scheme] if os.environ.get(name)),
            "",
        )

    @property
    def uses_http(self) -> bool:
        """Whether the connection is not encrypted, as its address says."""
        return self.endpoint.startswith("http://")

    def let_duckdb_reach(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let `connection` read and write what is below `uri()`.

        DuckDB's own way takes keys, and only for S3. With any other credentials, and in any other
        store, it reads and writes through obstore.
        """
        if self.scheme == "s3" and os.environ.get("AWS_SECRET_ACCESS_KEY"):
            load_extension(connection, "httpfs")
            connection.execute(self._s3_secret())
        else:
            scheme: Any = self.scheme
            options = client_options(allows_http=self.uses_http)
            connection.register_filesystem(FsspecStore(scheme, client_options=options))

    def _s3_secret(self) -> str:
        """The statement that gives DuckDB the keys of the environment: to be run, not shown."""
        values = {
            "key_id": os.environ.get("AWS_ACCESS_KEY_ID"),
            "secret": os.environ.get("AWS_SECRET_ACCESS_KEY"),
            "session_token": os.environ.get("AWS_SESSION_TOKEN"),
            "scope": self.location,
        }
        options = [f"{name} {literal(value)}" for name, value in values.items() if value]
        options += [*self._region_options(), *self._endpoint_options()]
        return f"create or replace secret woopra_lake (type s3, {', '.join(options)})"

    def duckdb_statements(self) -> list[str]:
        """Extensions, and a secret that takes the credentials of the environment or the machine.

        For `gs://`, DuckDB knows no such secret: its user has to make one.
        """
        options = [*self._endpoint_options(), f"scope {literal(self.location)}"]
        if self.scheme == "s3":
            options = ["type s3", "provider credential_chain", *self._region_options(), *options]
            extensions = ["httpfs", "aws"]
        elif self.scheme == "az":
            options = ["type azure", "provider credential_chain", f"scope {literal(self.location)}"]
            extensions = ["azure"]
        else:
            return ["-- make a secret of type gcs first\ninstall httpfs", "load httpfs"]
        return [
            *(f"{verb} {name}" for name in extensions for verb in ("install", "load")),
            f"create or replace secret woopra_lake ({', '.join(options)})",
        ]

    def _region_options(self) -> list[str]:
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        return [f"region {literal(region)}"] if region else []

    def _endpoint_options(self) -> list[str]:
        if not self.endpoint:
            return []
        parts = urlsplit(self.endpoint)
        return [
            f"endpoint {literal(parts.netloc + parts.path.rstrip('/'))}",
            "url_style 'path'",
            f"use_ssl {str(parts.scheme == 'https').lower()}",
        ]

    def _check_endpoint(self) -> None:
        if not (endpoint := self.endpoint):
            return
        parts = urlsplit(endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise ConfigurationError(
                f"{' or '.join(ENDPOINT_VARIABLES[self.scheme])} is not the address of a store: "
                "write it as https://HOST:PORT, without user and password"
            )

    def _require_bucket(self, error: FileNotFoundError) -> None:
        """Raise `LakeUnreachableError` if the whole bucket is missing."""
        if code(str(error)) in NO_BUCKET:
            raise self._error("read", str(error)) from None

    @contextmanager
    def _said(self, done: str) -> Iterator[None]:
        """Raise `LakeUnreachableError` in place of any error of obstore.

        Such an error may quote a store's answer, which can contain keys. So it is never shown.
        """
        try:
            yield
        except (BaseError, ValueError) as error:
            raise self._error(done, str(error)) from None

    def _error(self, done: str, text: str) -> LakeUnreachableError:
        reason, advice = "it cannot be reached", f"check the network and {self._variables()}"
        status = re.search(r"status code: (\d{3} [A-Za-z ]+)", text)
        if code(text) in NO_BUCKET:
            reason, advice = f"there is no {self.bucket}", f"make it, or correct {LAKE_VARIABLE}"
        elif status and status[1][:3] in {"401", "403"}:
            reason = " ".join(["it refuses access:", status[1], code(text)]).strip()
            advice = f"check {CREDENTIALS[self.scheme]}"
        elif status:
            reason = " ".join(["it answers", status[1], code(text)]).strip()
            advice = "try again later"
        return LakeUnreachableError(
            f"The lake {self.location} cannot be {done}, {reason}: {advice}"
        )

    def _variables(self) -> str:
        return f"{ENDPOINT_VARIABLES[self.scheme][0]}, {CREDENTIALS[self.scheme]}"


def code(text: str) -> str:
    """The code of a store's answer within a text, such as `NoSuchKey`; empty if there is none."""
    found = re.search(r"<Code>(\w{1,100})</Code>", text)
    return found[1] if found else ""


NO_BUCKET = {"NoSuchBucket", "ContainerNotFound"}

ENDPOINT_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}

CREDENTIALS: Mapping[str, str] = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}


def client_options(*, allows_http: bool) -> "ClientConfig":
    """How obstore is to talk to a store; unencrypted only if its endpoint says so."""
    return {
        "allow_http": allows_http,
        # An upload or download of gigabytes may take hours, as long as something moves.
        "timeout": timedelta(days=1),
        "read_timeout": timedelta(seconds=SILENCE_SECONDS),
        "connect_timeout": timedelta(seconds=10),
    }
