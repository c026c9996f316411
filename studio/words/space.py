"""The feature space of the robustness lab."""

from typing import ClassVar


class Space:
    """The feature space of the robustness lab."""

    tab = "Feature space"
    title = "Where your images lie"
    text = (
        "Puts the image features of zero-shot CLIP and of the α you chose into one plane, and "
        "measures how far apart classes and domains are. It takes some seconds once, and is kept."
    )
    button = "Map the features"
    waiting = "Mapping the features of both models …"
    ends: ClassVar = {"zero-shot": "Zero-shot", "alpha": "Fine-tuned, at the chosen α"}
    columns: ClassVar = {"zero-shot": "zero-shot", "alpha": "α = {alpha}"}
    colour_by = "Colour by"
    by: ClassVar = {"class": "class", "domain": "domain"}
    plane = "Plane"
    planes: ClassVar = {"tsne": "t-SNE", "pca": "PCA"}
    apart = "How far apart"
    groups: ClassVar = {"class": "Classes", "domain": "Domains"}
    apart_note = (
        "Mean silhouette over cosine distances in the whole space, not in the plane: 1 is far "
        "apart, 0 is one on top of the other. Training should part the classes and leave the "
        "domains together."
    )
    all_shown = "All {n} measured images are shown."
    part_shown = "{n} of {measured} measured images are shown, evenly over domains and classes."
    unmoved = "This method left the image tower as it was, so both pictures are the same."
    few = "There are too few images for t-SNE."
    notes: ClassVar = {
        "tsne": "t-SNE keeps who is near whom; distances between groups mean little.",
        "pca": "PCA shows the two directions that vary most: {explained} of all variance.",
    }
    hardest = "Named are the {n} classes that lie least apart at the chosen α."
    others = "other classes ({n})"
    group: ClassVar = {"class": "class", "domain": "domain"}
    separation = "separation"
    nearest = "nearest other"
    label = "{end}: {n} images by {by} in the plane of {plane}. Separation: {separation}."
