"""Makes control characters visible, so that text from outside cannot control a terminal or a log.

Woopra's lines, the answers of a server and the rows of a source may hold any character. A terminal
obeys some of them (ESC sequences, C1 controls), and some reverse the direction of text.
"""

_CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
_DIRECTIONS = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_LINE_BREAKS = [0x2028, 0x2029]
_ESCAPES = {
    code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    for code in (*_CONTROLS, *_DIRECTIONS, *_LINE_BREAKS)
}
_ESCAPES_KEEPING_LINES = {code: text for code, text in _ESCAPES.items() if chr(code) not in "\n\t"}


def is_utf8(text: str) -> bool:
    """Whether `text` can be encoded: bytes that are not UTF-8 arrive as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def visible(text: str, *, keep_lines: bool = False) -> str:
    r"""`text` with every control character as an escape: ESC becomes the four characters `\x1b`.

    With `keep_lines`, newlines and tabs stay.
    """
    return text.translate(_ESCAPES_KEEPING_LINES if keep_lines else _ESCAPES)
