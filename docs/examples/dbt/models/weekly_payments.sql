-- A report of the model. Its macro looks for its tables where the search path leads.
{{ config(pre_hook="set search_path = 'mine.main,woopra.main'") }}
select period, people, visits, actions
from woopra.trend('payment', grain := 'week')
