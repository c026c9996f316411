"""What the studio says in German: the classes of `studio.words`, with the same attributes."""
