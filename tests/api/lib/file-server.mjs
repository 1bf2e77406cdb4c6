// A server of model files that behaves well and badly, on 127.0.0.1 and a free port. Paths: /HOW/anything.gguf
//
//   good          ranges, ETag, Content-Length          once-cut      closes after a third, once; then good
//   cuts          closes after every 200 KB             no-range      ignores Range, closes after half the first time
//   stall         sends a third, then nothing, once     always-stall  sends a third, then nothing, always
//   short         says more than it sends               long          sends more than it says (as chunks of a known size)
//   wrong-sum     its ETag is a SHA-256 that is wrong    right-sum     its ETag is the SHA-256 of the file
//   linked        302 with x-linked-etag to /good       wrong-linked  the same with a wrong one
//   changes       another file (other ETag) after a cut  weak         only a weak ETag, closes half the first time
//   html          a page                                junk          bytes that are no model
//   truncated     a model cut short, told with its short length
//   busy          429 with Retry-After: 1 twice, then good   down      503 always
//   loop          redirects to itself                   downgrade     redirects to ftp
//   gone          404                                   gated         403
//   nolength      no Content-Length, closed at the end  chunked       chunked
//   slow          20 KB every 50 ms                     lies-range    answers a Range with another range
// /api/models/... and /ORG/REPO/resolve/... speak as Hugging Face does.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { gguf, sha256 } from './gguf.mjs';

const SIZE = 600_000;

