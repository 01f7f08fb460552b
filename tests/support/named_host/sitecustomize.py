"""On `PYTHONPATH`, gives the machine the name in SCENARIO_HOST, in every process of a worker."""

import os
import socket

if name := os.environ.get("SCENARIO_HOST"):
    socket.gethostname = lambda: name
