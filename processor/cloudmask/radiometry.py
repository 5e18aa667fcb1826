"""Digital numbers to reflectance, with no-data and saturation told apart before anything else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .errors import InputError

NODATA_DN = 0
"""Special value NODATA of the product specification (S2-PDGS-TAS-DI-PSD, Special_Values)."""
SATURATED_DN = 65535
"""Special value SATURATED of the same list."""
SATURATED_MIXED = 40000
"""From here on a sample that was averaged or interpolated holds saturation; no real one gets this far."""

_MAX_OFFSET = 20000.0


@dataclass(frozen=True)
class Radiometry:
    """How the digital numbers of one band become reflectance.

    ``reflectance = (DN + offset) / quantification`` (PSD, RADIO_ADD_OFFSET and BOA_ADD_OFFSET,
    since processing baseline 04.00; before it the offset is 0).

    Attributes
    ----------
    quantification : float
        QUANTIFICATION_VALUE or BOA_QUANTIFICATION_VALUE, 10000 in all products so far.
    offset : float
        Added to the digital number, -1000 since baseline 04.00.

    Raises
    ------
    InputError
        If the quantification is not positive or the offset is absurd.
    """

    quantification: float = 10000.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        if not 1.0 <= self.quantification <= 1e6:
            raise InputError(
                f"quantification value: expected 1 to 1000000 (10000 is usual), found {self.quantification:g}"
            )
        if not -_MAX_OFFSET <= self.offset <= _MAX_OFFSET:
            raise InputError(
                f"radiometric offset: expected -20000 to 20000 (-1000 or 0 is usual), found {self.offset:g}"
            )

    def reflectance(
        self, dn: npt.NDArray[np.generic], out: npt.NDArray[np.float32] | None = None
    ) -> npt.NDArray[np.float32]:
        """Reflectance (float32, same shape) of digital numbers; no-data is not looked at.

        It is put into `out` if that is given.
        """
        if out is None:
            out = np.empty(dn.shape, np.float32)
        out[...] = dn
        out += np.float32(self.offset)
        out *= np.float32(1.0 / self.quantification)
        return out
