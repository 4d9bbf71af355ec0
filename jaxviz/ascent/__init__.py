"""Ascent: gradient ascent of one image, and of many images in chunks, on several devices and processes."""
