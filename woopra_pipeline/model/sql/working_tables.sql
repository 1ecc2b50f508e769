-- What an update notes on its way: the days it adds, and from which line on; the pids whose delete
-- lines change, the pids of which lines that were in the model die, revive or go (disturbed), those of
-- them that lose lines altogether (thinned), those that get new lines (grown), the delete lines that
-- kill other rows than before, and those from which a path leads on elsewhere than before.

create or replace temp table added_days (log_day date, first_line integer);
create or replace temp table redeleted_pids (pid varchar);
create or replace temp table disturbed_pids (pid varchar);
create or replace temp table thinned_pids (pid varchar);
create or replace temp table grown_pids (pid varchar);
create or replace temp table changed_kills (log_position bigint);
create or replace temp table changed_steps (log_position bigint, is_extension boolean);
