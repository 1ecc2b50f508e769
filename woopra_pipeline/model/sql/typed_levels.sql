-- If more values are kept than necessary, removes a part of them.
--
-- Reads: log.typed_properties, log.typed_values.
-- Writes: log.typed_properties, log.typed_values.

update log.typed_properties as known
set level = level + ceil(log2(kept.value_count / (2 * getvariable('most_distinct'))))::integer
from (
    select relation, key, count(*) as value_count
    from log.typed_values
    group by relation, key
    having count(*) > 4 * getvariable('most_distinct')
) as kept
where known.relation = kept.relation and known.key = kept.key;

delete from log.typed_values
using log.typed_properties as known
where typed_values.relation = known.relation
    and typed_values.key = known.key
    and typed_values.digest % (1::ubigint << known.level) <> 0;
