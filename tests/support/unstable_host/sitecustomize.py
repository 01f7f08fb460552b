"""On `PYTHONPATH`, makes the machine claim a name that says nothing about it, in every process of a worker."""

import socket

socket.gethostname = lambda: "localhost"
