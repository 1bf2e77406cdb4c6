// The media hub over HTTP: what is taken and what is refused, ranges, finding, transcripts, quotas, deletion.
import assert from 'node:assert/strict';
import { readdirSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { crc32 } from '../lib/cardfiles.mjs';
import { chunk, exif, gif, jpeg, oggPackets, png, tone, wav, webm } from '../lib/mediafiles.mjs';
import { removeFolder, request, startServer } from '../lib/server.mjs';

let server;
before(async () => {
    server = await startServer();
});
after(async () => {
    await server.stop();
    removeFolder(server.data);
});

const upload = async (bytes, query = '', headers = {}, to = server) => {
    const response = await fetch(`${to.url}/api/media${query}`, { method: 'POST', headers: { 'content-type': 'application/octet-stream', ...headers }, body: bytes });
    return { status: response.status, headers: response.headers, body: await response.json() };
};
const bytesOf = async (path, headers = {}) => {
    const response = await fetch(server.url + path, { headers });
    return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
};
const blobs = (folder) => {
    if (!existsSync(join(folder, 'blobs'))) return 0;
    return readdirSync(join(folder, 'blobs')).filter((d) => d.length === 2).reduce((n, d) => n + readdirSync(join(folder, 'blobs', d)).length, 0);
};
const speech = async (text, format) => {
    const response = await fetch(`${server.url}/v1/audio/speech`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'flite', voice: 'slt', input: text, response_format: format }) });
    assert.equal(response.status, 200);
    return Buffer.from(await response.arrayBuffer());
};
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

test('pictures are kept, with what they are by their content', async () => {
    for (const [bytes, type, width, height, animated] of [
        [png(64, 48), 'image/png', 64, 48, false],
        [jpeg(), 'image/jpeg', 48, 32, false],
        [gif(1), 'image/gif', 4, 4, false],
        [gif(3), 'image/gif', 4, 4, true]
    ]) {
        const { status, body } = await upload(bytes, '?name=a%20picture.exe');
        assert.equal(status, 201, JSON.stringify(body));
        assert.deepEqual([body.kind, body.type, body.width, body.height, body.animated], ['image', type, width, height, animated]);
        assert.equal(body.source, 'upload');
        const whole = await bytesOf(body.url);
        assert.equal(whole.headers.get('content-type'), type);
        assert.equal(whole.headers.get('x-content-type-options'), 'nosniff');
        assert.match(whole.headers.get('content-security-policy'), /sandbox/);
        assert.ok(whole.bytes.equals(bytes));
        const preview = await bytesOf(body.preview);
        assert.equal(preview.headers.get('content-type'), 'image/webp');
        assert.equal(preview.bytes.toString('latin1', 8, 12), 'WEBP');
    }
});

test('a large picture has a small preview; a WebP is taken, too', async () => {
    const { body } = await upload(png(1600, 900));
    const preview = await bytesOf(body.preview);
    const again = await upload(preview.bytes);
    assert.equal(again.status, 201, JSON.stringify(again.body));
    assert.deepEqual([again.body.type, again.body.width, again.body.height], ['image/webp', 512, 288]);
});

test('where a picture was taken does not come along, unless asked for', async () => {
    const tiff = exif({ orientation: 6, gps: true });
    for (const [name, bytes] of [
        ['jpeg', jpeg({ tiff })],
        ['png', png(48, 32, { between: [chunk('eXIf', tiff), chunk('tEXt', Buffer.from('Comment\0my home'))] })]
    ]) {
        const { status, body } = await upload(bytes);
        assert.equal(status, 201, JSON.stringify(body));
        assert.deepEqual([body.width, body.height, body.places], [32, 48, false], `${name}: upright`);
        const kept = (await bytesOf(body.url)).bytes;
        assert.ok(!kept.includes('Greenwich') && !kept.includes('my home'), name);
        assert.ok(kept.length < bytes.length);
        // It is still a picture, and still upright: the orientation stays.
        const again = await upload(kept);
        assert.deepEqual([again.body.width, again.body.height], [32, 48]);
        const asked = await upload(bytes, '?places=keep');
        assert.equal(asked.body.places, true);
        assert.ok((await bytesOf(asked.body.url)).bytes.equals(bytes));
    }
});

