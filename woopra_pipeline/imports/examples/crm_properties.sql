-- Properties of people from a CRM's nightly export, a CSV file: profile updates.
--
-- Expects crm.csv beside this file (imports/sources/crm.csv in the data directory):
--     email,plan,seats,account_manager
--     ada@example.com,pro,12,Grace
--
-- Its only column is `visitor`, so these are profile updates. Its keys are the properties to set;
-- at least one of them must be an identifier, here the email. Only visitors whose values differ
-- from the last ones that were accepted are sent, so the whole file can be read every night.

with
    numbered_rows as (
        select *, row_number() over () as number
        from read_csv('crm.csv', header = true)
    )
select
    -- An empty cell is NULL, and would set the property to null. Merging it into an empty object
    -- leaves it out, so Woopra keeps the value that it has.
    json_merge_patch(
        '{}',
        to_json(
            {
                'email': lower(trim(email)),
                'plan': plan,
                'seats': seats,
                'account manager': account_manager
            }
        )
    ) as visitor
from numbered_rows
where email is not null
-- One row for each visitor: the last one in the file.
qualify row_number() over (partition by lower(trim(email)) order by number desc) = 1;
