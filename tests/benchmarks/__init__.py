"""Measures this framework and its peers side by side, in one run, against one broker; asserts nothing."""
