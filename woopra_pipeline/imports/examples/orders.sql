-- Orders of a shop's data warehouse, Parquet files: events.
--
-- Expects orders/*.parquet in the data directory, with the columns
--     order_id, email, ordered_at (TIMESTAMPTZ), amount (DECIMAL), currency
--
-- The columns visitor, name and time, and properties if there are any, make it events. They are
-- grouped into visits for each visitor. An event is the same if visitor, name, time and properties
-- are: so it does no harm to look back a week each night, and orders that came late into the
-- warehouse are found; they are sent alone, in a visit of their own.

select
    {'email': lower(trim(email))} as visitor,
    'order' as name,
    -- Woopra wants UNIX milliseconds.
    epoch_ms(ordered_at) as time,
    {'order id': order_id, 'amount': amount, 'currency': currency} as properties
from read_parquet('orders/*.parquet')
where epoch_ms(ordered_at) >= $day_start_ms - 7 * 86400000
    and epoch_ms(ordered_at) < $day_end_ms;
