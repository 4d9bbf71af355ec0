"""Networks: Model, Layer and Canvas; the doors for Linen, NNX and functions; and models made of models."""
