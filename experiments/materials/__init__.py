"""Materials of the experiments: other engines, judges, data, damaged files and synthetic networks."""
