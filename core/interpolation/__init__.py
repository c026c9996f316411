"""Interpolation: mixing weights or outputs of classifiers that share their starting point."""
