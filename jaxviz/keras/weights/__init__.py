"""Weights: the arrays in a Keras file -> the variables of an architecture."""
