"""Visitors, the owner and guests: their login and their limits."""
