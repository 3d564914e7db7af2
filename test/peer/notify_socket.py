"""A service manager's notify socket: prints each datagram as one line of JSON."""

import json
import socket
import sys

DATAGRAM_BYTES_MAX = 4096

listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
print(json.dumps("listening"), flush=True)
while True:
    # What systemd-notify passes along to wait for (BARRIER=1) is closed by not being taken.
    print(json.dumps(listener.recv(DATAGRAM_BYTES_MAX).decode()), flush=True)
