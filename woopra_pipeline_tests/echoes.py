"""Answers of a server that repeats the credentials it was sent, and how to see what is left."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import quote

from woopra_pipeline_tests.scripted_server import Answer, raw, whole

KEY = "s3cr3t-k3y"
PAIR = f"APP17:{KEY}"
NOTATIONS = [
    KEY,
    b64encode(PAIR.encode()).decode(),
    urlsafe_b64encode(KEY.encode()).decode().rstrip("="),
    "".join(f"%{ord(character):02x}" for character in KEY),
]
LONGEST_REST = 6

ECHO = f"Basic {NOTATIONS[1]} ({KEY}; {NOTATIONS[2]}; {NOTATIONS[3]}; {quote(PAIR)})"
ESCAPE = b"\x1b[2J"


def echoing_answers(status: int = 200) -> dict[str, Answer]:
    """One for each place of an answer in which the credentials may come back."""
    echo = ECHO.encode()
    ok = b"HTTP/1.1 %d OK\r\n" % status
    end = b"\r\nContent-Length: 3\r\n\r\n{}\n"
    return {
        "status line that is none": raw(b"HTP " + echo + ESCAPE + end),
        "status line cut within it": raw(b"HTP " + echo[:20]),
        "reason phrase": raw(b"HTTP/1.1 %d " % status + echo + end),
        "header that is none": raw(ok + echo + ESCAPE + end),
        "kept header": raw(ok + b"ETag: " + echo + end),
        "name of a header": raw(ok + KEY.encode() + b": 1" + end),
        "encoding": raw(ok + b"Content-Encoding: " + echo + end),
        "length": raw(ok + b"Content-Length: " + echo + b"\r\n\r\n"),
        "transfer encoding": raw(ok + b"Transfer-Encoding: " + echo + b"\r\n\r\n"),
        "chunk": raw(ok + b"Transfer-Encoding: chunked\r\n\r\n" + echo + b"\r\n"),
        "gzip": whole(echo, status, {"Content-Encoding": "gzip"}),
        "wait": whole(b"", 429, {"Retry-After": ECHO}),
        "cookie": whole(b"{}\n", status, {"Set-Cookie": f"{ECHO}={ECHO}; expires={ECHO}"}),
        "position": whole(b"{}\n", status, {"X-Woopra-Pos": ECHO}),
        "redirect to a path": whole(b"", 302, {"Location": f"/{ECHO}"}),
        "redirect to a host": whole(b"", 302, {"Location": f"http://{KEY}.example/"}),
        "redirect to a user": whole(b"", 302, {"Location": f"http://{PAIR}@x.example/"}),
        "redirect to nowhere": whole(b"", 302, {"Location": f"http://x:{KEY}/"}),
        "refusal": whole(echo + ESCAPE, 400),
        "refusal cut within it": whole(b"x" * 65_530 + echo, 400),
        "refusal in another status": whole(echo, 418),
        "broken": whole(echo, 500),
    }


def left_of_credentials(text: str) -> Iterator[str]:
    """The parts of credentials that stand in `text`, in any of the notations."""
    lower = text.lower()
    for notation in NOTATIONS:
        for start in range(len(notation) - LONGEST_REST):
            part = notation[start : start + LONGEST_REST + 1].lower()
            if part in lower:
                yield part
