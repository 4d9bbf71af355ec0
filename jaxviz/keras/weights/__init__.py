"""Weights: the arrays in a Keras file -> the variables that an architecture wants."""
