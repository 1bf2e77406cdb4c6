// What a server can do to who asks it, below any format: for tests of every remote driver.
//
//   reset           closes the connection without a word        half-head       half of a head, then nothing
//   no-http         bytes that are no HTTP                       silent-head     a head, then nothing
//   cut-length      less than its Content-Length says            cut-chunked     ends between two chunks
//   empty           200 and nothing                              html            200 and a page
//   later, later-date, later-ms    429; Retry-After in seconds, as a date, in milliseconds
//   soon, soon-date                429 with a wait of nothing once, then what was asked for
//   broken, unavailable, unauthorized, forbidden, missing, teapot    500, 503, 401, 403, 404, 418
//   redirect        302 to an address that counts who comes
//   bad-utf8        500; its message is no UTF-8                 long-words      500 and 300 KB of message
//   endless-error   500 and a message without end                giant-head      a head of 400 KB
//   echo            401; its message has the key in it
//
// `hostile(mode, req, res, state)` gives true where it answered; state is an object that lives as long as the server.
const JSON_TYPE = { 'content-type': 'application/json' };
const message = (text) => JSON.stringify({ error: { message: text } });

export const refusing = ['later', 'later-date', 'later-ms', 'broken', 'unavailable', 'unauthorized', 'forbidden', 'missing', 'teapot', 'redirect', 'bad-utf8', 'long-words', 'endless-error', 'echo'];
export const breaking = ['reset', 'half-head', 'no-http', 'silent-head', 'cut-length', 'cut-chunked', 'empty', 'html', 'giant-head'];

async function endless(res, bytes) {
    while (!res.destroyed) {
        if (!res.write(bytes)) await new Promise((resolve) => (res.once('drain', resolve), res.once('close', resolve)));
        await new Promise((r) => setTimeout(r, 5));
    }
}

export function hostile(mode, req, res, state) {
    const say = (status, text, headers = {}) => (res.writeHead(status, { ...JSON_TYPE, ...headers }).end(message(text)), true);
    const raw = (text, then) => (req.socket.write(text), then?.(), true);
    const key = req.headers['xi-api-key'] ?? (req.headers.authorization ?? '').replace(/^Bearer /, '');
    switch (mode) {
        case 'reset': return req.socket.destroy(), true;
        case 'half-head': return raw('HTTP/1.1 200 OK\r\nContent-Ty');
        case 'no-http': return raw('220 mail.example ESMTP ready\r\n', () => req.socket.end());
        case 'silent-head': return res.writeHead(200, { 'content-type': 'application/octet-stream' }).flushHeaders(), true;
        case 'cut-length':
            res.writeHead(200, { 'content-type': state.type ?? 'audio/pcm', 'content-length': 500000 });
            return res.write(state.part), setTimeout(() => res.destroy(), 30), true;
        case 'cut-chunked':
            res.writeHead(200, { 'content-type': state.type ?? 'audio/pcm' });
            return res.write(state.part), setTimeout(() => res.destroy(), 30), true;
        case 'empty': return res.writeHead(200).end(), true;
        case 'html': return res.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Log in</title>'), true;
        case 'giant-head': return raw(`HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(400000)}\r\n\r\n`);
        case 'later': return say(429, 'Too many.', { 'retry-after': '30' });
        case 'later-date': return say(429, 'Too many.', { 'retry-after': new Date(Date.now() + 30000).toUTCString() });
        case 'later-ms': return say(429, 'Too many.', { 'retry-after-ms': '30000' });
        case 'soon':
        case 'soon-date': {
            const seen = (state.seen ??= new Set());
            const who = `${mode} ${req.method} ${req.url}`;
            if (seen.has(who)) return false;
            seen.add(who);
            return say(429, 'A moment.', { 'retry-after': mode === 'soon' ? '0' : new Date(Date.now() - 1000).toUTCString() });
        }
        case 'broken': return say(500, 'Out of memory.');
        case 'unavailable': return say(503, 'Loading the model.');
        case 'unauthorized': return say(401, 'No.');
        case 'forbidden': return say(403, 'Not yours.');
        case 'missing': return say(404, 'No such model.');
        case 'teapot': return say(418, 'I am a teapot.');
        case 'redirect': return res.writeHead(302, { location: '/elsewhere' }).end(), true;
        case 'bad-utf8': return res.writeHead(500, JSON_TYPE).end(Buffer.concat([Buffer.from('{"error":{"message":"it is \xc3\x28 and \xff\xfe broken '.repeat(1), 'latin1'), Buffer.alloc(300, 0xf0), Buffer.from('"}}')])), true;
        case 'long-words': return say(500, 'ä'.repeat(150000));
        case 'endless-error':
            res.writeHead(500, JSON_TYPE);
            return endless(res, Buffer.alloc(65536, ' ')), true;
        case 'echo': return say(401, `Incorrect API key provided: ${key}.`);
        default: return false;
    }
}