test('recordings are kept, with their length and waveform', async () => {
    const opus = await speech('Hello from a browser.', 'opus');
    for (const [bytes, type] of [
        [wav(tone(2, 48000).flatMap((s) => [s, s]), 48000, { channels: 2 }), 'audio/wav'],
        [await speech('Good morning.', 'flac'), 'audio/flac'],
        [await speech('Good morning.', 'mp3'), 'audio/mpeg'],
        [opus, 'audio/ogg'],
        [webm(oggPackets(opus)), 'audio/webm']
    ]) {
        const { status, body } = await upload(bytes, '?source=recording');
        assert.equal(status, 201, `${type}: ${JSON.stringify(body)}`);
        assert.deepEqual([body.kind, body.type, body.source], ['audio', type, 'recording']);
        assert.ok(body.duration_ms > 500 && body.duration_ms < 5000, `${type}: ${body.duration_ms}`);
        assert.ok(body.peaks.length > 20 && Math.max(...body.peaks) === 100 && Math.min(...body.peaks) >= 0, type);
        assert.ok(body.rate >= 8000 && body.channels >= 1);
    }
});

test('broken, lying and foreign files are refused with a reason, and nothing is kept', async () => {
    const before = blobs(server.data);
    const usage = (await request(server, 'GET', '/api/media/usage')).body;
    const opus = await speech('This will be cut.', 'opus');
    const flac = await speech('This will be cut.', 'flac');
    const whole = png(64, 48);
    const flipped = Buffer.from(whole);
    flipped[whole.length - 30] ^= 0xff;
    const bomb = (() => {
        // 12000 x 12000 pixels of one colour: some 600 KB that would be 576 MB.
        const row = deflateSync(Buffer.alloc(1 + 12000 * 4));
        return png(64, 48, { said: { width: 30000, height: 30000 }, between: [chunk('IDAT', row)] });
    })();
    const header = (w, h) => png(8, 8, { said: { width: w, height: h } });
    const zip = Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(26), Buffer.from('PK\x05\x06'), Buffer.alloc(18)]);
    const jpg = jpeg();
    const aiff = Buffer.concat([Buffer.from('FORM'), Buffer.from([0, 0, 0x10, 0]), Buffer.from('AIFFSSND'), Buffer.from([0, 0, 0x0f, 0]), Buffer.alloc(100)]);
    const cases = [
        ['an empty file', Buffer.alloc(0), 400],
        ['a text', Buffer.from('hello, this is no picture'), 415],
        ['a page of HTML that calls itself PNG', Buffer.from('<html><script>alert(1)</script></html>'), 415],
        ['an SVG drawing', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 415],
        ['an MP4', Buffer.concat([Buffer.from('\0\0\0\x20ftypisom', 'latin1'), Buffer.alloc(40)]), 415],
        ['an AVIF', Buffer.concat([Buffer.from('\0\0\0\x20ftypavif', 'latin1'), Buffer.alloc(40)]), 415],
        ['a PDF', Buffer.from('%PDF-1.4 ...'), 415],
        ['a zip', zip, 415],
        ['a gzip', gzipSync(Buffer.alloc(1000)), 415],
        ['a PNG cut in its pixels', whole.subarray(0, whole.length - 40), 422],
        ['a PNG cut in its head', whole.subarray(0, 20), 422],
        ['a PNG with a wrong checksum', flipped, 422],
        ['a PNG that says it has 900 million pixels', bomb, 413],
        ['a PNG whose size lies', header(4000, 4000), 422],
        ['a PNG of no width', header(0, 10), 422],
        ['a PNG with a zip behind it', Buffer.concat([whole, zip]), 422],
        ['a PNG with HTML behind it', Buffer.concat([whole, Buffer.from('<script>alert(1)</script>')]), 422],
        ['a JPEG cut short', jpg.subarray(0, jpg.length - 60), 422],
        ['a JPEG with a zip behind it', Buffer.concat([jpg, zip]), 422],
        ['a JPEG of nothing', Buffer.from([0xff, 0xd8, 0xff, 0xd9]), 422],
        ['a GIF cut short', gif(2).subarray(0, 60), 422],
        ['a GIF whose frame is outside', gif(1, { width: 2, height: 2 }), 422],
        ['a WebP cut short', (await bytesOf((await upload(png(200, 200))).body.preview)).bytes.subarray(0, 100), 422],
        ['a WebP of nonsense', Buffer.from('RIFF\x10\0\0\0WEBPVP8 \x04\0\0\0abcd', 'latin1'), 422],
        ['a WAV cut short', wav(tone(1), 16000, { said: 64000 }), 422],
        ['a WAV of nothing', wav([], 16000), 422],
        ['a WAV of 9 million samples a second', wav(tone(0.1), 9000000), 422],
        ['a WAV with a zip behind it', Buffer.concat([wav(tone(0.1)), zip]), 422],
        ['an AIFF without its head', aiff, 422],
        ['a FLAC cut short', flac.subarray(0, Math.floor(flac.length / 2)), 422],
        ['a FLAC of nothing', Buffer.concat([Buffer.from('fLaC'), Buffer.alloc(60)]), 422],
        ['an Ogg cut in a page', opus.subarray(0, opus.length - 100), 422],
        ['an Ogg of nothing', Buffer.from('OggS\0\x02'), 422],
        ['a WebM cut short', webm(oggPackets(opus)).subarray(0, -10), 422],
        ['a WebM of Vorbis', webm(oggPackets(opus), { codec: 'A_VORBIS' }), 415],
        ['a WebM film', webm(oggPackets(opus), { type: 1 }), 415],
        ['half a WebM head', Buffer.from('1a45dfa39f42', 'hex'), 422],
        ['noise that begins as an MP3', Buffer.concat([Buffer.from([0xff, 0xfb, 0x90, 0]), Buffer.alloc(50, 0x55)]), 422]
    ];
    const kept = blobs(server.data) - before; // the one WebP above
    for (const [what, bytes, status] of cases) {
        const answer = await upload(bytes, '?name=photo.png', { 'content-type': 'image/png' });
        assert.equal(answer.status, status, `${what}: ${JSON.stringify(answer.body)}`);
        assert.ok(answer.body.error.message.length > 20 && !/\bundefined\b/.test(answer.body.error.message), what);
    }
    assert.ok(cases.length >= 20);
    assert.equal(blobs(server.data) - before, kept, 'no bytes of theirs are kept');
    assert.deepEqual(readdirSync(join(server.data, 'incoming')), []);
    assert.equal((await request(server, 'GET', '/api/media/usage')).body.count, usage.count + 1);
    assert.equal((await upload(png(10, 10))).status, 201, 'and it still works');
});

