"""What SNAP's resampling changes in a mask, without SNAP.

python benchmarks/snap_equality.py PRODUCT.SAFE

`cloudmask run` reads bands at wavelet levels of their images; the operator in SNAP gets what
S2Resampling makes of them at 20 m: means of pixels, interpolated bands of 60 m, all cut to whole
digital numbers. This masks a piece of a product from both and prints the share of valid pixels
with the same class, with SNAP's steps one by one; for the command as it is, and with
``--downsampling mean``.

S2Resampling leaves interpolated bands half a pixel aside. The operator finds their samples again, or moves
them back where a subset has cut some.
"""

import argparse
from pathlib import Path

import numpy as np

from cloudmask.catalog import load_model
from cloudmask.classes import CloudClass
from cloudmask.options import DOWNSAMPLINGS, Options
from cloudmask.pipeline import predict
from cloudmask.plane import PlaneLayout, make_plane
from cloudmask.safe import open_product
from cloudmask.snap.upsampled import move_to_middle, recover
from cloudmask.source import PlaneSource

GSD = 20


class Resampled(PlaneSource):
    """A product on a 20 m grid as S2Resampling (Mean, Bilinear) makes it, or nearly.

    Parameters
    ----------
    product : SafeProduct
        The product.
    truncate : bool
        Cut to whole digital numbers.
    coarse : {"own", "aside", "moved", "found"}
        Bands of 60 m on their own grid, as SNAP interpolates them, as the operator moves them, or the samples
        that it finds again.
    """

    def __init__(self, product, *, truncate=False, coarse="own"):
        super().__init__(product.name, product.level, product.grid.at(GSD), product.bands)
        self._product, self._truncate, self._coarse = product, truncate, coarse

    def layout(self, band, gsd):
        """The 20 m grid, or the band's own where that is coarser and left alone."""
        native = self._product.layout(band, 1)
        if native.spacing > GSD and self._coarse in ("own", "found"):
            return native
        return PlaneLayout(float(GSD), *self._product.grid.at(GSD).shape)

    def load(self, band, layout, rows, cols, out=None):
        """A window of the resampled band."""
        native = self._product.layout(band, 1)
        if native.spacing == layout.spacing:
            if native.spacing > GSD and self._coarse == "found":
                return self._found(band, native, rows, cols)
            return self._product.load(band, native, rows, cols)
        if native.spacing < layout.spacing:
            values, valid, saturated = self._means(band, native, rows, cols)
            return make_plane(self._stored(band, values), valid, saturated)
        more = [(low, high + 1) for low, high in (rows, cols)]
        values = self._stored(band, self._interpolated(band, native, *more))
        moved = move_to_middle(move_to_middle(values, 0), 1)
        values = moved if self._coarse == "moved" else values[:-1, :-1]
        return make_plane(values, np.ones(values.shape, bool), np.zeros(values.shape, bool))

    def _found(self, band, native, rows, cols):
        """Samples of a band as SNAP interpolates and stores it, found again."""
        ratio = round(native.spacing / GSD)
        window = [
            (low * ratio, min(high, side - 1) * ratio + 1)  # of the last sample there is no pixel behind
            for (low, high), side in zip((rows, cols), (native.rows, native.cols), strict=True)
        ]
        raw = self._numbers(band, self._interpolated(band, native, *window)).astype(np.uint16)
        lack = [high * ratio - stop for (_, high), (_, stop) in zip((rows, cols), window, strict=True)]
        raw = np.pad(raw, [(0, max(0, n)) for n in lack], mode="edge")
        values = self._product.radiometry(band).reflectance(recover(raw, ratio)).astype(np.float32)
        return make_plane(values, np.ones(values.shape, bool), np.zeros(values.shape, bool))

    def _stored(self, band, values):
        """As SNAP stores reflectance: in whole digital numbers."""
        if self._truncate:
            values = self._product.radiometry(band).reflectance(self._numbers(band, values))
        return values.astype(np.float32)

    def _numbers(self, band, values):
        """Digital numbers of reflectance, cut to whole ones."""
        radiometry = self._product.radiometry(band)
        return np.floor(values * radiometry.quantification - radiometry.offset + 1e-2)

    def _means(self, band, native, rows, cols):
        factor = round(GSD / native.spacing)
        window = [(low * factor, high * factor) for low, high in (rows, cols)]
        plane = self._product.load(band, native, *window)
        shape = rows[1] - rows[0], factor, cols[1] - cols[0], factor
        known = np.ones(plane.values.shape, bool) if plane.valid is None else plane.valid
        saturated = np.zeros(known.shape, bool) if plane.saturated is None else plane.saturated
        number = known.reshape(shape).sum(axis=(1, 3))
        total = np.where(known, plane.values, 0).astype(np.float64).reshape(shape).sum(axis=(1, 3))
        return total / np.maximum(number, 1), number > 0, saturated.reshape(shape).any(axis=(1, 3))

    def _interpolated(self, band, native, rows, cols):
        """Pixel i is interpolated at i / ratio - 0.5, as SNAP has it; pieces without no-data only."""
        ratio = native.spacing / GSD
        places = [np.clip(np.arange(*r) / ratio - 0.5, 0, n - 1) for r, n in
                  zip((rows, cols), (native.rows, native.cols), strict=True)]  # fmt: skip
        firsts = [np.minimum(p.astype(int), n - 2) for p, n in
                  zip(places, (native.rows, native.cols), strict=True)]  # fmt: skip
        window = [(int(f.min()), int(f.max()) + 2) for f in firsts]
        image = self._product.load(band, native, *window).values.astype(np.float64)
        for axis, (place, first, (low, _)) in enumerate(zip(places, firsts, window, strict=True)):
            here, there = (np.take(image, first + k - low, axis) for k in (0, 1))
            share = (place - first)[:, None] if axis == 0 else place - first
            image = here + share * (there - here)
        return image


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
        if row < 0 or col < 0 or row + size > product.grid.rows or col + size > product.grid.cols:
            parser.error(
                f"--at, --size: expected a piece of {product.grid.rows} x {product.grid.cols} px, found "
                f"{size} x {size} px from {row},{col}"
            )
    commands = {}
    for downsampling in DOWNSAMPLINGS:
        with open_product(arguments.product, downsampling=downsampling) as product:
            model = load_model(arguments.model, level=product.level, bands=product.bands)
            piece = product.subset(row, col, size, size)
            commands[downsampling] = predict(piece, model, Options(resolution=GSD)).classes
    with open_product(arguments.product) as product:
        print(f"{product.name}, {size} x {size} px from {row},{col}; {model.card.name}", flush=True)
        steps = {
            "means of pixels": {},
            "and whole numbers": {"truncate": True},
            "and 60 m bands as SNAP interpolates them": {"truncate": True, "coarse": "aside"},
            "and these moved to where they belong": {"truncate": True, "coarse": "moved"},
            "or their samples found again": {"truncate": True, "coarse": "found"},
        }  # fmt: skip
        for name, settings in steps.items():
            source = Resampled(product, **settings).subset(row // 2, col // 2, size // 2, size // 2)
            mask = predict(source, model, Options(resolution=GSD)).classes
            same = ", ".join(f"{agreement(mask, ours):.2f} % ({how})" for how, ours in commands.items())
            print(f"  {name}: {same} as the command", flush=True)


if __name__ == "__main__":
    main()
