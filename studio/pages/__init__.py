"""The six places of the studio, one file each."""
