"""Erases persons from all files, and proves that their data is gone (R10).

- `persons`: which lines an erasure takes, and these lines overwritten in place
- `rejected`: the persons that a line names that could not be read
- `digests`: keyed digests of the identifiers of persons, and of the values on their lines
- `merges`: which pids are one person, by the delete lines
- `register`: who was erased, kept without the identifiers themselves
- `settling`: applies the register to the files of the log, before every update
- `plan`: which persons an identifier leads to, and what their erasure removes
- `erasing`: an erasure from end to end
- `verification`: a search for what was erased in every file below the data directory

The meaning of the model's tables belongs to `model`. What is sent to Woopra belongs to `imports`.
"""
