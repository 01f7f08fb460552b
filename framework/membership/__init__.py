"""The seat in the group: what is said to the coordinator, what its answers mean, and who must be told."""
