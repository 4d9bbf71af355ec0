"""One script, one result: run each with ``python -m experiments.NAME``. `materials` serves them."""
