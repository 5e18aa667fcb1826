"""Samples read at a wavelet level lie where the means of their pixels do."""

import numpy as np
import pytest
from helpers_safe import TinyScene

from cloudmask.safe import open_product
from cloudmask.simulate.safe_writer import write_safe


class _Ramp(TinyScene):
    """Reflectance that rises to the east and, twice as steeply, to the south."""

    def band(self, name):
        shape = super().band(name).shape
        row, col = np.indices(shape)
        step = 10 * self.size10 / shape[0]
        return (0.1 + 1e-5 * step * (2 * row + col)).astype(np.float32)

    def valid(self, name):
        return np.ones(super().valid(name).shape, bool)


@pytest.mark.parametrize(("gsd", "band"), [(20, "B02"), (40, "B04"), (40, "B11")])
def test_a_level_lies_where_the_means_of_its_pixels_do(tmp_path, gsd, band):
    with open_product(write_safe(_Ramp(size10=720), tmp_path)) as product:
        native = product.layout(band, 10)
        layout = product.layout(band, gsd)
        assert layout.spacing == gsd, "the image has the level"
        at_level = product.load(band, layout, (0, layout.rows), (0, layout.cols)).values
        full = product.load(band, native, (0, native.rows), (0, native.cols)).values
        factor = round(gsd / native.spacing)
        means = full.reshape(layout.rows, factor, layout.cols, factor).mean(axis=(1, 3))
        # One digital number of rounding in each; unmoved samples are off by 5 m or more, 1.5e-4.
        inside = slice(2, -2), slice(2, -2)
        assert np.abs(at_level - means)[inside].max() < 1e-4
