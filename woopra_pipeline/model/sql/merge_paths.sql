-- Each delete line's next step on its path (R4): the first delete of its target after it.

create or replace temp table merge_paths as
select
    deletes.log_position,
    onward.log_position as onward,
    deletes.new_id as end_pid,
    (deletes.new_id is not null)::integer as hops
from log.deletes as deletes
asof left join log.deletes as onward
    on deletes.new_id = onward.pid and deletes.log_position < onward.log_position;
