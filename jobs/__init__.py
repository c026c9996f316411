"""Jobs: the ledger, the queue, the workers, and the evaluator that answers the page."""
