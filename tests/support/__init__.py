"""Helpers of the tests; see each module."""
