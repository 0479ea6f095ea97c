"""What makes the ledger, one file an experiment; ``python -m experiments NAME`` runs it.

Each experiment is a function that returns the results of its entry; what takes long goes through
:class:`experiments.runs.Runs`, so that an experiment that was stopped goes on where it was. What is
chosen is chosen on a validation part; the one exception, the original post's rule, is called
``peeking``.
"""
