"""The commands, one file each; they print and exit, the rooms below do the work."""
