"""What only the page, the worker and the command line can measure of themselves."""
