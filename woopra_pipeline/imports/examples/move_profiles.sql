-- All profiles of this project, as merged today, for a new project: profile updates.
--
-- Reads the model, and is the first half of a move; move_visits is the other. Give the new project
-- a data directory of its own with a copy of this one's woopra.duckdb, and import both there, once,
-- for any day. If the import is interrupted, the same command carries on.

select
    -- The pid is sent as the cookie: it also identifies people of whom nothing else is known, and
    -- the visits find their profile by it. It replaces a profile's own property of that name.
    json_merge_patch(properties, json_object('cookie', pid)) as visitor
from profiles
order by pid;
