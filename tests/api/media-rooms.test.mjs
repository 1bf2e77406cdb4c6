// Media in rooms: messages that show them, engines that see them, pictures that a provider draws, long recordings.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { jpeg, png, tone, wav } from '../lib/mediafiles.mjs';
import { removeFolder, request, startServer } from '../lib/server.mjs';
import { startOpenAI } from './lib/openai-server.mjs';

let server;
let engine;
let painter;
before(async () => {
    engine = await startOpenAI();
    painter = await startPainter();
    server = await startServer();
    await request(server, 'PUT', '/api/providers/local', { type: 'openai', base_url: engine.url });
    await request(server, 'PUT', '/api/engines/seeing', { provider: 'local', model: 'ok', vision: 'on' });
    await request(server, 'PUT', '/api/engines/blind', { provider: 'local', model: 'ok' });
    await request(server, 'PUT', '/api/providers/painter', { type: 'openai', base_url: painter.url, api_key: 'secret' });
});
after(async () => {
    await server.stop();
    await engine.close();
    painter.close();
    removeFolder(server.data);
});

/** OpenAI's images endpoint as documented; what the prompt says chooses what it does. */
async function startPainter() {
    const requests = [];
    const picture = png(256, 192);
    const http = createServer(async (req, res) => {
        if (req.url === '/file.png') return void res.writeHead(200, { 'content-type': 'image/png' }).end(picture);
        let text = '';
        for await (const chunk of req) text += chunk;
        const body = JSON.parse(text);
        requests.push({ path: req.url, headers: req.headers, body });
        const json = (status, what) => res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(what));
        const error = (status, message, code) => json(status, { error: { message, type: 'invalid_request_error', param: null, code } });
        const one = () => ({ b64_json: picture.toString('base64'), revised_prompt: `${body.prompt}, in oil` });
        if (body.prompt.includes('forbidden')) return error(400, 'Your request was rejected as a result of our safety system.', 'content_policy_violation');
        if (body.prompt.includes('enough')) return error(429, 'Rate limit reached.', 'rate_limit_exceeded');
        if (body.prompt.includes('broken')) return json(200, { data: [{ b64_json: Buffer.from('no picture at all').toString('base64') }] });
        if (body.prompt.includes('page')) return res.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
        if (body.prompt.includes('cut')) {
            res.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 });
            res.write('{"data":[');
            return void setTimeout(() => res.destroy(), 50);
        }
        if (body.prompt.includes('address')) return json(200, { data: [{ url: `http://127.0.0.1:${http.address().port}/file.png` }] });
        json(200, { created: 1, data: Array.from({ length: body.n ?? 1 }, one) });
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    return { url: `http://127.0.0.1:${http.address().port}/v1`, requests, close: () => http.close() };
}

const upload = async (bytes, query = '') => (await (await fetch(`${server.url}/api/media${query}`, { method: 'POST', body: bytes })).json());
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const messages = async (room) => (await request(server, 'GET', `/api/rooms/${room}/messages?order=asc`)).body.data;
async function until(what, ms = 15000) {
    for (const end = Date.now() + ms; Date.now() < end; await sleep(50)) {
        const value = await what();
        if (value) return value;
    }
    throw new Error('it did not happen in time');
}
async function roomWith(engineName) {
    const persona = (await request(server, 'POST', '/api/personas', { name: `Vee ${engineName} ${Math.random()}`, engine: engineName })).body;
    return (await request(server, 'POST', '/api/rooms', { personas: [persona.slug] })).body.id;
}
const say = (room, body) => request(server, 'POST', `/api/rooms/${room}/messages`, body);
const lastAsked = () => engine.requests.filter((r) => r.path.endsWith('/chat/completions')).at(-1)?.body.messages;

test('a message shows media, over HTTP and the socket', async () => {
    const room = await roomWith('blind');
    const picture = await upload(png(640, 480), '?name=harbour.png');
    const sound = await upload(wav(tone(2)), '?name=waves.wav');
    const said = await say(room, { text: 'Look and listen.', media: [picture.id, sound.id] });
    assert.equal(said.status, 201, JSON.stringify(said.body));
    assert.deepEqual(said.body.data.media, [
        { id: picture.id, type: 'image/png', name: 'harbour.png', width: 640, height: 480 },
        { id: sound.id, type: 'audio/wav', name: 'waves.wav', duration_ms: 2000 }
    ]);
    await until(async () => (await request(server, 'GET', `/api/media?room=${room}`)).body.data.length === 2);
    const ws = new WebSocket(`${server.url.replace('http', 'ws')}/ws`);
    await once(ws, 'open');
    const ack = once(ws, 'message');
    ws.send(JSON.stringify({ type: 'say', room, text: '', media: [picture.id], id: 'mine' }));
    assert.equal(JSON.parse((await ack)[0]).type, 'ack');
    ws.close();
    const shown = (await messages(room)).filter((m) => m.data.media);
    assert.deepEqual(shown.map((m) => m.text), ['Look and listen.', '']);
});

