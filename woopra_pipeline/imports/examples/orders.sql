-- Orders of a shop's data warehouse, Parquet files: events.
--
-- Expects orders/*.parquet in the data directory, with the columns
--     order_id, email, ordered_at (TIMESTAMPTZ), amount (DECIMAL), currency
--
-- Its columns visitor, name, time and (optionally) properties mean that these are events. They are
-- grouped into visits for each visitor. Events are the same if visitor, name, time and properties
-- are the same. So it does no harm to look back a week each night, to find orders that came late
-- into the warehouse. These are sent alone, in a visit of their own.

select
    {'email': lower(trim(email))} as visitor,
    'order' as name,
    -- Woopra wants UNIX milliseconds.
    epoch_ms(ordered_at) as time,
    {'order id': order_id, 'amount': amount, 'currency': currency} as properties
from read_parquet('orders/*.parquet')
where epoch_ms(ordered_at) >= $day_start_ms - 7 * 86400000
    and epoch_ms(ordered_at) < $day_end_ms;
