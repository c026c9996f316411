"""What a run gained and what it cost, and what the same images say of two runs."""


class Verdict:
    """One sentence each, and its parts."""

    gain = "At α = {alpha} accuracy on your images goes from {zero} to {now} ({change}, n = {n})"
    no_ood = "{gain}. Without OOD images nobody can say what it cost elsewhere."
    whole = "{gain}; {elsewhere}."
    alone = "Fine-tuning alone (α = 1) would have made that {change}."
    fallen = (
        "the other domains change by {change} on average, and {names} fell clearly below zero-shot"
    )
    gained = "the other domains gain {change} on average"
    lost = "the other domains lose {change} on average, within their intervals"
    held = "the other domains hold ({change} on average)"
    keep_zero_shot = (
        "On the validation images no mixture beat zero-shot, so α = 0 is chosen: plain CLIP. "
        "Fine-tuning alone (α = 1) shows {gain}; more validation images would tell them apart."
    )
    keep_id = "{id} on your images"
    keep_both = "{id} on your images and {ood} on the other domains"
    same_answers = "Both get the same ones right of {images}."
    cannot_tell = "{images} cannot separate these two runs."
    more = "{images} more right of {n}."
    fewer = "{images} fewer right of {n}."
