-- The kinds of the values of each property, from added and removed rows (R11). Counts of kinds are
-- sums, so removed values are subtracted. The type follows from the sums, in whatever order the
-- days come.
--
-- If there are many different values, only those are kept whose digest ends in `level` binary
-- zeros. That is enough to know that there are more than the largest count that is shown.
--
-- Reads: changed_rows, log.typed_properties, log.typed_relations, log.typed_values.
-- Writes: log.typed_properties, log.typed_values.
-- Makes: changed_digests, changed_properties, changed_values, new_properties, reseen_properties.

create or replace temp table changed_values as
with
    entries as (
        select
            relation,
            change,
            first_at,
            last_at,
            unnest(map_entries(json_transform(properties, '"MAP(VARCHAR, JSON)"'))) as entry
        from changed_rows
        join log.typed_relations as relations
            on changed_rows.event is not distinct from relations.event
        where not is_left_out and properties is not null
    ),
    grouped as (
        select
            relation,
            entry.key as key,
            entry.value as value,
            sum(change)::bigint as change,
            min(first_at) filter (change > 0) as first_came,
            max(last_at) filter (change > 0) as last_came,
            min(first_at) filter (change < 0) as first_gone,
            max(last_at) filter (change < 0) as last_gone
        from entries
        group by all
    )
select *, value_kind(value) as kind
from grouped;

create or replace temp table changed_properties as
select
    relation,
    key,
    sum(change)::bigint as row_count,
    coalesce(sum(change) filter (kind = 'null'), 0)::bigint as null_count,
    coalesce(sum(change) filter (kind = 'boolean'), 0)::bigint as boolean_count,
    coalesce(sum(change) filter (kind = 'boolean_text'), 0)::bigint as boolean_text_count,
    coalesce(sum(change) filter (kind = 'integer'), 0)::bigint as integer_count,
    coalesce(sum(change) filter (kind = 'number'), 0)::bigint as number_count,
    coalesce(sum(change) filter (kind = 'integer_text'), 0)::bigint as integer_text_count,
    coalesce(sum(change) filter (kind = 'number_text'), 0)::bigint as number_text_count,
    coalesce(sum(change) filter (kind = 'time_text'), 0)::bigint as time_text_count,
    coalesce(sum(change) filter (kind = 'text'), 0)::bigint as text_count,
    coalesce(sum(change) filter (kind = 'object'), 0)::bigint as object_count,
    coalesce(sum(change) filter (kind = 'array'), 0)::bigint as array_count,
    min(first_came) filter (kind <> 'null') as first_came,
    max(last_came) filter (kind <> 'null') as last_came,
    min(first_gone) filter (kind <> 'null') as first_gone,
    max(last_gone) filter (kind <> 'null') as last_gone,
    count(*) filter (kind <> 'null') as different_count
from changed_values
group by relation, key;

create or replace temp table new_properties as
select relation, key
from changed_properties
anti join log.typed_properties using (relation, key);

-- If the first or the last value was removed, the next one is searched in the rows.
create or replace temp table reseen_properties as
select relation, key
from changed_properties as changed
join log.typed_properties as known using (relation, key)
where changed.first_gone <= known.first_seen_at or changed.last_gone >= known.last_seen_at;

update log.typed_properties as known
set
    row_count = known.row_count + changed.row_count,
    null_count = known.null_count + changed.null_count,
    boolean_count = known.boolean_count + changed.boolean_count,
    boolean_text_count = known.boolean_text_count + changed.boolean_text_count,
    integer_count = known.integer_count + changed.integer_count,
    number_count = known.number_count + changed.number_count,
    integer_text_count = known.integer_text_count + changed.integer_text_count,
    number_text_count = known.number_text_count + changed.number_text_count,
    time_text_count = known.time_text_count + changed.time_text_count,
    text_count = known.text_count + changed.text_count,
    object_count = known.object_count + changed.object_count,
    array_count = known.array_count + changed.array_count,
    first_seen_at = least(known.first_seen_at, changed.first_came),
    last_seen_at = greatest(known.last_seen_at, changed.last_came)
from changed_properties as changed
where known.relation = changed.relation and known.key = changed.key;

insert into log.typed_properties by name
select
    * exclude (first_came, last_came, first_gone, last_gone, different_count),
    first_came as first_seen_at,
    last_came as last_seen_at,
    -- If there are very many, most of them need not be read.
    floor(log2(greatest(1, different_count / (16 * getvariable('most_distinct')))))::integer
        as level
from changed_properties
semi join new_properties using (relation, key);

create or replace temp table changed_digests as
select relation, key, hash(json_as_text(value)) as digest, sum(change)::bigint as change
from changed_values
join log.typed_properties using (relation, key)
where kind <> 'null' and digest % (1::ubigint << level) = 0
group by all
having sum(change) <> 0;

update log.typed_values as known
set value_count = known.value_count + changed.change
from changed_digests as changed
where known.relation = changed.relation
    and known.key = changed.key
    and known.digest = changed.digest;

insert into log.typed_values
select relation, key, digest, change
from changed_digests
anti join log.typed_values using (relation, key, digest);

delete from log.typed_values
where value_count = 0;

delete from log.typed_properties
where row_count = 0;
