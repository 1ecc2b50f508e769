-- The properties of the living rows with their columns, and what their values are (R11).
--
-- Reads: log.typed_columns, log.typed_properties, log.typed_relations, log.typed_values.
-- Makes: property_types.

create view property_types as
with
    digests as (
        select relation, key, count(*) as kept_count
        from log.typed_values
        group by relation, key
    ),
    counted as (
        select
            properties.*,
            row_count - null_count as value_count,
            boolean_text_count + integer_text_count + number_text_count + time_text_count
                + text_count as string_count,
            case
                when level > 0 then 100
                else least(coalesce(kept_count, 0), 100)
            end as distinct_count
        from log.typed_properties as properties
        left join digests using (relation, key)
    )
select
    relations.event,
    counted.key,
    case when columns.place is not null then relations.name end as relation_name,
    columns.name as column_name,
    columns.type,
    coalesce(columns.is_pinned, false) as is_pinned,
    value_count,
    case when columns.place is not null then distinct_count end as distinct_count,
    case when columns.place is not null then first_seen_at end as first_seen_at,
    case when columns.place is not null then last_seen_at end as last_seen_at,
    null_count,
    boolean_count,
    integer_count + number_count as number_count,
    string_count,
    object_count,
    array_count,
    case
        when not coalesce(columns.is_pinned, false) then 0
        when columns.type = 'BOOLEAN' then value_count - boolean_count - boolean_text_count
        when columns.type = 'BIGINT' then value_count - integer_count - integer_text_count
        when columns.type = 'DOUBLE' then value_count - integer_count - number_count
            - integer_text_count - number_text_count
        when columns.type = 'TIMESTAMPTZ' then value_count - time_text_count
        else 0
    end as misfit_count
from counted
join log.typed_relations as relations using (relation)
left join log.typed_columns as columns using (relation, key);
