"""The live run: its state, its curves, what can be done to it, and its verdict."""
