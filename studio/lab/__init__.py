"""The robustness lab: one file per panel, and the base of panels."""
