"""Config: the architecture in a Keras file of any version -> one canonical form."""
