"""JSON on Spark and Sail as DuckDB reads and writes it, in SQL.

Their own functions change numbers, each in a different way. So before an object is taken apart, all
numbers become strings with a mark: `"a"` becomes `"a#"`, and 1.50 becomes `"#1.50"`. The text of a
value is put together from its tokens.
"""

_INSIDE = r'[^"\\]*(?:\\.[^"\\]*)*'
_STRING_OR_NUMBER = rf'"({_INSIDE})"|(-?[0-9][0-9.eE+-]*)'
_TOKEN = rf'"{_INSIDE}"|[^"\[\]{{}},:]+|[\[\]{{}},:]'

_PLAIN = "^-?([1-9][0-9]*[.][0-9]*[1-9]|0[.]0{0,5}[1-9]([0-9]*[1-9])?)$"
"""A number that is written as DuckDB writes it, if it has at most `_SURE_DIGITS` digits."""
_SURE_DIGITS = 15
"""A number with at most so many digits is the shortest one for its double."""
_MOST_DIGITS = 17
"""So many digits are enough for every double."""


def json_string(text: str) -> str:
    """A text as a JSON string, in SQL.

    `to_json` needs an array. Control characters are written with capitals, as DuckDB does; Sail
    does not. Escaped backslashes are replaced for that time, because the text after them is no
    control character.
    """
    written = f"substr(to_json(array({text})), 2, length(to_json(array({text}))) - 2)"
    corrected = rf"replace({written}, r'\\', chr(1))"
    for number in range(32):
        if (digits := f"{number:04x}") != digits.upper():
            corrected = rf"replace({corrected}, r'\u{digits}', r'\u{digits.upper()}')"
    corrected = rf"replace({corrected}, chr(1), r'\\')"
    return rf"case when instr({written}, r'\u00') > 0 then {corrected} else {written} end"


def tagged_members(properties: str) -> str:
    """A map from the keys of a JSON object to its values, tagged as `typed.sql` says."""
    marked = f"""regexp_replace({properties}, r'{_STRING_OR_NUMBER}', '"$1#$2"')"""
    key, value = "member.key", "member.value"
    number = f"substr({value}, 2)"
    return f"""
        map_from_entries(transform(
            map_entries(from_json({marked}, 'map<string,string>')),
            member -> named_struct(
                'key', substr({key}, 1, length({key}) - 1),
                'value', case
                    when substr({value}, -1) = '#'
                        then '"' || substr({value}, 1, length({value}) - 1)
                    when {value} in ('true', 'false') then {value}
                    when {value} = '#-0' then '0'
                    when substr({value}, 1, 1) = '#' and (
                        not {number} rlike '[.eE]'
                        or (length({value}) <= {_SURE_DIGITS} and {number} rlike '{_PLAIN}')
                    ) then {number}
                    else {_rewritten(value)}
                end
            )
        ))"""


def _rewritten(value: str) -> str:
    """The text of a number, or of an object or array with marks, as DuckDB writes it.

    A number is its sign, and 0.DIGITS times 10 to the power of its place. Each step binds names
    that the next steps use, so that no expression is written and computed several times.
    """
    number = """
        case
            when substr(each, 1, 1) = '#' then substr(each, 2)
            when substr(each, 1, 2) = '"#' and substr(each, -2) <> '#"'
                then substr(each, 3, length(each) - 3)
        end"""
    kept = {"token": "each.token", "number": "each.number"}
    # The text in the quotes, without the mark.
    string = """'"' || substr(each.token, 2, length(each.token) - 3) || '"'"""
    whole = "regexp_extract(each.number, '^-?([0-9]+)', 1)"
    fraction = "regexp_extract(each.number, '[.]([0-9]+)', 1)"
    exponent = "regexp_extract(each.number, '[eE][+]?(-?[0-9]+)', 1)"
    read = "get_json_object('{\"value\":' || each.string || '}', '$.value')"
    steps: tuple[dict[str, str], ...] = (
        {"token": "each", "number": number},
        {
            **kept,
            "string": f"case when substr(each.token, 1, 1) = '\"' then {string} end",
            "places": f"length({fraction})",
            "digits": f"regexp_extract({whole} || {fraction}, '^0*([0-9]*)$', 1)",
            "value": "try_cast(each.number as double)",
        },
        {
            **kept,
            "string": "each.string",
            "read": f"case when instr(each.string, chr(92)) > 0 then {read} end",
            "digits": "each.digits",
            "value": "each.value",
            "place": "cast(length(each.digits) - each.places as bigint) "
            f"+ coalesce(try_cast({exponent} as bigint), 0)",
        },
        {
            **kept,
            "string": "each.string",
            "read": "each.read",
            "place": "each.place",
            "value": "each.value",
            "digits": "each.digits",
            "shortest": _shortest_digits(),
        },
        {
            **kept,
            "string": "each.string",
            "read": "each.read",
            "value": "each.value",
            "digits": "regexp_replace(each.shortest, '0+$', '')",
            "place": f"each.place + case when length(each.digits) > {_SURE_DIGITS} "
            "and substr(each.digits, 1, 1) = '9' and each.shortest rlike '^10*$' "
            "then 1 else 0 end",
        },
    )
    # A number alone is a token that begins with a mark.
    tokens = f"regexp_extract_all({value}, r'{_TOKEN}', 0)"
    for step in steps:
        bound = ", ".join(f"'{name}', {bound}" for name, bound in step.items())
        tokens = f"transform({tokens}, each -> named_struct({bound}))"
    return f"""
        array_join(transform({tokens}, each -> case
            when each.number = '-0' then '0'
            when not each.number rlike '[.eE]' or abs(each.value) = double('infinity')
                then each.number
            when each.number is not null
                then case when substr(each.number, 1, 1) = '-' then '-' else '' end || {_written()}
            when each.string is null then each.token
            when each.read is null then each.string
            else {json_string("each.read")}
        end), '')"""


def _shortest_digits() -> str:
    """The fewest digits that identify the double of a number.

    For a number with more of them than needed, the last digit may not be the one DuckDB writes.
    """
    rounded = {
        count: f"cast(cast(substr(each.digits, 1, {count}) as bigint) "
        f"+ case when substr(each.digits, {count} + 1, 1) >= '5' then 1 else 0 end as string)"
        for count in range(_SURE_DIGITS, _MOST_DIGITS + 1)
    }
    cases = " ".join(
        f"when try_cast({rounded[count]} || 'e' || (each.place - {count}) as double) "
        f"= abs(each.value) then {rounded[count]}"
        for count in range(_SURE_DIGITS, _MOST_DIGITS)
    )
    return (
        f"case when length(regexp_replace(each.digits, '0+$', '')) <= {_SURE_DIGITS} "
        f"then each.digits {cases} else {rounded[_MOST_DIGITS]} end"
    )


def _written() -> str:
    """The digits with a point, or with an exponent if the point is far away."""
    count = "length(each.digits)"
    return f"""
        case
            when each.digits = '' or each.value = 0 then '0.0'
            when each.place > 21 or each.place < -5
                then substr(each.digits, 1, 1)
                    || case when {count} > 1 then '.' || substr(each.digits, 2) else '' end
                    || 'e' || (each.place - 1)
            when each.place <= 0
                then '0.' || repeat('0', cast(-each.place as int)) || each.digits
            when {count} <= each.place
                then each.digits || repeat('0', cast(each.place as int) - {count}) || '.0'
            else substr(each.digits, 1, cast(each.place as int)) || '.'
                || substr(each.digits, cast(each.place as int) + 1)
        end"""
