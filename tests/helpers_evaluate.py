"""Small reference sets in the files and layouts of the real ones, and masks to score on them."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

from cloudmask.bands import BAND_NAMES

L1C_BANDS = tuple(BAND_NAMES)
PIXBOX_COLUMNS = (
    "ID",
    "PRODUCT_ID",
    "PIXEL_X",
    "PIXEL_Y",
    "LATITUDE",
    "LONGITUDE",
    "SURFACE_ID",
    "CLOUD_CHARACTERISTICS_ID",
    "SHADOW_ID",
    "SEASON_ID",
)


def random_codes(rng: np.random.Generator, shape: tuple[int, ...], codes: list[int]) -> np.ndarray:
    """Blocks of 4 x 4 pixels of one code each, as labels come in patches."""
    coarse = rng.choice(codes, [-(-s // 4) for s in shape]).astype(np.uint8)
    for axis in range(len(shape)):
        coarse = coarse.repeat(4, axis)
    return coarse[tuple(slice(s) for s in shape)]


def write_tif(
    path: Path,
    data: np.ndarray,
    *,
    origin: tuple[float, float] | None = (300000.0, 4900020.0),
    gsd: float = 10.0,
    epsg: int = 32631,
    names: tuple[str, ...] = (),
) -> Path:
    """Write (rows, cols) or (bands, rows, cols) as GeoTIFF; without an origin it has no georeference."""
    planes = data[None] if data.ndim == 2 else data
    path.parent.mkdir(parents=True, exist_ok=True)
    place = {} if origin is None else {"crs": f"EPSG:{epsg}", "transform": from_origin(*origin, gsd, gsd)}
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=len(planes),
        height=planes.shape[1],
        width=planes.shape[2],
        dtype=planes.dtype,
        **place,
    ) as target:
        target.write(planes)
        for i, name in enumerate(names, start=1):
            target.set_band_description(i, name)
    return path


def write_npz(
    path: Path, labels: np.ndarray, *, bands: tuple[str, ...] = L1C_BANDS, seed: int = 0, **more: object
) -> Path:
    """Write a pair: bright and white where the label says cloud (3), else vegetation-like."""
    rng = np.random.default_rng(seed)
    base = np.where(labels[..., None] == 3, 0.6, 0.08) + rng.normal(0, 0.005, (*labels.shape, len(bands)))
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, x=base.astype(np.float32), y=labels.astype(np.uint8), bands=np.array(bands), **more)
    return path


def damage_npz(path: Path, how: str) -> None:
    """Cut an ``.npz`` file, change bytes of its first array, or put something else in its place."""
    data = bytearray(path.read_bytes())
    if how == "cut":
        data = data[: len(data) // 2]
    elif how == "changed":
        with zipfile.ZipFile(path) as archive:
            first = archive.infolist()[0]
        start = first.header_offset + 30 + len(first.filename) + first.compress_size // 2
        for at in range(start, start + 40):
            data[at] ^= 0x5A
    else:
        data = bytearray({"empty": b"", "text": b"no", "npy": b"\x93NUMPY\x01\x00"}[how])
    path.write_bytes(data)


DAMAGES = ("cut", "changed", "empty", "text", "npy")


def write_pixbox(
    folder: Path, scene: str, n: int, side: int, rng: np.random.Generator
) -> list[dict[str, str]]:
    """Write a table of labelled pixels of one product, as PixBox-S2-CMIX has it, and return its rows."""
    rows = []
    for i in range(n):
        values = {
            "ID": i,
            "PRODUCT_ID": 1,
            "PIXEL_X": int(rng.integers(side)),
            "PIXEL_Y": int(rng.integers(side)),
            "LATITUDE": 58.5,
            "LONGITUDE": 26.5,
            "SURFACE_ID": int(rng.choice([21, 32])),
            "CLOUD_CHARACTERISTICS_ID": int(rng.choice([0, 1, 2, 4, 5, 6, 7, 7, 7, 10, 12])),
            "SHADOW_ID": int(rng.choice([1, 1, 1, 2, 3, 4])),
            "SEASON_ID": int(rng.integers(4)),
        }
        rows.append({**{k: str(v) for k, v in values.items()}, "SCENE": scene})
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "pixbox_s2.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [*PIXBOX_COLUMNS, "SCENE"])
        writer.writeheader()
        writer.writerows(rows)
    return rows


def write_kappaset(folder: Path, name: str, labels: np.ndarray, dn: int = 3277) -> Path:
    """Write a sub-tile as cm-vsm does: floats of DN / 65535 a band, a byte variable Label."""
    import h5netcdf

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.nc"
    with h5netcdf.File(path, "w") as target:
        target.dimensions = {"y": labels.shape[0], "x": labels.shape[1]}
        for band in L1C_BANDS:
            values = np.full(labels.shape, dn / 65535, np.float32)
            target.create_variable(band, ("y", "x"), data=values)
        target.create_variable("Label", ("y", "x"), data=labels.astype(np.uint8))
    return path


def write_cloudsen12(folder: Path, roi: str, s2: str, labels: np.ndarray) -> Path:
    """Write a patch of the GeoTIFF layout: 13 bands as int16, labels, and another program's mask."""
    patch = folder / "high" / roi / s2
    image = np.where(labels == 1, 6000, 800).astype(np.int16)[None].repeat(13, axis=0)
    write_tif(patch / "S2L1C.tif", image)
    write_tif(patch / "labels" / "manual_hq.tif", labels.astype(np.uint8))
    return patch


