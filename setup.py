"""Package definition; tool settings are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"$', (HERE / "processor/cloudmask/__init__.py").read_text("utf-8"), re.M
).group(1)

# ONNX Runtime's builds exclude each other in one environment, so each is an extra and none is core.
DLR = ["ukis-csmask==1.0.0"]
EXTRAS = {
    "cpu": ["onnxruntime>=1.17", *DLR],
    "gpu": ["onnxruntime-gpu>=1.17", *DLR],
    "openvino": ["onnxruntime-openvino>=1.17", *DLR],
    "train": ["torch>=2.4", "onnx>=1.16", "matplotlib>=3.7", 'tomli>=2; python_version < "3.11"'],
    "evaluate": ["h5py>=3.9", "pyarrow>=14", "s2cloudless>=1.7", "matplotlib>=3.7"],
    "bench": ["onnx>=1.16", "s2cloudless>=1.7", *DLR],
    "test": [
        "pytest>=8",
        "hypothesis>=6",
        "onnx>=1.16",
        "scikit-learn>=1.3",
        "h5netcdf>=1.3",
        "h5py>=3.9",
        "pyarrow>=14",
        "selenium>=4.20",
    ],
    "lint": ["ruff==0.17.6", "mypy==2.4.1"],
}

# What SNAP reads stays at the root, where people look for it, and is a part of the package as well.
SNAP_FOLDERS = {"cloudmask.snap.module": "snap_module", "cloudmask.snap.graphs": "graphs"}

setup(
    name="cloudmask",
    version=VERSION,
    description="AI cloud mask for Sentinel-2: clear, cloud shadow, semi-transparent cloud, cloud",
    long_description=(HERE / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    package_dir={"": "processor", **SNAP_FOLDERS},
    packages=[*find_packages("processor"), *SNAP_FOLDERS],
    package_data={
        "cloudmask": ["py.typed", "models/*.json", "models/*.onnx"],
        "cloudmask.evaluate": ["data/*.json"],
        "cloudmask.snap.module": ["*.xml", "META-INF/services/*", "help/*"],
        "cloudmask.snap.graphs": ["*.xml"],
        "cloudmask.evaluate.report": ["*.css", "*.js", "page.html"],
    },
    install_requires=[
        "numpy>=1.24",
        "scipy>=1.10",
        "lxml>=4.9",
        "rasterio>=1.3.9",
        "click>=8.1",
        "pillow>=10.1",
        "tqdm>=4.64",
    ],
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["cloudmask=cloudmask.cli:main"]},
    classifiers=[
        "Development Status :: 4 - Beta",
        "License :: OSI Approved :: Apache Software License",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: GIS",
        "Typing :: Typed",
    ],
)
