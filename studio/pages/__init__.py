"""The five places of the studio, one file each."""
