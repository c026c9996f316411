"""Jobs: the ledger, the doorbell, the worker, and the evaluator that answers while one waits."""
