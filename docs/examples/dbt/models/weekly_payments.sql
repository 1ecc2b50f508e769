-- A report of the model. Its macro looks for its tables where the search path leads.
-- dbt cannot see which, so they are named here: depends_on: {{ source('woopra', 'actions') }}
{{ config(pre_hook="set search_path = 'mine.main,woopra.main'") }}
select period, people, visits, actions
from woopra.trend('payment', grain := 'week')
