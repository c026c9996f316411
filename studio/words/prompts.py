"""The prompt editor of Train."""


class Prompts:
    """Templates and what they score."""

    title = "Prompts"
    templates = "Templates"
    of_data = "the data set's own"
    usual = "the default ones (openai-80)"
    own = "my own"
    lines = "One a line, {} is where the class name goes"
    filled = "With class names in them"
    more = "and {n} more"
    score = "Zero-shot, {side}"
    change = "{change} from the data set's"
    measuring = "measuring …"
    help = (
        "For this run: its zero-shot start and its class head. They are measured when you stop "
        "typing. Choosing prompts by test accuracy makes that accuracy optimistic."
    )
    other_prototypes = (
        "This method makes its spurious prototypes of {set}, whatever the prompts above are."
    )
    use_for_prototypes = "Make them of these prompts"
    prototypes = "Spurious prototypes before training"
    prototypes_wait = "Reading the prompts …"
