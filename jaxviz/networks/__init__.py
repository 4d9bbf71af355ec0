"""Networks: Model, Layer and Canvas; models of Linen modules, NNX modules and functions; models made of models."""
