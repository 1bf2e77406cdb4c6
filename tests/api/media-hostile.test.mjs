// What comes over the wire as media and is not: cut, swollen, two things at once, of kinds that are not kept; uploads that break
// off or do not fit; ranges of every kind; a recording of 60 MB. Nothing of it takes the server down or leaves anything behind.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { chunk, gif, jpeg, png, tone, wav } from '../lib/mediafiles.mjs';
import { removeFolder, request, startServer } from '../lib/server.mjs';

let server;
before(async () => {
    server = await startServer();
});
after(async () => {
    const { code } = await server.stop();
    removeFolder(server.data);
    assert.equal(code, 0, server.log);
    assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
});

const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const upload = async (bytes, query = '', headers = {}, to = server) => {
    const response = await fetch(`${to.url}/api/media${query}`, { method: 'POST', headers: { 'content-type': 'application/octet-stream', ...headers }, body: bytes });
    return { status: response.status, headers: response.headers, body: await response.json() };
};
const bytesOf = async (path, headers = {}, method = 'GET') => {
    const response = await fetch(server.url + path, { headers, method });
    return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
};
const speech = async (text, format) => {
    const response = await fetch(`${server.url}/v1/audio/speech`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'flite', voice: 'slt', input: text, response_format: format }) });
    return Buffer.from(await response.arrayBuffer());
};
const latin = (text, more = 0) => Buffer.concat([Buffer.from(text, 'latin1'), Buffer.alloc(more)]);
const be16 = (n) => Buffer.from([n >> 8, n & 255]);
/** Peak of the memory that the server itself has had, in MB. */
const peak = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${server.child.pid}/status`, 'utf8'))[1]) / 1024;

/** A JPEG whose frame says another size. */
function jpegOf(width, height) {
    const bytes = jpeg();
    const at = bytes.indexOf(Buffer.from([0xff, 0xc0]));
    be16(height).copy(bytes, at + 5);
    be16(width).copy(bytes, at + 7);
    return bytes;
}
const le24 = (n) => Buffer.from([n & 255, (n >> 8) & 255, n >> 16]);
const riff = (...parts) => {
    const body = Buffer.concat(parts);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(body.length + 4);
    return Buffer.concat([Buffer.from('RIFF'), size, Buffer.from('WEBP'), body]);
};
const webpChunk = (name, data) => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(data.length);
    return Buffer.concat([Buffer.from(name), size, data, Buffer.alloc(data.length & 1)]);
};

test('what is broken, swollen, two things at once or of another kind is refused, with what to do', async () => {
    const [opus, flac, mp3] = [await speech('This will be broken.', 'opus'), await speech('This will be broken.', 'flac'), await speech('This will be broken.', 'mp3')];
    const whole = png(64, 48);
    const webp = (await bytesOf((await upload(png(300, 200, { paint: (x, y) => [(x * y) & 255, x & 255, y & 255] }))).body.preview)).bytes;
    const noise = Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 7919 + (i >> 3)) & 255));
    const zip = Buffer.concat([latin('PK\x03\x04', 26), latin('PK\x05\x06', 18)]);
    const html = Buffer.from('<html><body onload=alert(1)><script>alert(1)</script>');
    const cases = [
        // PNG
        ['PNG: garbage behind its signature', Buffer.concat([whole.subarray(0, 8), noise]), [422]],
        ['PNG: no pixels at all', Buffer.concat([whole.subarray(0, 33), chunk('IEND', Buffer.alloc(0))]), [422]],
        ['PNG: 30,000 x 30,000 in 60 KB', png(8, 8, { said: { width: 30000, height: 30000 } }), [413]],
        ['PNG: 2^31 wide', png(8, 8, { said: { width: 0x7fffffff, height: 1 } }), [413, 422]],
        ['PNG: with a jar behind it', Buffer.concat([whole, zip]), [422]],
        ['PNG: with a page behind it', Buffer.concat([whole, Buffer.from('\n\n'), html]), [422]],
        // JPEG
        ['JPEG: garbage', Buffer.concat([latin('\xff\xd8\xff\xe0'), noise]), [422]],
        ['JPEG: cut in its tables', jpeg().subarray(0, 200), [422]],
        ['JPEG: 65,500 x 65,500', jpegOf(65500, 65500), [413]],
        ['JPEG: of no height', jpegOf(48, 0), [422]],
        ['JPEG: with a page behind it', Buffer.concat([jpeg(), html]), [422]],
        ['JPEG: with a program behind it', Buffer.concat([jpeg(), latin('\x7fELF', 100)]), [422]],
        // GIF
        ['GIF: its head alone', gif(1).subarray(0, 13), [422]],
        ['GIF: garbage', Buffer.concat([latin('GIF89a'), noise]), [413, 422]],
        ['GIF: 65,535 x 65,535', gif(1, { width: 65535, height: 65535 }), [413]],
        ['GIF: a script in its size', latin("GIF89a='GIF';alert(document.domain)//"), [413, 422]],
        ['GIF: with a jar behind it', Buffer.concat([gif(1), zip]), [422]],
        // WebP
        ['WebP: cut', webp.subarray(0, webp.length >> 1), [422]],
        ['WebP: garbage', riff(webpChunk('VP8 ', noise)), [422]],
        ['WebP: 16,777,216 wide', riff(webpChunk('VP8X', Buffer.concat([Buffer.alloc(4), le24(0xffffff), le24(0xff)])), webpChunk('VP8L', noise.subarray(0, 20))), [413, 422]],
        ['WebP: with a zip behind it', Buffer.concat([webp, zip]), [422]],
        // drawings and documents
        ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'), [415], /PNG/],
        ['SVG: behind a byte order mark', Buffer.from('\ufeff<svg xmlns="http://www.w3.org/2000/svg"/>'), [415], /SVG.*PNG/],
        ['SVG: behind blanks', Buffer.from(' \n\t<svg xmlns="http://www.w3.org/2000/svg"/>'), [415], /SVG.*PNG/],
        ['SVG: in UTF-16', Buffer.from('\ufeff<svg xmlns="http://www.w3.org/2000/svg"/>', 'utf16le'), [415]],
        ['SVG: as XML', Buffer.from('<?xml version="1.0"?><!DOCTYPE svg><svg/>'), [415], /SVG.*PNG/],
        ['HTML in capitals', Buffer.from('<HTML><SCRIPT>alert(1)</SCRIPT>'), [415]],
        // kinds that are not kept
        ['AVIF', latin('\0\0\0\x20ftypavif\0\0\0\0avifmif1', 40), [415], /AVIF.*PNG/],
        ['HEIC', latin('\0\0\0\x20ftypheic\0\0\0\0mif1heic', 40), [415], /HEIC.*JPEG/],
        ['HEIC as mif1', latin('\0\0\0\x20ftypmif1\0\0\0\0mif1heic', 40), [415], /HEIF.*JPEG/],
        ['BMP', Buffer.concat([latin('BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0'), noise]), [415], /bitmap.*PNG/],
        ['TIFF', latin('II*\0\x08\0\0\0', 100), [415], /TIFF.*PNG/],
        ['M4A', latin('\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom', 40), [415], /M4A.*(WAV|Opus)/],
        ['AAC', Buffer.concat([Buffer.from([0xff, 0xf1, 0x50, 0x80, 0x2e, 0x7f, 0xfc]), noise]), [415], /AAC.*(WAV|Opus)/],
        ['MP4', latin('\0\0\0\x20ftypisom', 40), [415], /MP4/],
        ['MIDI', latin('MThd\0\0\0\x06\0\x01\0\x02\x01\xe0MTrk', 40), [415], /MIDI.*WAV/],
        ['WMA', Buffer.concat([Buffer.from('3026b2758e66cf11a6d900aa0062ce6c', 'hex'), noise]), [415], /Windows Media.*WAV/],
        // WAV
        ['WAV: its head alone', wav([0.1, 0.2]).subarray(0, 40), [422]],
        ['WAV: garbage', Buffer.concat([latin('RIFF\xff\xff\xff\xffWAVE'), noise]), [415, 422]],
        ['WAV: of no channels', wav(tone(0.1), 16000, { channels: 0 }), [422]],
        ['WAV: no rate', wav(tone(0.1), 0), [422]],
        ['WAV: with a page behind it', Buffer.concat([wav(tone(0.2)), html]), [422]],
        // FLAC, Ogg, MP3
        ['FLAC: cut in its head', flac.subarray(0, 30), [422]],
        ['FLAC: garbage', Buffer.concat([latin('fLaC'), noise]), [422]],
        ['FLAC: broken in its middle', Buffer.concat([flac.subarray(0, flac.length >> 1), noise, flac.subarray((flac.length >> 1) + 3000)]), [422]],
        ['Ogg: garbage', Buffer.concat([latin('OggS'), noise]), [415, 422]],
        ['Opus: its heads alone', opus.subarray(0, 47), [422]],
        ['Opus: broken in its middle', Buffer.concat([opus.subarray(0, opus.length >> 1), noise, opus.subarray((opus.length >> 1) + 300)]), [422]],
        ['MP3: garbage behind a head', Buffer.concat([mp3.subarray(0, 4), noise]), [422]],
        ['MP3: an ID3 of 256 MB', latin('ID3\x04\0\0\x7f\x7f\x7f\x7f', 300), [415, 422]],
        // texts by other names
        ['a text', Buffer.from('This is a letter, no picture. '.repeat(99)), [415], /PNG/],
        ['bytes of nothing', Buffer.alloc(5000), [415], /PNG/]
    ];
    const before = (await request(server, 'GET', '/api/media/usage')).body;
    for (const [what, bytes, statuses, pattern = /\w{3,}.*[.]$/] of cases) {
        const { status, body } = await upload(bytes, '?name=holiday.jpg', { 'content-type': 'image/jpeg' });
        assert.ok(statuses.includes(status), `${what}: ${status} ${JSON.stringify(body)}`);
        assert.match(body.error.message, pattern, what);
        assert.match(body.error.message, /^This|^The|^[A-Z0-9].*[.]$/s, what);
    }
    assert.ok(cases.length >= 50);
    const now = (await request(server, 'GET', '/api/media/usage')).body;
    assert.deepEqual([now.count, now.bytes], [before.count, before.bytes]);
    assert.deepEqual(readdirSync(join(server.data, 'incoming')), []);
    assert.equal((await request(server, 'GET', '/readyz')).status, 200);
    assert.equal((await upload(whole)).status, 201);
});

test('bombs that hide in texts and profiles cost nothing', async () => {
    const bomb = deflateSync(Buffer.alloc(200 << 20));
    const had = peak();
    for (const name of ['zTXt', 'iTXt', 'iCCP']) {
        const inner = name === 'iTXt' ? Buffer.concat([latin('Comment\0\x01\0\0\0'), bomb]) : Buffer.concat([latin('Comment\0\0'), bomb]);
        const { status } = await upload(png(32, 32, { between: [chunk(name, inner)] }));
        assert.ok([201, 422, 413].includes(status), `${name}: ${status}`);
    }
    assert.ok(peak() - had < 40, `${Math.round(peak() - had)} MB more`);
});

test('what is kept is never served as anything but what it is', async () => {
    const comment = chunk('tEXt', Buffer.from('Comment\0<script>alert(1)</script>'));
    const { body } = await upload(png(20, 20, { between: [comment] }), '?name=%3Cscript%3E.svg');
    for (const path of [body.url, `${body.url}?type=text/html`, body.preview]) {
        const { headers } = await bytesOf(path, { accept: 'text/html' });
        assert.match(headers.get('content-type'), /^image\/(png|webp)$/);
        assert.equal(headers.get('x-content-type-options'), 'nosniff');
        assert.match(headers.get('content-security-policy'), /sandbox/);
    }
});

test('ranges: the first, the last, beyond the end, several, with conditions; HEAD has the same head', async () => {
    const file = wav(tone(2));
    const n = file.length;
    const { body } = await upload(file);
    const whole = await bytesOf(body.url);
    const etag = whole.headers.get('etag');
    for (const [range, status, from, to] of [
        ['bytes=0-0', 206, 0, 1], ['bytes=-1', 206, n - 1, n], ['bytes=-100', 206, n - 100, n], [`bytes=-${n * 2}`, 206, 0, n], ['bytes=100-', 206, 100, n],
        [`bytes=${n - 1}-${n + 999}`, 206, n - 1, n], [`bytes=${n}-`, 416], [`bytes=${n + 5}-${n + 9}`, 416], ['bytes=-0', 416], ['bytes=18446744073709551615-', 416],
        ['bytes=0-99,200-299', 200, 0, n], ['bytes=9-3', 200, 0, n], ['bytes=x-y', 200, 0, n], ['octets=0-9', 200, 0, n], ['bytes=', 200, 0, n], ['bytes=99999999999999999999-', 416]
    ]) {
        const answer = await bytesOf(body.url, { range });
        if (range.includes(',')) assert.ok([200, 206, 416].includes(answer.status), range);
        else assert.ok(answer.status === status || (status === 416 && answer.status === 200 && range.includes('99999')), `${range}: ${answer.status}`);
        if (answer.status === 416) assert.equal(answer.headers.get('content-range'), `bytes */${n}`, range);
        if (answer.status === 206 && !range.includes(',')) {
            assert.equal(answer.headers.get('content-range'), `bytes ${from}-${to - 1}/${n}`, range);
            assert.ok(answer.bytes.equals(file.subarray(from, to)), range);
        }
        if (answer.status === 200) assert.ok(answer.bytes.equals(file), range);
    }
    assert.equal((await bytesOf(body.url, { range: 'bytes=0-9', 'if-range': etag })).status, 206);
    assert.equal((await bytesOf(body.url, { range: 'bytes=0-9', 'if-range': '"another"' })).status, 200);
    assert.equal((await bytesOf(body.url, { range: 'bytes=0-9', 'if-none-match': etag })).status, 304);
    const head = await bytesOf(body.url, {}, 'HEAD');
    assert.equal(head.status, 200);
    assert.equal(head.bytes.length, 0);
    for (const name of ['content-length', 'content-type', 'etag', 'accept-ranges']) assert.equal(head.headers.get(name), whole.headers.get(name), name);
});

/** A request byte by byte: what the server answers until it closes, or `ms` passed. */
const wire = (head, bytes, { close = false, ms = 3000 } = {}) => new Promise((resolve) => {
    const socket = net.connect(new URL(server.url).port, '127.0.0.1');
    let said = '';
    const done = () => (clearTimeout(timer), socket.destroy(), resolve(said));
    const timer = setTimeout(done, ms);
    socket.on('data', (d) => (said += d)).on('error', done).on('close', done);
    socket.write(head);
    socket.write(bytes);
    if (close) setTimeout(() => socket.destroy(), 50);
});
const post = (length) => `POST /api/media HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\nConnection: close\r\n${length}\r\n\r\n`;
const incoming = () => readdirSync(join(server.data, 'incoming'));

test('uploads that lie about their length, or break off, leave nothing', async () => {
    const file = png(40, 40);
    const usage = (await request(server, 'GET', '/api/media/usage')).body;
    // Shorter than it says, then gone: nobody to answer, nothing kept.
    assert.equal(await wire(post(`Content-Length: ${file.length + 100}`), file, { close: true }), '');
    assert.equal(await wire(post('Transfer-Encoding: chunked'), Buffer.concat([Buffer.from(`${(file.length + 9).toString(16)}\r\n`), file]), { close: true }), '');
    // Longer than it says: the picture is cut there.
    assert.match(await wire(post(`Content-Length: ${file.length - 20}`), file), /^HTTP\/1.1 422/);
    for (const length of ['Content-Length: -1', 'Content-Length: 1e3', 'Content-Length: 99999999999999999999999', `Content-Length: ${file.length}\r\nContent-Length: 7`, `Content-Length: 7\r\nTransfer-Encoding: chunked`])
        assert.match(await wire(post(length), file), /^HTTP\/1.1 4\d\d/, length);
    assert.match(await wire(post(`Content-Length: ${2 ** 40}`), file), /^HTTP\/1.1 413/);
    assert.match(await wire(post('Transfer-Encoding: chunked'), Buffer.from('zz\r\n')), /^HTTP\/1.1 400/);
    assert.match(await wire(post('Content-Length: 0'), Buffer.alloc(0)), /^HTTP\/1.1 400/);
    for (let i = 0; i < 40 && incoming().length; i++) await sleep(50);
    assert.deepEqual(incoming(), []);
    assert.deepEqual((await request(server, 'GET', '/api/media/usage')).body.count, usage.count);
});

test('ten who upload at once and leave midway cost nobody anything', async () => {
    const file = wav(tone(30));
    const stops = Array.from({ length: 10 }, () => new AbortController());
    const sent = stops.map(({ signal }, i) => {
        const slow = new ReadableStream({
            async start(controller) {
                for (let at = 0; at < file.length && !signal.aborted; at += 100000) {
                    controller.enqueue(file.subarray(at, at + 100000));
                    await sleep(5 + i);
                }
                if (!signal.aborted) controller.close();
            }
        });
        return fetch(`${server.url}/api/media`, { method: 'POST', body: slow, duplex: 'half', signal, headers: { 'content-type': 'audio/wav' } }).then((r) => r.status, () => 0);
    });
    await sleep(60);
    stops.forEach((stop, i) => i % 2 && stop.abort());
    assert.deepEqual(await Promise.all(sent), Array.from({ length: 10 }, (_, i) => (i % 2 ? 0 : 201)));
    for (let i = 0; i < 60 && incoming().length; i++) await sleep(50);
    assert.deepEqual(incoming(), []);
});

test('a recording of 60 MB: taken, sought in, played by ten at once; the server stays small', async () => {
    const rate = 48000;
    const seconds = 160;
    const samples = new Float32Array(rate * seconds * 2);
    for (let i = 0; i < samples.length; i += 2) samples[i] = samples[i + 1] = 0.3 * Math.sin((i / 2 / rate) * 2 * Math.PI * (200 + (i / samples.length) * 400));
    const head = wav([], rate, { channels: 2, bits: 32, said: samples.byteLength });
    const file = Buffer.concat([head, Buffer.from(samples.buffer)]);
    const had = peak();
    const { status, body } = await upload(file, '?source=recording&name=long.wav');
    assert.equal(status, 201, JSON.stringify(body));
    assert.ok(file.length > 60e6 && Math.abs(body.duration_ms - seconds * 1000) < 20);
    for (const share of [0.9, 0.1, 0.5, 0.999]) {
        const at = Math.floor(file.length * share);
        const part = await bytesOf(body.url, { range: `bytes=${at}-${at + 65535}` });
        assert.equal(part.status, 206);
        assert.ok(part.bytes.equals(file.subarray(at, at + 65536)));
    }
    const all = await Promise.all(Array.from({ length: 10 }, () => bytesOf(body.url)));
    for (const one of all) assert.equal(one.bytes.length, file.length);
    const grew = peak() - had;
    assert.ok(grew < 48, `the server grew by ${Math.round(grew)} MB`);
    const job = await request(server, 'POST', `/api/media/${body.id}/transcribe`);
    assert.equal(job.status, 202);
    await sleep(300);
    assert.equal((await request(server, 'GET', `/api/media/${body.id}/transcribe`)).status, 200);
    assert.equal((await request(server, 'DELETE', `/api/media/${body.id}`)).status, 204, 'also while it is being transcribed');
    assert.equal((await request(server, 'GET', `/api/media/${body.id}/about`)).status, 404);
    assert.equal((await request(server, 'GET', '/readyz')).status, 200);
});
