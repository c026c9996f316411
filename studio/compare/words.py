"""Sentences of Compare."""

from typing import ClassVar

from studio.frame.words import Common as Common
from studio.frame.words import Domains as Domains
from studio.frame.words import Numbers as Numbers


class Compare:
    """Runs side by side."""

    title = "Compare"
    lead = "Which run is better, and is the difference more than chance?"
    empty = "Nothing to compare yet"
    empty_text = "Runs of this data set can be ticked here as soon as they have finished."
    empty_watch = "Watch the run"
    runs = "Finished runs of this data set"
    none_chosen = "Tick two runs: the first you tick is the one the others are compared against."
    one_chosen = "Tick another run to test the two on the same images."
    most = "At most {n} runs can be compared. Untick one first."
    clear = "Untick all"
    gone = "This run no longer exists, or its record cannot be read. Choose another."
    table = "Accuracy by domain"
    table_note = (
        "Below each accuracy: the change against zero-shot, and what the same images say of it: "
        "better, worse or held by the exact McNemar test, corrected over a run's domains (Holm); "
        "of the mean over OOD domains, whether 0 lies in its 95 % interval. Then the 95 % "
        "interval (Wilson) and n. Recommended is what the run itself found, whatever the lab's "
        "slider says now."
    )
    untested = (
        "{runs}: made before runs were tested against zero-shot, so the changes have no outcome."
    )
    outcomes: ClassVar = {"better": "better", "worse": "worse", "held": "held"}
    run = "Run"
    mixing = "Mixing"
    zero = "zero-shot"
    recommended = "recommended"
    tuned = "fine-tuned alone"
    mean_ood = "Mean OOD"
    again = "Queue the same with another seed"
    queued = "Queued: {name}. It can be ticked here when it has finished."
    paired = "Tested on the same images"
    paired_wait = "Comparing the images one by one …"
    retry = "Try again"
    against = "{second} against {first}"
    same_answers = "{first} and {second} get the same ones right of {images}."
    cannot_tell = "{first} and {second} cannot be told apart by {images}."
    better = "{second} gets {more} more right than {first}, of {images}."
    pooled: ClassVar = {
        "id": "Your images (ID)",
        "ood": "All images of the other domains, pooled (OOD)",
    }
    counts = "Counts by domain"
    columns: ClassVar = (
        "domain", "n", "only {first}", "only {second}", "difference", "95 %", "p", "p, Holm", "",
    )  # fmt: skip
    verdicts: ClassVar = {
        "better": "better",
        "worse": "worse",
        "cannot-tell": "cannot tell",
        "same-answers": "same answers",
    }
    paired_note = (
        "Each run as it recommends itself. Only images that one of the two gets right can tell "
        "them apart: p is the exact McNemar test, corrected over the domains of a pairing (Holm); "
        "the corrected one decides. The pooled images are one test by itself, over images and not "
        "over domains. The interval of the difference is Tango's."
    )
    many_tests = (
        "{n} pairings are shown, each corrected by itself: of 20 between equal runs, about one "
        "differs by chance."
    )
    settings = "What was set differently"
    setting = "Setting"
    same_settings = "All settings are the same."
    pareto = "ID against OOD"
    pareto_empty = (
        "Tick a run that was measured on an OOD domain: without one there is no trade-off."
    )
    pareto_note = (
        "Filled: as recommended. Open: fine-tuned alone (α = 1). Bars: 95 % interval. The dotted "
        "line joins what no other point beats on both sides."
    )
    pareto_line = "not beaten on both"
    pareto_label = "{n} runs, ID against mean OOD accuracy; not beaten on both: {names}."
    pareto_columns: ClassVar = (
        "run", "mixing", "ID", "95 %", "mean OOD", "95 %", "not beaten",
    )  # fmt: skip
    yes = "yes"
    no = "no"
    combine = "Make one run of these"
    combine_lead = (
        "Nothing is trained again. The result is a run like any other: it has its mixing, its "
        "numbers and its checkpoint."
    )
    combine_how = "How"
    combine_button = "Queue the combination"
    combine_none = "Tick runs first: one for a projection, two or more for a soup."
