"""Models: the zoo, the CLIP wrapper, heads and the classifier that every method returns."""
