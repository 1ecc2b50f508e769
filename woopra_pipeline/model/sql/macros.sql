-- The packing of a log position, as in woopra/log_days.py.
--
-- Makes: json_as_text, log_day, log_line, log_position.

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
