"""Training: the one loop, its optimiser and schedule, and the frozen views it may compare with."""
