"""The soak: runs under random faults, compared with the same runs left in peace."""
