// The peer of the broadcast bench: npm's ws, doing what net_server.c does. Prints its port.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
const require = createRequire(process.argv[2] ?? import.meta.url);
const { WebSocketServer } = require('ws');

const server = createServer();
const wss = new WebSocketServer({ server, perMessageDeflate: false });
wss.on('connection', (socket) => {
  socket.on('message', (data) => {
    const [word, count, size] = data.toString().split(' ');
    if (word !== 'go') return;
    let left = Number(count);
    let sent = 0;
    const started = process.hrtime.bigint();
    const tick = () => {
      const now = process.hrtime.bigint();
      const text = String(now / 1000n).padStart(20, '0') + '\0' + '.'.repeat(Number(size) - 21);
      for (const peer of wss.clients) peer.send(text);
      sent += 1;
      left -= 1;
      const due = Number(started / 1000000n) + (sent + 1) * 20;
      if (left > 0) setTimeout(tick, Math.max(0, due - Number(process.hrtime.bigint() / 1000000n)));
    };
    setTimeout(tick, 20);
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();
