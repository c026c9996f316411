"""What `evenkeel bench speed` measures of the whole: page, worker and ledger together."""
