"""From aiokafka's fetch buffers to the agents' channels, and from what is finished to the commit."""
