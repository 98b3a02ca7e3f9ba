"""Tests of the picture of errors against uncertainties."""

import numpy as np
import pytest

from report.uncertainty_figure import uncertainty_figure


@pytest.mark.parametrize("spread", [np.linspace(0.02, 0.07, 20), np.full(20, 0.03)])
def test_the_axes_are_as_wide_as_the_data(spread):
    error = np.geomspace(0.004, 0.3, 20)
    figure = uncertainty_figure(np.stack([spread, 20 * spread], 1), error, 20 * error)
    for axes, unit in zip(figure.axes, (1, 20), strict=True):
        left, right = axes.get_xlim()
        assert unit * spread.min() / 2 < left < unit * spread.min()
        assert unit * spread.max() < right < 2 * unit * spread.max()
        bottom, top = axes.get_ylim()
        assert unit * error.min() / 2 < bottom < top < 2 * unit * error.max()


def test_a_narrow_axis_has_several_labels():
    spread, error = np.linspace(0.62, 1.2, 20), np.geomspace(0.2, 5, 20)
    figure = uncertainty_figure(np.stack([spread, spread], 1), error, error)
    for axes in figure.axes:
        left, right = axes.get_xlim()
        shown = [value for value in axes.get_xticks() if left < value < right]
        assert len(shown) >= 4
