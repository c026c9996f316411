"""The processes that train: started from a template, watched, ended with their worker."""
