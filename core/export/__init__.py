"""Export: files that other programs load, each loaded again and compared before it is called
verified.
"""
