"""The Live run tab: the state of a run, its curves, its actions, its verdict."""
