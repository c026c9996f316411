"""Numbers to Plotly figures, by pure functions.

Colours are names of CSS variables, which the page resolves: one figure suits both themes.
"""

from studio.plots.drift import distortion_chart, energy_gap_chart
from studio.plots.frontier import frontier_figure, frontier_table
from studio.plots.marks import Figure, clean, smooth, thin
from studio.plots.prototypes import prototypes_chart
from studio.plots.reliability import reliability_chart
from studio.plots.shots import shots_chart
from studio.plots.space import space_chart
from studio.plots.stress import stress_chart
from studio.plots.templates import templates_chart
from studio.plots.training import accuracy_chart, loss_chart
from studio.plots.updates import updates_chart

__all__ = [
    "Figure",
    "accuracy_chart",
    "clean",
    "distortion_chart",
    "energy_gap_chart",
    "frontier_figure",
    "frontier_table",
    "loss_chart",
    "prototypes_chart",
    "reliability_chart",
    "shots_chart",
    "smooth",
    "space_chart",
    "stress_chart",
    "templates_chart",
    "thin",
    "updates_chart",
]
