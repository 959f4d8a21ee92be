"""An HTTP server that answers each request after one query. Usage: orders_server.py SOCKET_FOLDER; prints its port."""
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import psycopg2

database = psycopg2.connect(host=sys.argv[1], user="postgres", dbname="postgres")


class Orders(BaseHTTPRequestHandler):
    def do_GET(self):
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.05)")
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Orders)
print(server.server_port, flush=True)
server.serve_forever()
