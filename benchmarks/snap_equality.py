"""What SNAP's resampling changes in a mask, without SNAP.

python benchmarks/snap_equality.py PRODUCT.SAFE

`cloudmask run` reads bands at wavelet levels of their images, the operator in SNAP gets means of pixels,
made by S2Resampling (Mean) and cut to whole digital numbers. This masks a piece of a product from both
and prints the share of valid pixels with the same class, and the difference of the bands themselves.
"""

import argparse
from pathlib import Path

import numpy as np

from cloudmask.catalog import load_model
from cloudmask.classes import CloudClass
from cloudmask.options import Options
from cloudmask.pipeline import predict
from cloudmask.safe import open_product
from cloudmask.source import PlaneLayout, PlaneSource, make_plane

GSD = 20


class PixelMeans(PlaneSource):
    """A product whose bands are means of all pixels on a 20 m grid, as S2Resampling makes them.

    Bands of 60 m are left as they are.
    """

    def __init__(self, product, *, truncate):
        super().__init__(product.name, product.level, product.grid.at(GSD), product.bands)
        self._product, self._truncate = product, truncate

    def layout(self, band, gsd):
        """The 20 m grid, or the band's own where that is coarser."""
        native = self._product.layout(band, 1)
        if native.spacing > GSD:
            return native
        factor = round(GSD / native.spacing)
        return PlaneLayout(float(GSD), native.rows // factor, native.cols // factor)

    def load(self, band, layout, rows, cols):
        """Means of the valid pixels under a window."""
        native = self._product.layout(band, 1)
        factor = round(layout.spacing / native.spacing)
        window = [(low * factor, high * factor) for low, high in (rows, cols)]
        plane = self._product.load(band, native, *window)
        if factor == 1:
            return plane
        shape = rows[1] - rows[0], factor, cols[1] - cols[0], factor
        known = np.ones(plane.values.shape, bool) if plane.valid is None else plane.valid
        saturated = np.zeros(known.shape, bool) if plane.saturated is None else plane.saturated
        number = known.reshape(shape).sum(axis=(1, 3))
        total = np.where(known, plane.values, 0).astype(np.float64).reshape(shape).sum(axis=(1, 3))
        means = total / np.maximum(number, 1)
        if self._truncate:
            radiometry = self._product.radiometry(band)
            dn = means * radiometry.quantification - radiometry.offset
            means = radiometry.reflectance(np.floor(dn + 1e-3))
        return make_plane(means.astype(np.float32), number > 0, saturated.reshape(shape).any(axis=(1, 3)))


def agreement(ours, reference):
    """Percentage of pixels with the same class, of those valid in both."""
    valid = (ours != CloudClass.MISSING) & (reference != CloudClass.MISSING)
    return 100 * float((ours == reference)[valid].mean())


def main():
    """Mask, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("product", type=Path)
    parser.add_argument("--model", help="by default the one that the command takes")
    parser.add_argument("--size", type=int, default=3072, help="side of the piece, 10 m pixels (%(default)s)")
    parser.add_argument(
        "--at", default="3000,3600", help="its first row and column, multiples of 12 (%(default)s)"
    )
    arguments = parser.parse_args()
    row, col = (int(v) for v in arguments.at.split(","))
    size = arguments.size
    with open_product(arguments.product) as product:
        model = load_model(arguments.model, level=product.level, bands=product.bands)
        piece = product.subset(row, col, size, size)
        command = predict(piece, model, Options(resolution=GSD)).classes
        exact, truncated = (
            PixelMeans(product, truncate=t).subset(row // 2, col // 2, size // 2, size // 2)
            for t in (False, True)
        )
        masks = {name: predict(s, model, Options(resolution=GSD)).classes for name, s in
                 (("means of pixels", exact), ("means as SNAP stores them", truncated))}  # fmt: skip
        print(f"{product.name}, {size} x {size} px from {row},{col}; {model.card.name}")
        for name, mask in masks.items():
            print(f"{name}: {agreement(mask, command):.2f} % as the command")
        between = agreement(*masks.values())
        print(f"the two means with each other: {between:.2f} %")
        for band in model.card.bands:
            if product.layout(band, 1).spacing < GSD:
                rows = (0, size // 2)
                level = piece.read([band], GSD, rows, GSD).values[0]
                means = exact.read([band], GSD, rows, GSD).values[0]
                off = float(np.sqrt(np.nanmean((level - means) ** 2)))
                print(f"{band}: wavelet level and mean differ by {off:.4f} (root mean square)")


if __name__ == "__main__":
    main()
