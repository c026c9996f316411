"""The speed benchmark: what Evenkeel does against the official loops and the machine's limit."""
