"""Forgetting persons: who was erased, what of the log is theirs, and that it is gone (R10).

- `persons`: which lines an erasure takes, and these lines overwritten in place
- `rejected`: what a line that could not be read names
- `digests`: keyed digests of what persons were known by, and of what their lines said
- `merges`: which pids are one person, as the delete lines have it
- `register`: who was erased, kept without the identifiers themselves
- `settling`: the files of the log brought in line with the register, before every update
- `plan`: whom an identifier leads to, and what an erasure of them takes
- `erasing`: an erasure from end to end
- `verification`: a search for what was erased in every file below the data directory

What the tables of the model mean belongs to `model`, what is sent to Woopra to `imports`.
"""
