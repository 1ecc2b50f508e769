"""The names of all that can go wrong, by where it strikes: each can be switched off by its name."""

DOWNLOADS = {
    "reset": "the connection breaks in the middle of the body",
    "short": "fewer bytes come than the Content-Length announces",
    "chunks-cut": "a chunked body lacks its last chunk",
    "gzip-cut": "a gzip body lacks its end",
    "cut-in-line": "a body that ends with the connection is cut within a line",
    "cut-at-line": "a body that ends with the connection is cut where a line ends",
    "unavailable": "500, 502, 503 or 504",
    "busy": "429 with a Retry-After",
    "missing": "404, although there is a file",
    "unauthorized": "401, although the credentials are right",
    "echo": "400, and the answer repeats the request, Authorization header included",
    "web-page": "200 with a web page",
    "json-error": "200 with an error in JSON",
    "slow": "half a second passes before the answer",
    "late": "a day's file is not there before some requests were made for it",
    "versions": "a day's file has other contents first",
}
"""What can happen to a request of the export."""

IMPORTS = {
    "answer-lost": "it is imported, and the connection breaks before the answer",
    "request-lost": "the connection breaks, and nothing is imported",
    "import-unavailable": "500, and nothing is imported",
    "import-unavailable-after": "500, although it was imported",
    "import-busy": "429 or 503 with a Retry-After, and nothing is imported",
    "import-busy-after": "503 without a Retry-After, although it was imported",
    "import-unauthorized": "401, and nothing is imported",
    "import-too-large": "413 above some bytes",
    "import-web-page": "200 with a web page, and nothing is imported",
    "import-json-error": "200 with an error in JSON, and nothing is imported",
    "import-echo": "404, and the answer repeats the request, Authorization header included",
}
"""What can happen to a request of the import."""

DISKS = {
    "full-disk": "the disk is full while commands run (needs the right to mount)",
    "file-limit": "a command may write no file above some bytes",
    "damaged-parsed": "a file below parsed/ is damaged",
    "damaged-published": "woopra.duckdb or imports.duckdb is damaged",
    "damaged-build": "the private build of the model is damaged",
    "damaged-archive": "an archived file is damaged",
    "damaged-manifest": "a manifest of the archive is cut off",
    "lost-files": "the model, the parsed days or the published imports are gone",
    "lost-ledger": "the ledger of the imports is gone",
}
"""What can happen to the files."""

KILLS = {"kill": "a process is killed with kill -9, all of its group"}

FAULTS = DOWNLOADS | IMPORTS | DISKS | KILLS
