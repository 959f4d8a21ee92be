"""A small HTTP/1.1 server over plain sockets, which does what its request's path says.

usage: http_raw.py thread|fork|prefork tcp4|tcp6|unix PORT|PATH [CERTIFICATE KEY]; says "ready" when it listens

With a certificate it speaks TLS, and loads the library for it at the first connection, or at once if LOADED is set.

/status/N answers with that status; /delay/MS answers after so long, with the nanoseconds it really took in X-Took;
/hang never answers; /die ends the process; /early sends 103 first; /iovecs and /split send the status line in pieces;
everything else is 200.
"""
import os
import signal
import socket
import sys
import threading
import time


def answer(connection, path, received):
    parts = path.split("?")[0].split("/")
    status, took = 200, ""
    if parts[1] == "status":
        status = int(parts[2])
    elif parts[1] == "delay":
        time.sleep(int(parts[2]) / 1000)
        took = f"X-Took: {time.monotonic_ns() - received}\r\n"
    elif parts[1] == "hang":
        time.sleep(600)
    elif parts[1] == "die":
        os._exit(3)
    elif parts[1] == "early":
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    rest = f"{status} Any\r\n{took}Content-Length: 2\r\n\r\nok".encode()
    if parts[1] == "iovecs":
        connection.sendmsg([b"HTTP/1.1 ", rest[:4], rest[4:7], rest[7:], b""])
    elif parts[1] == "split":
        connection.sendall(b"HTTP/1.")
        connection.sendall(b"1 " + rest)
    else:
        connection.sendall(b"HTTP/1.1 " + rest)


def encrypt(connection, certificate):
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context.wrap_socket(connection, server_side=True)


def serve(connection, certificate):
    data = b""
    try:
        if certificate:
            connection = encrypt(connection, certificate)
    except OSError:
        connection.close()
        return
    with connection:
        while True:
            part = connection.recv(65536)
            received = time.monotonic_ns()
            if not part:
                return
            data += part
            while b"\r\n\r\n" in data:
                head, data = data.split(b"\r\n\r\n", 1)
                lines = head.decode("latin1").split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines[1:])
                if headers.get("expect") == "100-continue":
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                length = int(headers.get("content-length", 0))
                while len(data) < length:
                    data += connection.recv(65536)
                data = data[length:]
                answer(connection, lines[0].split(" ")[1], received)


def accept(listener, start, certificate):
    while True:
        connection, _ = listener.accept()
        if start == "thread":
            threading.Thread(target=serve, args=(connection, certificate), daemon=True).start()
        elif os.fork() == 0:
            listener.close()
            try:
                serve(connection, certificate)
            finally:
                os._exit(0)
        else:
            connection.close()


def main():
    kind, family, address, *certificate = sys.argv[1:]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    families = {"tcp4": socket.AF_INET, "tcp6": socket.AF_INET6, "unix": socket.AF_UNIX}
    listener = socket.socket(families[family])
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    hosts = {"tcp4": "127.0.0.1", "tcp6": "::1"}
    listener.bind(address if family == "unix" else (hosts[family], int(address)))
    listener.listen(1024)
    if "LOADED" in os.environ:
        import ssl  # noqa: F401
    workers = 3 if kind == "prefork" else 1
    for _ in range(workers - 1):
        if os.fork() == 0:
            break
    else:
        print("ready", flush=True)
    accept(listener, "fork" if kind == "fork" else "thread", certificate)


main()
