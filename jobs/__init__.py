"""The queue of runs: a durable ledger, a doorbell, and workers that supervise one process per run."""
