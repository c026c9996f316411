"""Formats shares and differences the same way everywhere: half up, as people round k of n.

Python's own formats round the binary float, and ties to even: 81.25 % would be 81.2 here and 81.3
in a browser. `assets/studio/evenkeel.js` has the same rule for numbers that the page computes.
"""

import math

NOTHING = "–"
"""Shown in place of a number that was not measured."""


def half_up(value: float, digits: int = 0) -> str:
    """`value` with `digits` decimals, ties away from zero: `2.5` is `3`; `-0.04` to one is `0.0`.

    A difference below 1e-8 of the last digit counts as a tie, because 29/400 is 7.25 % and the
    float is slightly off.
    """
    scaled = math.floor(round(abs(value) * 10**digits, 8) + 0.5)
    sign = "-" if value < 0 and scaled else ""
    return f"{sign}{scaled / 10**digits:.{digits}f}"


def percent(share: float | None, digits: int = 1) -> str:
    """A share in percent without its unit: `0.8125` is `81.3`."""
    return NOTHING if share is None else half_up(100 * share, digits)


def points(change: float | None, digits: int = 1) -> str:
    """A difference of two shares in percentage points, with its sign: `+3.2`, `−0.4`, `±0.0`."""
    if change is None:
        return NOTHING
    size = half_up(100 * abs(change), digits)
    sign = "±" if float(size) == 0 else "+" if change > 0 else "−"
    return f"{sign}{size}"


def plotted(share: float) -> float:
    """A share in percent for a chart. Plotly rounds hover texts to one decimal by the binary float;
    a tie is raised by 1e-9, so that Plotly rounds it up too.
    """
    value = round(100 * share, 8)
    return value if f"{value:.1f}" == percent(share) else value + 1e-9
