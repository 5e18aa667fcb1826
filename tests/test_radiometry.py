from __future__ import annotations

import numpy as np
import pytest

from cloudmask.errors import InputError
from cloudmask.radiometry import Radiometry


def test_reflectance_with_and_without_offset():
    dn = np.array([1, 1000, 11000, 65535], np.uint16)
    new = Radiometry(10000, -1000).reflectance(dn)
    assert new.dtype == np.float32
    np.testing.assert_allclose(new, [-0.0999, 0, 1, 6.4535], atol=1e-6)
    np.testing.assert_allclose(Radiometry().reflectance(dn), [1e-4, 0.1, 1.1, 6.5535], rtol=1e-6)


@pytest.mark.parametrize("value", [0, -10000, 0.5, 2e6, float("nan"), float("inf")])
def test_absurd_quantification(value):
    with pytest.raises(InputError, match="quantification value"):
        Radiometry(value, 0)


@pytest.mark.parametrize("value", [-20001, 1e9, float("nan"), float("-inf")])
def test_absurd_offset(value):
    with pytest.raises(InputError, match="radiometric offset"):
        Radiometry(10000, value)