test('what is no medium cannot be shown', async () => {
    const room = await roomWith('blind');
    for (const media of [['nothing'], ['0198c000-0000-7000-8000-000000000000'], Array(11).fill((await upload(png(9, 9))).id)]) {
        const answer = await say(room, { text: 'x', media });
        assert.ok(answer.status === 400 || answer.status === 422, JSON.stringify(answer.body));
        assert.match(answer.body.error.message, /media|picture/);
    }
    assert.equal((await say(room, { text: '', media: [] })).status, 422, 'and nothing at all is no message');
    assert.equal((await messages(room)).filter((m) => m.author.type === 'user').length, 0);
});

test('an engine that sees gets pictures, another one words for them', async () => {
    const picture = await upload(png(3000, 1500), '?name=wide.png');
    const seeing = await roomWith('seeing');
    await say(seeing, { text: 'What is that?', media: [picture.id] });
    await until(async () => (await messages(seeing)).some((m) => m.author.type === 'persona' && m.text.includes('model')));
    const parts = lastAsked().at(-1).content;
    assert.ok(Array.isArray(parts), JSON.stringify(lastAsked().at(-1)).slice(0, 300));
    assert.match(parts[0].text, /What is that\?/);
    const shown = Buffer.from(parts[1].image_url.url.replace('data:image/jpeg;base64,', ''), 'base64');
    assert.equal(shown.readUInt16BE(0), 0xffd8);
    const again = await upload(shown);
    assert.deepEqual([again.type, again.width, again.height], ['image/jpeg', 1568, 784]);
    const blind = await roomWith('blind');
    await say(blind, { text: 'And you?', media: [picture.id] });
    await until(async () => (await messages(blind)).some((m) => m.author.type === 'persona' && m.text.includes('model')));
    assert.equal(typeof lastAsked().at(-1).content, 'string');
    assert.match(lastAsked().at(-1).content, /And you\?\n\[an image: wide\.png, 3000x1500\]/);
});

test('what only an erased message showed goes with it; what is kept stays', async () => {
    const room = await roomWith('blind');
    const [alone, kept] = [await upload(png(21, 21)), await upload(png(22, 22), '?keep=true')];
    const said = (await say(room, { text: 'Look.', media: [alone.id, kept.id] })).body;
    await until(async () => (await request(server, 'GET', `/api/media?room=${room}`)).body.data.length === 2);
    assert.equal((await request(server, 'DELETE', `/api/rooms/${room}/messages/${said.id}?forget=true`)).status, 204);
    await until(async () => (await request(server, 'GET', `/api/media/${alone.id}/about`)).status === 404);
    assert.equal((await request(server, 'GET', `/api/media/${kept.id}/about`)).status, 200);
});

