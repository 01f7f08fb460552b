"""Apps that can be deployed as they stand; each uses only the public names of `framework`."""
