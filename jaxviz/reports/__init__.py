"""Reports: numbers beside the pictures."""
