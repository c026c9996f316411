"""Numbers to Plotly figures, by pure functions.

Colours are names of CSS variables, which the page resolves: one figure suits both themes.
"""

from studio.plots.frontier import frontier_figure
from studio.plots.marks import Figure, clean, smooth, thin
from studio.plots.prototypes import prototypes_chart
from studio.plots.training import accuracy_chart, loss_chart

__all__ = [
    "Figure",
    "accuracy_chart",
    "clean",
    "frontier_figure",
    "loss_chart",
    "prototypes_chart",
    "smooth",
    "thin",
]
