"""Simulated Sentinel-2 scenes with known clouds: physics in small modules, arrays or SAFE out."""