test('bytes come in ranges, and not again to who has them', async () => {
    const file = wav(tone(3));
    const { body } = await upload(file);
    const part = await bytesOf(body.url, { range: 'bytes=1000-1999' });
    assert.equal(part.status, 206);
    assert.equal(part.headers.get('content-range'), `bytes 1000-1999/${file.length}`);
    assert.ok(part.bytes.equals(file.subarray(1000, 2000)));
    assert.equal((await bytesOf(body.url, { range: `bytes=${file.length}-` })).status, 416);
    assert.equal((await bytesOf(body.url, { 'if-none-match': part.headers.get('etag') })).status, 304);
});

test('an upload happens once per Idempotency-Key; forms are taken', async () => {
    const key = { 'idempotency-key': 'one-picture' };
    const file = png(30, 20);
    const [first, again] = [await upload(file, '', key), await upload(file, '', key)];
    assert.equal(again.status, 201);
    assert.equal(again.body.id, first.body.id);
    assert.equal(again.headers.get('idempotency-replayed'), 'true');
    assert.equal((await upload(png(31, 20), '', key)).status, 409);
    const form = new FormData();
    form.append('name', 'From a form');
    form.append('file', new Blob([file], { type: 'image/png' }), 'x.png');
    const response = await fetch(`${server.url}/api/media`, { method: 'POST', body: form });
    const body = await response.json();
    assert.equal(response.status, 201, JSON.stringify(body));
    assert.equal(body.name, 'From a form');
    assert.ok((await bytesOf(body.url)).bytes.equals(file));
});

