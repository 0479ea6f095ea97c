"""What makes the ledger, one file an experiment; ``python -m experiments NAME`` runs it.

Each experiment is a function of :class:`experiments.runs.Runs`, which remembers what takes long, so
that an experiment that was stopped goes on where it was, and of a :class:`experiments.plan.Plan`,
the data and the budget. It returns the results of its entry. What is chosen is chosen on a
validation part; the one exception, the original post's rule, is called ``peeking``.
"""
