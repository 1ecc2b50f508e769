-- Properties with values that the pinned type cannot take; they are NULL in its column.
--
-- Reads: property_types.

select coalesce(event, 'people') as event, key, type, misfit_count, value_count
from property_types
where misfit_count > 0
order by event, key
