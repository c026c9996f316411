"""The methods benchmark: which runs are compared, how they are run, and the tables made of them."""
