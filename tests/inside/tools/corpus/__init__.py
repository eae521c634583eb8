"""Statements with the verdict that the contract shall reach, over a schema that has everything real ones have.

`schema/` has the tables with a few rows, `budgets.toml` their sizes in production, `statements/` the statements by
area. `known.toml` lists the verdicts that are wrong today: the tests compare it exactly, so that an improvement is
taken off and a regression fails. `python -m inside.tools.corpus --write`, in a render with these tests, renews it.

Each file of `schema/` is applied by itself. One that the contract cannot take a large table for is left out, and is a
wrong verdict by itself; the statements over its tables then fail as well.
"""