test('a provider draws; what it drew is kept and shown', async () => {
    const draw = (body) => request(server, 'POST', '/v1/images/generations', body);
    const nobody = await draw({ prompt: 'a lighthouse' });
    assert.equal(nobody.status, 503);
    assert.match(nobody.body.error.message, /media\.images_provider/);
    await request(server, 'PUT', '/api/config', { 'media.images_provider': 'painter', 'media.images_model': 'dall-e-3' });
    const drawn = await draw({ prompt: 'a lighthouse', n: 2, size: '1024x1024' });
    assert.equal(drawn.status, 200, JSON.stringify(drawn.body).slice(0, 300));
    assert.equal(drawn.body.data.length, 2);
    assert.equal(Buffer.from(drawn.body.data[0].b64_json, 'base64').toString('latin1', 1, 4), 'PNG');
    assert.equal(drawn.body.data[0].revised_prompt, 'a lighthouse, in oil');
    const sent = painter.requests.at(-1);
    assert.deepEqual([sent.path, sent.headers.authorization, sent.body.model, sent.body.size], ['/v1/images/generations', 'Bearer secret', 'dall-e-3', '1024x1024']);
    const media = drawn.body.data[0].media;
    assert.deepEqual([media.source, media.prompt, media.width], ['generated', 'a lighthouse', 256]);
    const room = await roomWith('blind');
    const shown = await draw({ prompt: 'by its address', room, response_format: 'url' });
    assert.match(shown.body.data[0].url, /^\/api\/media\//);
    const message = (await messages(room)).find((m) => m.data.media);
    assert.equal(message.data.media[0].id, shown.body.data[0].media.id);
    for (const [prompt, status, words] of [
        ['something forbidden', 422, /will not draw this.*safety/],
        ['enough of it', 429, /enough for now/],
        ['a broken one', 502, /cannot be kept/],
        ['a page', 502, /no picture/],
        ['cut off', 502, /did not answer/],
        ['', 400, /prompt/]
    ]) {
        const answer = await draw({ prompt });
        assert.equal(answer.status, status, `${prompt}: ${JSON.stringify(answer.body)}`);
        assert.match(answer.body.error.message, words);
    }
});

test('60 MB of speech: uploads, plays from anywhere, and is transcribed with progress', { timeout: 300_000 }, async (t) => {
    // Real speech, again and again, with pauses: 48 kHz, two channels of floats.
    const spoken = await fetch(`${server.url}/v1/audio/speech`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'flite', voice: 'slt', input: 'The quick brown fox jumps over the lazy dog.', response_format: 'wav' }) });
    const source = Buffer.from(await spoken.arrayBuffer());
    const [rate, pcm] = [source.readUInt32LE(24), source.subarray(44)];
    const once = [];
    for (let i = 0; i < (pcm.length / 2 / rate + 5) * 48000; i++) {
        const at = Math.floor((i * rate) / 48000) * 2;
        const value = at + 1 < pcm.length ? pcm.readInt16LE(at) / 32768 : 0;
        once.push(value, value);
    }
    const times = Math.ceil(60e6 / (once.length * 4));
    const one = wav(once, 48000, { channels: 2, bits: 32 });
    const whole = Buffer.concat([one.subarray(0, 44), ...Array(times).fill(one.subarray(44))]);
    whole.writeUInt32LE(whole.length - 8, 4);
    whole.writeUInt32LE(whole.length - 44, 40);
    assert.ok(whole.length >= 60e6);
    const began = Date.now();
    const media = await upload(whole, '?name=long%20talk');
    assert.equal(media.kind, 'audio', JSON.stringify(media));
    t.diagnostic(`${(whole.length / 1e6).toFixed(0)} MB, ${(media.duration_ms / 1000).toFixed(0)} s of sound: taken in ${Date.now() - began} ms`);
    const middle = Math.floor(whole.length / 2);
    const part = await fetch(server.url + media.url, { headers: { range: `bytes=${middle}-${middle + 99999}` } });
    assert.equal(part.status, 206);
    assert.ok(Buffer.from(await part.arrayBuffer()).equals(whole.subarray(middle, middle + 100000)));
    const seen = [];
    let job = (await request(server, 'POST', `/api/media/${media.id}/transcribe`)).body;
    const start = Date.now();
    while (job.state === 'running') {
        await sleep(200);
        job = (await request(server, 'GET', `/api/media/${media.id}/transcribe`)).body;
        seen.push(job.progress);
    }
    assert.equal(job.state, 'done', JSON.stringify(job));
    const steps = new Set(seen).size;
    t.diagnostic(`transcribed in ${Date.now() - start} ms, ${steps} steps of progress`);
    assert.ok(steps > 4 && seen.every((share, i) => i === 0 || share >= seen[i - 1] - 0.001), `progress: ${seen.join(' ')}`);
    const transcript = (await request(server, 'GET', `/api/media/${media.id}/transcript`)).body;
    const foxes = transcript.segments.flatMap((s) => s.words).filter((w) => w.word === 'fox');
    assert.ok(foxes.length > times * 0.6, `${foxes.length} of ${times} foxes were heard`);
    const every = once.length / 2 / 48000;
    // Each fox is where its sentence is: the pieces are put together at the right times.
    const first = foxes[0].start % every;
    for (const fox of foxes) assert.ok(Math.abs((fox.start % every) - first) < 0.5, `a fox at ${fox.start}`);
});

test('chat completions take pictures: data:, our own, and none of private hosts', async () => {
    const picture = await upload(png(2000, 1000));
    const data = `data:image/png;base64,${png(8, 8).toString('base64')}`;
    const ask = (model, parts, more = {}) => request(server, 'POST', '/v1/chat/completions', { model, messages: [{ role: 'user', content: parts }], ...more });
    const shows = (url) => ({ type: 'image_url', image_url: { url } });
    const text = { type: 'text', text: 'What is it?' };
    const direct = await ask('engine/blind', [text, shows(data), shows(`/api/media/${picture.id}`)]);
    assert.equal(direct.status, 200, JSON.stringify(direct.body));
    const sent = lastAsked().at(-1).content;
    assert.equal(sent[1].image_url.url, data, 'data: addresses go through as they are');
    assert.match(sent[2].image_url.url, /^data:image\/jpeg;base64,/);
    for (const [url, status] of [[`${painter.url}/../file.png`, 422], ['ftp://example.com/a.png', 400], ['/api/media/0198c000-0000-7000-8000-000000000000', 404]])
        assert.equal((await ask('engine/blind', [text, shows(url)])).status, status, url);
    // A persona that remembers: the picture is said in its room, and kept.
    const persona = (await request(server, 'POST', '/api/personas', { name: `Iris ${Math.random()}`, engine: 'seeing' })).body;
    const answer = await ask(persona.slug, [text, shows(data), shows(`${server.url}/api/media/${picture.id}`)], { user: 'ana' });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    const shown = lastAsked().at(-1).content;
    assert.equal(shown.filter((part) => part.type === 'image_url').length, 2);
    const room = (await request(server, 'GET', '/api/rooms')).body.data.find((r) => r.title.includes('ana'));
    const said = (await messages(room.id)).find((m) => m.author.type === 'user');
    assert.deepEqual(said.data.media.map((m) => m.width), [8, 2000]);
    // One that does not: the engine sees the parts, or reads that there was one.
    const alone = (await request(server, 'POST', '/api/personas', { name: `Nox ${Math.random()}`, engine: 'blind' })).body;
    assert.equal((await ask(alone.slug, [text, shows(data)])).status, 200);
    assert.match(lastAsked().at(-1).content, /What is it\?\n\[an image\]/);
});
