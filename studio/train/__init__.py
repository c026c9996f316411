"""Train: a method, its settings, the prompts, the split, and the next run."""