def write_cloudsen12_table(folder: Path, rows: list[tuple[str, str, int, str]]) -> None:
    """Write the metadata table; rows are roi, S2 id, value of 'test', label type."""
    with (folder / "cloudsen12_metadata.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["roi_id", "s2_id_gee", "test", "label_type", "land_cover"])
        writer.writerows([*row, "forest"] for row in rows)


def tortilla(items: list[tuple[dict[str, object], bytes]], magic: bytes = b"#y") -> bytes:
    """A Tortilla (or TACO) file of version 1: header, data, Parquet table with offsets."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    offset, rows, data = 200, [], b""
    for facts, blob in items:
        rows.append({**facts, "tortilla:offset": offset + len(data), "tortilla:length": len(blob)})
        data += blob
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    footer = sink.getvalue().to_pybytes()
    head = magic + (offset + len(data)).to_bytes(8, "little") + len(footer).to_bytes(8, "little")
    return head + b"\0" * (offset - len(head)) + data + footer


def write_taco(path: Path, samples: list[tuple[dict[str, object], np.ndarray, np.ndarray]]) -> Path:
    """Write a CloudSEN12+ TACO file; samples are metadata, image (13, rows, cols) and labels."""
    items = []
    for facts, image, labels in samples:
        parts = []
        for name, array in (("s2l1c", image), ("target", labels)):
            tif = write_tif(path.with_name("item.tif"), array)
            parts.append(({"tortilla:id": name, "tortilla:file_format": "GTiff"}, tif.read_bytes()))
            tif.unlink()
        items.append(({**facts, "tortilla:file_format": "TORTILLA"}, tortilla(parts)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tortilla(items, b"WX"))
    return path


def write_mlstac(path: Path, patches: dict[str, np.ndarray]) -> Path:
    """Write a CloudSEN12+ ML-STAC file; patches are bands of image and labels by name."""
    table, data = {}, b""
    path.parent.mkdir(parents=True, exist_ok=True)
    for name, array in patches.items():
        tif = write_tif(path.with_name("item.tif"), array)
        table[name] = [len(data), tif.stat().st_size]
        data += tif.read_bytes()
        tif.unlink()
    text = json.dumps(table).encode()
    path.write_bytes((31011).to_bytes(2, "little") + len(text).to_bytes(8, "little") + text + data)
    return path


def write_baetens(folder: Path, product: str, codes: np.ndarray) -> Path:
    """Write a scene of the CESBIO reference: its classification raster at 60 m."""
    return write_tif(
        folder / "Reference_dataset" / product / "Classification" / "classification_map.tif", codes, gsd=60.0
    )


def write_manifest(folder: Path, entries: list[dict[str, object]]) -> None:
    """Write MANIFEST.json beside pairs."""
    (folder / "MANIFEST.json").write_text(json.dumps(entries), "utf-8")