export async function startFiles() {
    const file = gguf({ bytes: SIZE });
    const other = gguf({ bytes: SIZE, seed: 2, name: 'Other' });
    const part = (n) => gguf({ bytes: 50_000, seed: n, keys: { 'split.count': 2, 'split.no': n - 1 } });
    const files = { file, other, sum: sha256(file), otherSum: sha256(other), requests: [], count: {}, aborted: 0, parts: [part(1), part(2)] };
    const times = (how) => (files.count[how] = (files.count[how] ?? 0) + 1);

    /** Sends bytes from..to of a file, with what belongs to it; cuts after `cut` bytes. */
    async function send(req, res, bytes, { etag = `"${sha256(bytes).slice(0, 16)}"`, ranges = true, cut, pause, stall, headers = {} } = {}) {
        const range = ranges && req.headers.range?.match(/bytes=(\d+)-/);
        const fits = range && (!req.headers['if-range'] || req.headers['if-range'] === etag);
        const from = fits ? Number(range[1]) : 0;
        if (fits && from >= bytes.length) return res.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
        const rest = bytes.subarray(from);
        res.writeHead(fits ? 206 : 200, {
            'content-type': 'application/octet-stream', 'content-length': rest.length, ...(etag && { etag }), 'accept-ranges': 'bytes',
            ...(fits && { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }), ...headers
        });
        if (cut !== undefined && cut < rest.length) {
            res.write(rest.subarray(0, cut));
            await sleep(60);
            if (stall) return;
            return res.destroy();
        }
        if (!pause) return res.end(rest);
        for (let at = 0; at < rest.length && !res.destroyed; at += 20_000) {
            res.write(rest.subarray(at, at + 20_000));
            await sleep(pause);
        }
        res.end();
    }

    const third = Math.floor(SIZE / 3);
    const ways = {
        good: (req, res) => send(req, res, file),
        'once-cut': (req, res) => send(req, res, file, times('once-cut') === 1 ? { cut: third } : {}),
        cuts: (req, res) => send(req, res, file, { cut: 200_000 }),
        'no-range': (req, res) => send(req, res, file, { ranges: false, cut: times('no-range') === 1 ? third : undefined }),
        stall: (req, res) => send(req, res, file, times('stall') === 1 ? { cut: third, stall: true } : {}),
        'always-stall': (req, res) => send(req, res, file, { ranges: false, cut: third, stall: true }),
        short: (req, res) => send(req, res, file.subarray(0, SIZE / 2), { headers: { 'content-length': SIZE }, ranges: false, cut: SIZE / 2 - 1 }),
        long: (req, res) => { res.writeHead(206, { 'content-range': `bytes 0-99/100`, 'transfer-encoding': 'chunked' }); res.end(file); },
        'wrong-sum': (req, res) => send(req, res, file, { etag: `"${files.otherSum}"` }),
        'right-sum': (req, res) => send(req, res, file, { etag: `"${files.sum}"` }),
        linked: (req, res) => res.writeHead(302, { location: '/good/cdn-name', 'x-linked-etag': `"${files.sum}"`, 'x-linked-size': String(file.length) }).end(),
        'wrong-linked': (req, res) => res.writeHead(302, { location: '/good/cdn-name', 'x-linked-etag': `"${files.otherSum}"` }).end(),
        changes: (req, res) => (times('changes') === 1 ? send(req, res, file, { cut: third }) : send(req, res, other)),
        weak: (req, res) => send(req, res, file, { etag: 'W/"x"', cut: times('weak') === 1 ? third : undefined }),
        html: (req, res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in</html>'),
        junk: (req, res) => send(req, res, Buffer.alloc(100_000, 'junk ')),
        truncated: (req, res) => send(req, res, file.subarray(0, SIZE / 2)),
        busy: (req, res) => (times('busy') <= 2 ? res.writeHead(429, { 'retry-after': '1' }).end() : send(req, res, file)),
        down: (req, res) => { times('down'); res.writeHead(503).end(); },
        loop: (req, res) => res.writeHead(302, { location: req.url }).end(),
        downgrade: (req, res) => res.writeHead(302, { location: 'ftp://127.0.0.1/x.gguf' }).end(),
        gone: (req, res) => res.writeHead(404).end('no'),
        gated: (req, res) => res.writeHead(403).end('{"error":"Access to model is restricted"}'),
        nolength: (req, res) => { res.useChunkedEncodingByDefault = false; res.shouldKeepAlive = false; res.writeHead(200, { connection: 'close' }); res.end(file); },
        chunked: (req, res) => { res.writeHead(200, { 'transfer-encoding': 'chunked' }); res.end(file); },
        slow: (req, res) => send(req, res, file, { pause: 50 }),
        'lies-range': (req, res) => {
            if (times('lies-range') === 1) return send(req, res, file, { cut: third });
            if (times('lies-range2') === 1) return res.writeHead(206, { 'content-range': `bytes 5-${file.length - 1}/${file.length}`, etag: `"${sha256(file).slice(0, 16)}"` }).end(file.subarray(5));
            return send(req, res, file);
        },
        parts: (req, res) => send(req, res, files.parts[req.url.includes('00001-of') ? 0 : 1])
    };
    const tree = [
        { type: 'file', path: 'README.md', size: 10 },
        { type: 'file', path: 'Tiny-Q2_K.gguf', size: other.length, lfs: { oid: sha256(other), size: other.length } },
        { type: 'file', path: 'Tiny-Q4_K_M.gguf', size: file.length, lfs: { oid: sha256(file), size: file.length } }
    ];

    const http = createServer((req, res) => {
        files.requests.push({ url: req.url, range: req.headers.range, ifRange: req.headers['if-range'], auth: req.headers.authorization });
        res.on('close', () => (files.aborted += res.writableFinished ? 0 : 1));
        const how = req.url.split('/')[1];
        if (req.url.startsWith('/api/models/')) return res.writeHead(req.url.includes('No/Repo') ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(tree));
        if (req.url.includes('/resolve/main/')) return send(req, res, req.url.includes('Q2_K') ? other : file);
        return ways[how] ? ways[how](req, res) : res.writeHead(404).end();
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    files.url = `http://127.0.0.1:${http.address().port}`;
    files.close = () => { http.closeAllConnections?.(); http.close(); };
    return files;
}
