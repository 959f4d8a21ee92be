"use strict";
// An HTTP server that answers each request after one query, which it speaks to PostgreSQL by itself: Node has no driver in
// Debian that its other Node packages leave alone. Usage: orders_server.js SOCKET_FOLDER; prints its port.
const { createServer } = require("node:http");
const { connect } = require("node:net");

const database = connect(`${process.argv[2]}/.s.PGSQL.5432`);
const waiting = [];

function send(type, text) {
  const body = Buffer.from(text + "\0");
  const head = Buffer.alloc(type === "" ? 4 : 5);
  head.write(type);
  head.writeInt32BE(body.length + 4, head.length - 4);
  database.write(Buffer.concat([head, body]));
}

// A startup message of protocol 3.0; then ReadyForQuery ends each answer.
send("", "\0\x03\0\0user\0postgres\0database\0postgres\0");
database.on("data", (bytes) => {
  if (bytes.at(-6) === 0x5a) waiting.shift()?.();
});
const server = createServer(async (_request, response) => {
  const answered = new Promise((resolve) => waiting.push(resolve));
  send("Q", "SELECT pg_sleep(0.05)");
  await answered;
  response.end();
});
// The first answer is the one to the startup message.
waiting.push(() => server.listen(0, "127.0.0.1", () => console.log(server.address().port)));
