"""Opens pairs of Unix sockets and leaves a request unanswered on each; says "ready", and begins at a line.

usage: http_pairs.py PAIRS
"""
import socket
import sys

pairs = [socket.socketpair() for _ in range(int(sys.argv[1]))]
print("ready", flush=True)
sys.stdin.readline()
for client, server in pairs:
    client.send(b"GET /x HTTP/1.1\r\n\r\n")
    server.recv(100)
print("done", flush=True)
sys.stdin.readline()
