"""Builds `woopra.duckdb` from the parsed days: one profile a person, each action counted once.

This package has the rules of the log (R1 to R7) as SQL. It updates the model to the parsed days on
disk, publishes it, and opens it for readers. How a line is read belongs to `parse`.
"""
