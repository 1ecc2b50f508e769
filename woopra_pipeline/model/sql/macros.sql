-- The packing of a log position, as in woopra/log_days.py, and the kinds of JSON values (R11).
--
-- Makes: is_integer_text, json_as_text, log_day, log_line, log_position, seen_time, text_kind,
--     time_in_reach, time_of_text, value_kind.

create macro log_position(log_day, log_line) as
    ((log_day - date '1970-01-01')::bigint << 32) | log_line::bigint;

create macro log_day(log_position) as
    date '1970-01-01' + (log_position >> 32)::integer;

create macro log_line(log_position) as
    (log_position & 4294967295)::integer;

-- A JSON value as plain text: a string without its quotes, null as NULL, anything else as written.
create macro json_as_text(value) as
    case
        when value::varchar = 'null' then null
        when starts_with(value::varchar, '"') then value ->> '$'
        else value::varchar
    end;

-- R3: a time of 0 or below is not used for first or last seen.
create macro seen_time(instant) as
    case when instant > to_timestamp(0) then instant end;

create macro is_integer_text(text) as
    regexp_full_match(text, '-?(0|[1-9][0-9]*)') and try_cast(text as bigint) is not null;

create macro time_in_reach(instant) as
    case
        when instant >= timestamptz '0001-01-01 00:00:00+00'
            and instant < timestamptz '10000-01-01 00:00:00+00'
            then instant
    end;

-- ISO 8601 with date, time and offset; NULL for other texts, or outside of the years 1 to 9999.
create macro time_of_text(text) as
    case
        when regexp_full_match(
            text,
            '[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?'
            || '(Z|[-+]([01][0-9]|2[0-3])(:?[0-5][0-9])?)'
        ) then time_in_reach(
            try_cast(
                case
                    when substr(text, 17, 1) = ':' then text
                    else left(text, 16) || ':00' || substr(text, 17)
                end as timestamptz
            )
        )
    end;

create macro text_kind(text) as
    case
        when text in ('true', 'false') then 'boolean_text'
        -- For most texts, the decision is made here, without reading their other characters.
        when text = '' or not left(text, 1) between '-' and '9' then 'text'
        when is_integer_text(text) then 'integer_text'
        when regexp_full_match(text, '-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?')
            then 'number_text'
        when time_of_text(text) is not null then 'time_text'
        else 'text'
    end;

-- R11: the kind of a JSON value, as far as it matters for the type of a column.
create macro value_kind(value) as
    case
        when value is null or value::varchar = 'null' then 'null'
        when value::varchar in ('true', 'false') then 'boolean'
        when starts_with(value::varchar, '"') then text_kind(json_as_text(value))
        when starts_with(value::varchar, '{') then 'object'
        when starts_with(value::varchar, '[') then 'array'
        when is_integer_text(value::varchar) then 'integer'
        else 'number'
    end;
