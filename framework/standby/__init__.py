"""Hot spares: workers of the standby group that shadow the seats of the primary group."""
