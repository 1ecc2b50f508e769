-- What an update notes on its way: pids whose delete lines change, and pids whose profile may.

create or replace temp table redeleted_pids (pid varchar);
create or replace temp table touched_pids (pid varchar);
