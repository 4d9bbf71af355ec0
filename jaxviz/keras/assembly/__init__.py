"""Assembly: an architecture and its weights -> a model."""
