"""The people who come: the owner, visitors, guests, their login and their limits."""
