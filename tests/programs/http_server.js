// usage: node http_server.js PORT: answers /status/N with that status, all else with 200; says "ready".
const http = require("node:http");

http.createServer((request, response) => {
  const status = /^\/status\/(\d+)/.exec(request.url);
  request.resume();
  request.on("end", () => {
    response.writeHead(status === null ? 200 : Number(status[1]), { "content-type": "text/plain" });
    response.end("ok");
  });
}).listen(Number(process.argv[2]), "127.0.0.1", () => console.log("ready"));
