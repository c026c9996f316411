"""How shares and differences are written, everywhere alike: half up, as a person rounds k of n.

Python's own formats round what the float is, and its ties to even: 81.25 % would be 81.2 here and
81.3 in a browser. `assets/studio/evenkeel.js` has the same rule for what the page computes.
"""

import math

NOTHING = "–"
"""Where nothing was measured."""


def half_up(value: float, digits: int = 0) -> str:
    """`value` with so many decimals, ties away from zero: `2.5` is `3`, `-0.04` with one is `0.0`.

    What differs by less than 1e-8 of the last digit is a tie: 29/400 is 7.25 %, whatever the float.
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
    """A share in percent as a chart gets it. Plotly's hover texts have one decimal and round the
    float that they are given: a hair above a tie it is rounded up there as well.
    """
    value = round(100 * share, 8)
    return value if f"{value:.1f}" == percent(share) else value + 1e-9
