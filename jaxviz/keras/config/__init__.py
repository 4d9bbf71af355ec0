"""Config: the architecture in a Keras file, of any dialect -> one canonical form."""
