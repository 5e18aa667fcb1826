"""The four classes, by thresholds on what the simulation knows of every pixel.

Words are those of CMIX and of KappaMask's labelling guide put into quantities (Skakun et al. 2022, Remote
Sens. Environ. 274:112990; Domnich et al. 2021, Remote Sens. 13:4100):

- *semi-transparent cloud*: the cloud adds light that shows over dark ground, and the ground can still be seen
  through it; over ground as bright as itself (towns, sand) such a cloud need not show;
- *cloud*: the ground's contrast is gone;
- *cloud shadow*: clear pixels where clouds take a visible part of the light;
- uniform aerosol, terrain shadow, snow, and a dark or bright ground are *clear*;
- pixels between "certainly clear" and "certainly thin" (or shadow) are *undefined*: people disagree there,
  and a training loss or a score should leave them out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..classes import CloudClass

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Thresholds:
    """Limits between classes.

    Attributes
    ----------
    thin : float
        Reflectance that the cloud alone adds in the blue band (B02), from which it is semi-transparent.
        A tenth of this and less was tried: whole clear scenes then come out as thin cloud.
    trace : float
        Below this contribution a pixel counts as free of cloud; between `trace` and `thin` it is undefined.
    opaque : float
        Transmittance of the ground's contrast through the cloud to the sensor (delta-scaled direct
        beam) under which it is cloud; .4 is an optical thickness of 3.5 for droplets, about the
        3.6 that ISCCP draws between thin and thick (Rossow and Schiffer 1999, BAMS 80:2261).
    shadow : float
        Illumination in the near infrared (B8A) relative to clear sky, under which it is shadow.
    penumbra : float
        Above this illumination a pixel counts as lit; between `shadow` and `penumbra` it is undefined.
    """

    thin: float = 0.05
    trace: float = 0.015
    opaque: float = 0.40
    shadow: float = 0.80
    penumbra: float = 0.92


def classify(
    contribution: Array, contrast: Array, illumination: Array, thresholds: Thresholds
) -> npt.NDArray[np.uint8]:
    """Class codes from the physical quantities.

    Parameters
    ----------
    contribution : numpy.ndarray
        Reflectance of the clouds alone in B02 over a black ground, float32 (rows, cols).
    contrast : numpy.ndarray
        Share of the ground's contrast that passes the clouds to the sensor, 0 to 1.
    illumination : numpy.ndarray
        Light on the ground in B8A relative to clear sky.
    thresholds : Thresholds
        Limits.

    Returns
    -------
    numpy.ndarray
        uint8 codes of :class:`cloudmask.classes.CloudClass`: undefined, clear, shadow, thin or cloud.
    """
    out = np.full(contribution.shape, int(CloudClass.CLEAR), np.uint8)
    out[illumination < thresholds.penumbra] = int(CloudClass.UNDEFINED)
    out[illumination < thresholds.shadow] = int(CloudClass.CLOUD_SHADOW)
    # A trace of cloud over deep shadow is still shadow to everyone; elsewhere it is anyone's guess.
    trace = (contribution >= thresholds.trace) & (out != int(CloudClass.CLOUD_SHADOW))
    out[trace] = int(CloudClass.UNDEFINED)
    thin = contribution >= thresholds.thin
    out[thin] = int(CloudClass.SEMI_TRANSPARENT_CLOUD)
    out[thin & (contrast < thresholds.opaque)] = int(CloudClass.CLOUD)
    return out
