"""What the pages are made of; looks and behaviour of each are in `assets/studio`."""
