"""Everything a page may read of a run: records, folders, comparisons, counts. Imports no torch."""
