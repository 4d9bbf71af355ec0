"""Ascent: one image climbs a gradient; many climb together, chunk by chunk, over devices and processes."""
