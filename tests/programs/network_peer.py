"""Runs the Python that a test writes to it, an expression a line, and answers each with its value as JSON.

Beside Python's own names there are those below; a test keeps values in names of its own, by (a := ...).
"""
import json
import os
import resource
import socket
import struct
import sys
import threading
import time


def listen(port=0, host="127.0.0.1", backlog=4096):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(backlog)
    return listener


def connect(port, host="127.0.0.1", count=1):
    made = [socket.create_connection((host, port)) for _ in range(count)]
    return made[0] if count == 1 else made


def try_connect(port, host="127.0.0.1", timeout=2):
    """The error's name, or "" when it connected."""
    try:
        socket.create_connection((host, port), timeout).close()
    except OSError as error:
        return type(error).__name__
    return ""


def receive(connection, count):
    """Reads so many bytes."""
    got = 0
    while got < count:
        part = connection.recv(min(65536, count - got))
        if not part:
            break
        got += len(part)
    return got


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def serve_echo(listener):
    """Echoes on every connection, in threads of its own."""
    def echo(connection):
        with connection:
            while part := connection.recv(65536):
                connection.sendall(part)

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def serve_http(listener, handle):
    """Answers each request with what `handle` makes of its head; connections are kept."""
    def talk(connection):
        data = b""
        with connection:
            while part := connection.recv(65536):
                data += part
                while b"\r\n\r\n" in data:
                    head, data = data.split(b"\r\n\r\n", 1)
                    handle(connection, head.decode())

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def ask_dns(client, name, identity, kind=1, to=None):
    """Sends a query, and returns the code of its answer; -1 when none comes in time."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack(">6H", identity, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", kind, 1)
    client.sendto(query, to) if to else client.send(query)
    try:
        return client.recv(512)[3] & 15
    except socket.timeout:
        return -1


def serve_dns(server, delay=0.0):
    """Answers every name but those that begin with lost; with NXDOMAIN those with none, with SERVFAIL those with fail."""
    def answer():
        while True:
            query, client = server.recvfrom(512)
            first = query[13:13 + query[12]].decode().lower()
            if first.startswith("lost"):
                continue
            time.sleep(delay)
            code = 3 if first == "none" else 2 if first == "fail" else 0
            server.sendto(query[:2] + bytes([0x81, 0x80 | code]) + query[4:], client)

    threading.Thread(target=answer, daemon=True).start()


names = dict(globals())
print("ready", flush=True)
for line in sys.stdin:
    value = eval(line, names)
    try:
        text = json.dumps(value)
    except TypeError:
        text = "null"
    print(text, flush=True)
