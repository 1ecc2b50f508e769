-- Delete lines, with the end of their paths (R4).
--
-- Reads: log.merges.
-- Makes: profile_merges.

create view profile_merges as
select * exclude (onward_position, hops, path_first, path_last, log_position)
from log.merges;
