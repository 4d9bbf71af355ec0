"""Pictures: figures, tiles, images, animations, self-contained pages, and what a notebook shows."""
