"""Faust's tables, their changes on the way to the changelog, and their recovery."""
