"""What a run gained and what it cost, and what the same images say of two runs."""

from typing import ClassVar


class Verdict:
    """One sentence each, and its parts."""

    at_home: ClassVar = {
        "better": "{mixing}: accuracy on your images rose from {zero} to {now} ({change}, n = {n})",
        "held": (
            "{mixing}: accuracy on your images held, {zero} before and {now} now ({change}, "
            "n = {n})"
        ),
        "worse": "{mixing}: accuracy on your images fell from {zero} to {now} ({change}, n = {n})",
        "clearly": (
            "{mixing}: accuracy on your images fell clearly, from {zero} to {now} ({change}, "
            "n = {n})"
        ),
    }
    untested = "{mixing}: accuracy on validation images goes from {zero} to {now}"
    moved: ClassVar = {
        "better": "rose",
        "held": "held",
        "worse": "fell",
        "clearly": "fell clearly",
    }
    tested = "{moved} ({low} to {high})"
    domain = "{name} {moved} ({change}, n = {n})"
    held = "{names} held"
    all_held = "all {n} other domains held"
    others_held = "the other {n} held"
    whole = "{gain}; {elsewhere}"
    mean = "{said}; mean of {n} other domains {change} ({moved})"
    mean_of = "the mean of {n} other domains"
    other_domain = "the other domain"
    alone = "The tuned weights alone (α = 1) would have changed {where} by {change}."
    how = (
        "Rose, fell and held come from a paired test against zero-shot on the same images, "
        "corrected for the number of domains. Held: these images show no difference."
    )
    no_ood = "{gain}. Without OOD images nobody can say what it cost elsewhere."
    gain = "At α = {alpha} accuracy on your images goes from {zero} to {now} ({change}, n = {n})"
    fallen = (
        "the other domains change by {change} on average, and {names} fell below the interval of "
        "zero-shot"
    )
    gained = "the other domains gain {change} on average"
    lost = "the other domains lose {change} on average, within their intervals"
    holds = "the other domains hold ({change} on average)"
    keep_zero_shot = (
        "On the validation images no mixture beat zero-shot, so α = 0 is chosen: plain CLIP. "
        "Fine-tuning alone (α = 1) shows {gain}; more validation images would tell them apart."
    )
    keep_id = "{id} on your images"
    keep_both = "{id} on your images and {ood} on the mean of {n}"
    same_answers = "Both get the same ones right of {images}."
    cannot_tell = "{images} cannot separate these two runs."
    more = "{images} more right of {n}."
    fewer = "{images} fewer right of {n}."
