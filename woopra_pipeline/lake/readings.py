"""Reads a text as a value of a type (R11), in SQL that all engines of the lake understand.

Each function takes the SQL of a text and returns the SQL of its value, which is NULL if the text is
no such value. The SQL has no backslash, because engines read it differently. To match a whole text,
it compares the text with the part that matches at its beginning, because engines also differ in
what the end of a text is.
"""

INTEGER = "-?(0|[1-9][0-9]*)"
NUMBER = f"{INTEGER}([.][0-9]+)?([eE][-+]?[0-9]+)?"
TIME = (
    "[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?"
    "(Z|[-+]([01][0-9]|2[0-3])(:?[0-5][0-9])?)"
)

DAY, HOUR, MINUTE, SECOND = 86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000
"""In microseconds."""
FIRST_MOMENT, NEXT_MOMENT = -62_135_596_800_000_000, 253_402_300_800_000_000
"""The years 1 to 9999, in microseconds since 1970."""


def boolean(text: str) -> str:
    """True or false, as JSON writes them."""
    return f"case {text} when 'true' then true when 'false' then false end"


def integer(text: str) -> str:
    """An integer of 64 bits, as JSON writes it."""
    return f"case when {_is(INTEGER, text)} then try_cast({text} as bigint) end"


def double(text: str) -> str:
    """A number, as JSON writes it; what is too large is infinity."""
    return f"case when {_is(NUMBER, text)} then try_cast({text} as double) end"


def moment(text: str) -> str:
    """ISO 8601 with date, time and offset, of the years 1 to 9999."""
    micros = _micros(text)
    return (
        f"case when {_is(TIME, text)} and {micros} >= {FIRST_MOMENT} and {micros} < {NEXT_MOMENT} "
        f"then timestamp_micros({micros}) end"
    )


def _is(pattern: str, text: str) -> str:
    return f"{text} <> '' and regexp_extract({text}, '^{pattern}', 0) = {text}"


def _micros(text: str) -> str:
    """The microseconds since 1970, of a text that looks like a time."""
    rest = f"substr({text}, 17)"
    seconds = f"case when substr({rest}, 1, 1) = ':' then substr({rest}, 2, 2) end"
    fraction = f"rpad(regexp_extract({rest}, '[.]([0-9]{{1,6}})', 1), 6, '0')"
    hours = f"regexp_extract({rest}, '[-+]([0-9][0-9])', 1)"
    minutes = f"regexp_extract({rest}, '[-+][0-9][0-9]:?([0-9][0-9])', 1)"
    sign = f"case when instr({rest}, '-') > 0 then 1 else -1 end"
    return (
        f"(cast(unix_date(try_cast(substr({text}, 1, 10) as date)) as bigint) * {DAY}"
        f" + {_number(f'substr({text}, 12, 2)')} * {HOUR}"
        f" + {_number(f'substr({text}, 15, 2)')} * {MINUTE}"
        f" + {_number(seconds)} * {SECOND} + {_number(fraction)}"
        f" + {sign} * ({_number(hours)} * {HOUR} + {_number(minutes)} * {MINUTE}))"
    )


def _number(text: str) -> str:
    return f"coalesce(try_cast({text} as bigint), 0)"
