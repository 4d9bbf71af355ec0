"""What the experiments work with: other engines, judges, data, damaged files and synthetic networks."""
