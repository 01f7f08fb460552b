"""The loops over streams, and the agents whose bodies they feed."""
