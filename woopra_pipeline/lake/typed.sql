-- The typed tables and the identifiers, from the public tables that `model.sql` makes: a function
-- of the days and of the users' settings (R7, R11). It is written like `model.sql`, and runs after
-- it.
--
-- Given by Python: identifier_keys; typed_events, the action names that may have a table, by number; and
-- dictionary, the rows of property_types. The tables of the events and `people` have columns that
-- follow from the dictionary. So Python writes their queries (`typed_tables.py`).
--
-- A tagged value is a JSON value as DuckDB writes it, except that a string is its characters after
-- one `"`. A JSON null is NULL.


-- IDENTIFIERS: last writes (R2) of the properties that identify somebody; an empty text identifies
-- nobody.

-- Identifiers.
-- Reads: identifier_keys, profile_properties.
create temporary view identifiers as
select
    profile_properties.key,
    profile_properties.text as value,
    profile_properties.pid,
    profile_properties.log_day,
    profile_properties.log_line
from profile_properties
semi join identifier_keys on profile_properties.key = identifier_keys.key
where profile_properties.text <> '';


-- TYPES (R11): the type of a column follows from the kinds of all its values. They are counted by kind.

-- Names of living actions, and how many have them. Python returns `typed_events`.
-- Reads: actions.
create table named_actions as
select name as event, count(*) as row_count
from actions
where name is not null
group by name;

-- Living actions with their properties taken apart, as maps from keys to tagged values; the actions
-- of one name are together.
-- Reads: actions, typed_events.
create table event_rows as
select
    typed_events.relation,
    actions.pid,
    actions.log_day,
    actions.log_line,
    actions.action_index,
    actions.occurred_at,
    {tagged_members} as members
from actions
join typed_events on actions.name = typed_events.event
order by relation;

-- Properties of profiles, with tagged values.
-- Reads: profile_properties.
create table people_values as
with
    objects as (
        select pid, key, '{"value":' || value || '}' as properties
        from profile_properties
    )
select pid, key, {tagged_members}['value'] as value
from objects;

-- All values of all properties; profiles are relation 0. Times of zero or below are not used (R3).
-- Reads: event_rows, people_values, seen.
create temporary view typed_entries as
with
    keys_of_events as (
        select
            relation,
            case when occurred_at > timestamp_seconds(0) then occurred_at end as seen_at,
            members,
            explode(map_keys(members)) as key
        from event_rows
    )
select relation, key, members[key] as value, seen_at as first_at, seen_at as last_at
from keys_of_events
union all
select 0, people_values.key, people_values.value, seen.first_seen_at, seen.last_seen_at
from people_values
join seen on people_values.pid = seen.pid;

-- The different values.
-- Reads: typed_entries.
create table typed_values as
select
    relation,
    key,
    value,
    count(*) as value_count,
    min(first_at) as first_at,
    max(last_at) as last_at
from typed_entries
group by relation, key, value;

-- The same, with the kind of each value, and its text as `->>` gives it.
-- Reads: typed_values.
create temporary view typed_kinds as
with
    plain as (
        select
            *,
            substr(value, 1, 1) as mark,
            case when substr(value, 1, 1) = '"' then substr(value, 2) else value end as plain
        from typed_values
    ),
    readings as (
        select
            *,
            {integer} is not null as is_integer,
            {double} is not null as is_number,
            {moment} is not null as is_time
        from plain
    )
select
    relation,
    key,
    value_count,
    first_at,
    last_at,
    plain as text,
    case
        when value is null then 'null'
        when mark = '{' then 'object'
        when mark = '[' then 'array'
        when mark <> '"' then case
            when plain in ('true', 'false') then 'boolean'
            when is_integer then 'integer'
            else 'number'
        end
        when plain in ('true', 'false') then 'boolean_text'
        when is_integer then 'integer_text'
        when is_number then 'number_text'
        when is_time then 'time_text'
        else 'text'
    end as kind
from readings;

-- The values of each property, counted. Python makes the dictionary from them.
-- Reads: typed_kinds.
create table typed_sums as
select
    relation,
    key,
    sum(value_count) as row_count,
    sum(case when kind = 'null' then value_count else 0 end) as null_count,
    sum(case when kind = 'boolean' then value_count else 0 end) as boolean_count,
    sum(case when kind = 'boolean_text' then value_count else 0 end) as boolean_text_count,
    sum(case when kind = 'integer' then value_count else 0 end) as integer_count,
    sum(case when kind = 'number' then value_count else 0 end) as number_count,
    sum(case when kind = 'integer_text' then value_count else 0 end) as integer_text_count,
    sum(case when kind = 'number_text' then value_count else 0 end) as number_text_count,
    sum(case when kind = 'time_text' then value_count else 0 end) as time_text_count,
    sum(case when kind = 'text' then value_count else 0 end) as text_count,
    sum(case when kind = 'object' then value_count else 0 end) as object_count,
    sum(case when kind = 'array' then value_count else 0 end) as array_count,
    min(case when kind <> 'null' then first_at end) as first_seen_at,
    max(case when kind <> 'null' then last_at end) as last_seen_at,
    count(distinct text) as distinct_count
from typed_kinds
group by relation, key;

-- The dictionary.
-- Reads: dictionary.
create temporary view property_types as
select *
from dictionary;
