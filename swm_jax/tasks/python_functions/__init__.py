"""A generated suite of small Python problems, verified by tests."""
