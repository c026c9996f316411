"""The resident evaluator: answers what needs a model while a person waits."""
