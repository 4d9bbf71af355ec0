"""Experiments: scripts that each answer one question; run ``python -m experiments.NAME``. `materials` supports them."""
