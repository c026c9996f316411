"""Training: the training loop, its optimiser and schedule, and the frozen views that a loss may
compare with.
"""
