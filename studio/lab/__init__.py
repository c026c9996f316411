"""The robustness lab: one file a panel, and what the panel is made of."""
