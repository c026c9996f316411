"""The prototypes of the robustness lab."""

from typing import ClassVar


class Prototypes:
    """The prototypes of the robustness lab."""

    title = "What the templates say besides the class"
    text = (
        "Shows the spurious prototypes: what each prompt template says whatever the class. Leave "
        "templates out, see what becomes of outliers and clusters, and train with your choice. It "
        "takes a few seconds once, and is kept."
    )
    button = "Look at the prototypes"
    waiting = "Reading the templates with the text tower …"
    colour_by = "Colour by"
    by: ClassVar = {"use": "use", "cluster": "cluster"}
    plane = "Plane"
    summary = "Outliers and clusters"
    over = "each averaged over {n} classes"
    as_run = "as this run"
    again = "re-estimated"
    rows: ClassVar = {
        "included": "Templates included",
        "kept": "Kept",
        "odd": "Left out as odd",
        "centres": "Clusters",
    }
    changed = "{n} templates have another use: {names}."
    changed_one = "One template has another use: {names}."
    changed_more = "{names} and {n} more"
    unchanged = "No other template has another use."
    estimating = "Estimating again without the excluded templates …"
    picture = "Templates in the plane"
    notes: ClassVar = {
        "tsne": "t-SNE: near dots say alike things. A centre is drawn amid its templates.",
        "pca": "PCA: {explained} of all variance. A centre is the mean of its templates.",
    }
    arrows = "Arrows lead from a centre before to the one that shares most templates after."
    label = (
        "{n} templates in the plane of {plane}: {kept} kept, {odd} left out as odd, "
        "{centres} clusters."
    )
    uses: ClassVar = {
        "kept": "kept ({n})",
        "odd": "left out as odd ({n})",
        "excluded": "excluded ({n})",
        "centre": "centre ({n})",
        "before": "centre before ({n})",
    }
    use: ClassVar = {"kept": "kept", "odd": "left out as odd", "excluded": "excluded"}
    columns: ClassVar = ("template", "use", "cluster")
    columns_again: ClassVar = ("template", "use before", "cluster", "use after", "cluster")
    choose = "Templates to include"
    filter = "Filter templates"
    none = "No template has this word."
    estimate = "Re-estimate"
    everything = "Include all"
    use_in_run = "Use these in a new run"
    used = "The form of the next run leaves out {n} templates."
    used_all = "The form of the next run includes all templates."
    not_ready = "The list of methods has not come yet. Try again in a few seconds."
    no_method = "No method here has spurious prototypes."
    drift = "Training features between the prototypes"
