"""Reports: numbers about pictures."""
