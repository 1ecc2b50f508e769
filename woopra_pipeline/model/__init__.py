"""The parsed days as `woopra.duckdb`: every person one profile, every action counted once.

Here live the rules of the log (R1 to R7) as SQL, the update that brings the model in line with the
parsed days on disk, its publication, and the reading of it. How a line is read belongs to `parse`.
"""
