"""The way of a record between the consumer and the agents."""
