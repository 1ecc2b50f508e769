-- The calendar of the reports: days and periods of a given time zone, not of the session's.
--
-- The day of a time is found by its quarter of an hour, because offsets of all time zones today are
-- multiples of a quarter. A year has 35,000 quarters, so the calendar is used 35,000 times, however
-- many actions there are.
--
-- Reads: log_days.
-- Makes: day_starts_at, has_time, period_after, period_of, place_in_time, quarter_hour,
--     quarter_hours.

-- Times of zero and below are not used (R3).
create or replace macro has_time(instant) as
    instant > make_timestamptz(0);

-- One number that sorts actions by time, and at the same time by their place in the log: 58 bits of
-- microseconds (until the year 9,000), 48 of the log position, 20 of the place in a visit.
create or replace macro place_in_time(instant, log_day, log_line, action_index) as
    (epoch_us(instant)::hugeint << 68)
        + (log_position(log_day, log_line)::hugeint << 20)
        + action_index;

create or replace macro quarter_hour(instant) as
    epoch_ms(instant) // 900000;

-- The first instant of a day. If clocks go back at midnight, it comes twice.
create or replace macro day_starts_at(first_of, tz) as
    case
        when timezone(tz, timezone(tz, first_of::timestamp) - interval 1 hour)::date = first_of
            then timezone(tz, first_of::timestamp) - interval 1 hour
        else timezone(tz, first_of::timestamp)
    end;

-- The first day of the period that a day is in; weeks begin on Monday.
create or replace macro period_of(some_day, grain) as
    date_trunc(
        case
            when grain in ('day', 'week', 'month', 'quarter', 'year') then grain
            else error(
                'the grain must be day, week, month, quarter or year, not '
                || coalesce(grain, 'NULL')
            )
        end,
        some_day
    )::date;

-- The first day of the period that many periods after another one.
create or replace macro period_after(period, number, grain) as
    (
        period + case grain
            when 'day' then to_days(number)
            when 'week' then to_days(7 * number)
            when 'month' then to_months(number)
            when 'quarter' then to_months(3 * number)
            when 'year' then to_months(12 * number)
        end
    )::date;

-- Every quarter of an hour of the days from `since` to `until`, both included, with the day and the
-- period it is in; by default of the days between the first and the last log day.
create or replace macro quarter_hours(grain, since, until, tz) as table
with
    bounds as (
        select
            coalesce(since::date, (select min(log_days.log_day) from log_days)) as first_day,
            coalesce(until::date, (select max(log_days.log_day) from log_days)) as last_day
    ),
    quarters as (
        -- No offset from UTC is a day or more.
        select
            first_day,
            last_day,
            unnest(
                range(
                    epoch(first_day - 1)::bigint // 900,
                    epoch(last_day + 2)::bigint // 900
                )
            ) as quarter
        from bounds
    ),
    local as (
        select
            quarter,
            timezone(tz, to_timestamp(quarter * 900))::date as day,
            first_day,
            last_day
        from quarters
    )
select quarter, day, period_of(day, grain) as period
from local
where day between first_day and last_day;
