"""Files: arrays in and out, staged outputs, and the cache of compiled programs."""
