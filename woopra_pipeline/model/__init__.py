"""The parsed days as `woopra.duckdb`: every person one profile, every action counted once.

This package has the rules of the log (R1 to R7) as SQL. It brings the model in line with the parsed
days on disk, publishes it, and opens it for readers. How a line is read belongs to `parse`.
"""
