-- All visits and actions of this project, each once and under its person, for a new project: visits.
--
-- Reads the model, and is the second half of a move; import move_profiles before it. Visits are the
-- same if their content is the same. So import once, while the model does not change: after later
-- merges, visits that were moved would look like new ones.
--
-- Its columns visitor and actions mean that these are visits. Every other column becomes a field of
-- the visit, with Woopra's name; NULL values are left out.

with
    timed_actions as (
        select
            log_day,
            log_line,
            action_index,
            name,
            epoch_ms(occurred_at) as time,
            duration,
            coalesce(properties, '{}') as properties
        from actions
        where occurred_at is not null
            and name <> ''
    ),
    actions_of_visits as (
        select
            log_day,
            log_line,
            list(
                case
                    when duration is null
                        then to_json({'name': name, 'time': time, 'properties': properties})
                    else to_json(
                        {
                            'name': name,
                            'time': time,
                            'duration': duration,
                            'properties': properties
                        }
                    )
                end
                order by action_index
            ) as actions
        from timed_actions
        group by log_day, log_line
    )
select
    json_object('cookie', visits.pid) as visitor,
    coalesce(actions_of_visits.actions, []) as actions,
    epoch_ms(started_at) as time,
    duration,
    continent,
    country,
    region,
    city,
    post,
    lat,
    lng,
    timezone,
    utc_offset as offset,
    ip,
    org,
    domain,
    browser,
    os,
    device,
    screen,
    resolution,
    language,
    referrer_type as referrertype,
    referrer_query as referrerquery,
    referrer_url as referrerurl,
    landing_page as landingpage
from visits
left join actions_of_visits using (log_day, log_line)
where started_at is not null
order by started_at, visits.log_day, visits.log_line;