test('found by name, kind, source and room; changed; deleted with its bytes', async () => {
    const room = (await request(server, 'POST', '/api/rooms', { personas: ['mia'] })).body.id;
    const picture = (await upload(png(33, 44), `?name=Zebra%20crossing.png&room=${room}`)).body;
    const sound = (await upload(wav(tone(0.7, 16000, 333)), `?name=zebra%20sound.wav&room=${room}&source=recording`)).body;
    const list = async (query) => (await request(server, 'GET', `/api/media?${query}`)).body.data.map((m) => m.id);
    assert.deepEqual(await list(`room=${room}`), [sound.id, picture.id]);
    assert.deepEqual(await list('find=zebra&kind=image'), [picture.id]);
    assert.deepEqual(await list(`source=recording&room=${room}`), [sound.id]);
    assert.deepEqual(await list('find=nothing%20of%20this'), []);
    assert.equal((await request(server, 'GET', '/api/media?kind=film')).status, 400);
    const patched = await request(server, 'PATCH', `/api/media/${picture.id}`, { name: 'Giraffe', keep: true });
    assert.deepEqual([patched.body.name, patched.body.keep], ['Giraffe', true]);
    assert.deepEqual(await list('find=giraffe'), [picture.id]);
    assert.ok((await list('keep=true')).includes(picture.id));
    const count = blobs(server.data);
    const usage = (await request(server, 'GET', '/api/media/usage')).body;
    assert.equal((await request(server, 'DELETE', `/api/media/${sound.id}`)).status, 204);
    assert.equal((await request(server, 'GET', `/api/media/${sound.id}/about`)).status, 404);
    assert.equal((await request(server, 'GET', '/api/media/usage')).body.bytes, usage.bytes - sound.bytes);
    for (let i = 0; i < 100 && blobs(server.data) >= count; i++) await sleep(150);
    assert.equal(blobs(server.data), count - 1, 'its bytes are gone');
    assert.equal((await bytesOf(picture.url)).status, 200);
});

test('a quota and a limit hold', async () => {
    const small = await startServer({ env: { EIDOLON_MEDIA_QUOTA: '300K', EIDOLON_MEDIA_FILE_MAX: '200K' } });
    try {
        const noise = () => wav(Array.from({ length: 60000 }, () => Math.random() - 0.5));
        assert.equal((await upload(noise(), '', {}, small)).status, 201);
        assert.equal((await upload(noise(), '', {}, small)).status, 201);
        const third = await upload(noise(), '', {}, small);
        assert.equal(third.status, 413);
        assert.match(third.body.error.message, /media\.quota/);
        const large = await upload(Buffer.concat([noise(), noise()]), '', {}, small);
        assert.equal(large.status, 413);
        const usage = (await request(small, 'GET', '/api/media/usage')).body;
        assert.deepEqual([usage.count, usage.quota], [2, 300 * 1024]);
    } finally {
        await small.stop();
        removeFolder(small.data);
    }
});

test('a recording is transcribed with progress, and found by what is said in it', async () => {
    const { body } = await upload(await speech('The quick brown fox jumps over the lazy dog.', 'flac'), '?name=talk');
    assert.equal((await request(server, 'GET', `/api/media/${body.id}/transcript`)).status, 404);
    const job = await request(server, 'POST', `/api/media/${body.id}/transcribe`);
    assert.equal(job.status, 202, JSON.stringify(job.body));
    let now = job.body;
    for (let i = 0; i < 600 && now.state === 'running'; i++) {
        await sleep(100);
        now = (await request(server, 'GET', `/api/media/${body.id}/transcribe`)).body;
    }
    assert.equal(now.state, 'done', JSON.stringify(now));
    const transcript = (await request(server, 'GET', `/api/media/${body.id}/transcript`)).body;
    assert.match(transcript.text, /fox/);
    for (const segment of transcript.segments)
        for (const word of segment.words) assert.ok(word.start >= segment.start - 0.1 && word.end <= body.duration_ms / 1000 + 0.3);
    const found = (await request(server, 'GET', '/api/media?find=lazy%20dog')).body.data;
    assert.deepEqual(found.map((m) => m.id), [body.id]);
    assert.match((await request(server, 'GET', `/api/media/${body.id}/about`)).body.transcript, /fox/);
    const picture = (await upload(png(5, 5))).body;
    assert.equal((await request(server, 'POST', `/api/media/${picture.id}/transcribe`)).status, 422);
});
