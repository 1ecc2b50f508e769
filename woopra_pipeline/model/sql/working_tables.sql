-- The working tables of an update: the days it adds, and from which line on; the pids whose delete
-- lines change (redeleted); the pids with lines in the model that are voided, live again or are
-- removed (disturbed), those of them that lose lines (thinned), and those that get new lines
-- (grown); the delete lines that void other rows than before (revoiding), and those after which a
-- path goes on in another way (changed steps); the actions and profiles that lived before and are
-- voided, removed or replaced (departed), and the earlier lines that live again (revived).
--
-- Makes: added_days, changed_steps, departed_actions, departed_profiles, disturbed_pids, grown_pids,
--     redeleted_pids, revived_lines, revoiding_deletes, thinned_pids.

create or replace temp table added_days (log_day date, first_line integer);
create or replace temp table redeleted_pids (pid varchar);
create or replace temp table disturbed_pids (pid varchar);
create or replace temp table thinned_pids (pid varchar);
create or replace temp table grown_pids (pid varchar);
create or replace temp table revoiding_deletes (log_position bigint);
create or replace temp table changed_steps (log_position bigint, is_extension boolean);
create or replace temp table revived_lines (log_position bigint);
create or replace temp table departed_actions (
    event varchar, log_day date, log_line integer, occurred_at timestamptz, properties json
);
create or replace temp table departed_profiles (
    pid varchar, first_seen_at timestamptz, last_seen_at timestamptz, properties json
);
