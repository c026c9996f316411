"""The Data tab: upload, check and repair a data set."""
