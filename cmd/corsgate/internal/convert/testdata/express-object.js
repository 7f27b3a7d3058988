const http = require('http');
http.createServer((req, res) => {
  res.writeHead(200, { 'access-control-allow-origin': 'https://app.example.com', "Access-Control-Allow-Methods": "GET, PUT" });
  res.end('ok');
}).listen(3000);
