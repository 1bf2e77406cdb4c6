// Speech services for tests, on 127.0.0.1 and a free port: OpenAI's /v1/audio/speech, ElevenLabs, Fish Audio,
// xtts-api-server and Piper's HTTP server, each in its documented format. The voice's name chooses what happens:
//
//   ok         speaks: .2 s of a tone a word, in pieces
//   odd        as ok, in pieces of 1, 3, 5, 7 ... bytes
//   trickle    as ok, 2 KB at a time with pauses
//   wav        answers with WAV where raw sound was asked for
//   relative   ElevenLabs: times that begin again with every piece
//   silent     sends a head, then nothing
//   never      never answers at all
//   stall      half of the sound, then nothing
//   cut        half of the sound, then closes the connection
//   empty      200 without any sound
//   html, json, mp3   200 with a page, a JSON error, compressed sound
//   bad-base64, bad-json, bad-times   streams of documents only
//   endless    sound without end
//   unauthorized, forbidden, missing, slow-down (429, Retry-After 30), broken (500), page (502 with a page)
//   flaky      503 once, then as ok
//
// whatever lib/hostile.mjs knows, and of sound: odd-bytes, mp3-as-pcm, ogg-as-pcm, text, wav-head-cut, wav-lies, wav-8bit,
// wav-no-rate, wav-long-chunk, wav-float, wav-stereo; of documents: half-document, no-sound, no-shape, mp3-inside, far-times,
// not-utf8, deep, giant.
//
// `const server = await startMouths({ key })` gives { url, requests, voices, close() }; requests holds
// { method, path, query, headers, body, at } of each call; with `key`, calls without it get 401.

import { createServer } from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostile } from './hostile.mjs';
import { writeWav } from '../../lib/sound.mjs';

export const RATE = 24000;
export const WORD_S = 0.2;

/** Mono 16 bit samples of a tone that is loud enough to be told from silence. */
export function tone(words, rate = RATE, hertz = 440) {
    const count = Math.round(words * WORD_S * rate);
    const bytes = Buffer.alloc(count * 2);
    for (let i = 0; i < count; i++) bytes.writeInt16LE(Math.round(9000 * Math.sin((2 * Math.PI * hertz * i) / rate)), i * 2);
    return bytes;
}

const wordsOf = (text) => text.split(/\s+/).filter(Boolean);

/** The bytes in pieces, as the mode wants them. */
function pieces(bytes, mode) {
    const out = [];
    let size = 3001;
    for (let at = 0, n = 1; at < bytes.length; n += 2) {
        if (mode === 'odd') size = n % 97;
        if (mode === 'trickle') size = 2048;
        out.push(bytes.subarray(at, at + size));
        at += size;
    }
    return out;
}

async function send(res, bytes, mode) {
    const all = pieces(bytes, mode);
    const last = mode === 'stall' || mode === 'cut' ? Math.ceil(all.length / 2) : all.length;
    for (let i = 0; i < last && !res.destroyed; i++) {
        if (!res.write(all[i])) await once(res, 'drain');
        if (mode === 'trickle') await sleep(20);
        else if (mode !== 'odd' || i % 16 === 0) await sleep(1);
    }
    if (mode === 'stall') return;
    if (mode === 'cut') {
        await sleep(30);
        res.destroy();
        return;
    }
    res.end();
}

const json = (res, status, value, headers = {}) => {
    res.writeHead(status, { 'content-type': 'application/json', ...headers });
    res.end(JSON.stringify(value));
};

/** What goes wrong before any format matters; true where it was answered. */
async function refuse(server, res, mode, service) {
    if (hostile(mode, res.req, res, Object.assign(server, { type: PARTS[service].type, part: PARTS[service].part() }))) return true;
    const detail = (message) => (service === 'openai' ? { error: { message } } : { detail: { message } });
    if (mode === 'never') return true;
    if (mode === 'unauthorized') json(res, 401, detail('bad key'));
    else if (mode === 'forbidden') json(res, 403, detail('not yours'));
    else if (mode === 'missing') json(res, 404, detail('no such voice'));
    else if (mode === 'slow-down') json(res, 429, detail('too many'), { 'retry-after': '30' });
    else if (mode === 'broken') json(res, 500, detail('out of memory'));
    else if (mode === 'page') res.writeHead(502, { 'content-type': 'text/html' }).end('<html><h1>Bad gateway</h1></html>');
    else if (mode === 'json') json(res, 200, { error: { message: 'no speech today' }, detail: { message: 'no speech today' }, message: 'no speech today' });
    else if (mode === 'mp3') res.writeHead(200, { 'content-type': 'audio/mpeg' }).end(Buffer.from('fffb9064000000000000', 'hex'));
    else if (mode === 'silent') res.writeHead(200, { 'content-type': 'audio/pcm' }).flushHeaders();
    else if (mode === 'flaky' && !server.failed.has(mode + service)) {
        server.failed.add(mode + service);
        json(res, 503, detail('a moment'));
    } else return false;
    return true;
}

async function endless(res) {
    const piece = tone(5);
    while (!res.destroyed) {
        res.write(piece);
        await sleep(1);
    }
}

/** How each service begins an answer that will not go on. */
const PARTS = {
    openai: { type: 'audio/pcm', part: () => tone(2) },
    xtts: { type: 'audio/wav', part: () => writeWav(tone(2), RATE, { said: 0xffffffff }) },
    piper: { type: 'audio/wav', part: () => writeWav(tone(2), RATE, { said: 500000 }) },
    eleven: { type: 'application/json', part: () => Buffer.from(JSON.stringify({ audio_base64: tone(1).toString('base64') }) + '\n{"audio_base64":"AA') },
    fish: { type: 'text/event-stream', part: () => Buffer.from(`data: ${JSON.stringify({ audio_base64: tone(1).toString('base64'), chunk_seq: 0 })}\n\ndata: {"audio`) }
};

/** Sound that is not as it should be: [content type, bytes]. */
function oddSound(mode, words) {
    const samples = tone(words);
    const float = Buffer.alloc(samples.length * 2);
    const stereo = Buffer.alloc(samples.length * 2);
    for (let i = 0; i < samples.length / 2; i++) {
        float.writeFloatLE(samples.readInt16LE(2 * i) / 32768, 4 * i);
        stereo.writeInt16LE(samples.readInt16LE(2 * i), 4 * i);
        stereo.writeInt16LE(samples.readInt16LE(2 * i), 4 * i + 2);
    }
    const id3 = Buffer.concat([Buffer.from('ID3\x04\0\0\0\0\0\0\xff\xfb\x90\x64', 'latin1'), Buffer.alloc(4000)]);
    return {
        'odd-bytes': ['audio/pcm', Buffer.concat([samples, Buffer.from([7])])],
        'mp3-as-pcm': ['audio/pcm', id3],
        'ogg-as-pcm': ['application/octet-stream', Buffer.concat([Buffer.from('OggS\0\x02'), Buffer.alloc(4000)])],
        text: ['text/plain', Buffer.from('The speech is queued; come back later. '.repeat(50))],
        'wav-head-cut': ['audio/wav', writeWav(samples, RATE).subarray(0, 30)],
        'wav-lies': ['audio/wav', writeWav(samples, RATE, { said: samples.length + 20000 })],
        'wav-8bit': ['audio/wav', writeWav(Buffer.alloc(4000, 128), RATE, { bits: 8 })],
        'wav-no-rate': ['audio/wav', writeWav(samples, 0)],
        'wav-long-chunk': ['audio/wav', Buffer.concat([writeWav(samples, RATE).subarray(0, 12), Buffer.from('LIST\xff\xff\xff\x7f', 'latin1'), Buffer.alloc(100000)])],
        'wav-float': ['audio/wav', writeWav(float, RATE, { format: 3, bits: 32 })],
        'wav-stereo': ['audio/wav', writeWav(stereo, RATE, { channels: 2 })]
    }[mode];
}

async function sound(server, res, mode, service, text, { rate = RATE, asWav = false, unknown = false } = {}) {
    if (await refuse(server, res, mode, service)) return;
    const odd = oddSound(mode, wordsOf(text).length);
    if (odd) return void res.writeHead(200, { 'content-type': odd[0] }).end(odd[1]);
    const samples = mode === 'empty' ? Buffer.alloc(0) : tone(wordsOf(text).length, rate);
    const file = asWav || mode === 'wav';
    res.writeHead(200, { 'content-type': file ? 'audio/wav' : 'audio/pcm' });
    if (mode === 'endless') return endless(res);
    await send(res, file ? writeWav(samples, rate, unknown ? { said: 0xffffffff } : {}) : samples, mode);
}

/** ElevenLabs' stream: a document a word, with the times of its characters. */
function elevenDocuments(text, mode) {
    const words = wordsOf(text);
    return words.map((word, i) => {
        const characters = [...(i ? ` ${word}` : word)];
        const from = mode === 'relative' ? 0 : i * WORD_S;
        const step = WORD_S / characters.length;
        const alignment = {
            characters,
            character_start_times_seconds: characters.map((_, k) => from + k * step),
            character_end_times_seconds: characters.map((_, k) => from + (k + 1) * step)
        };
        if (mode === 'bad-times' && i === 1) alignment.character_start_times_seconds = [-5, 'soon'];
        return { audio_base64: tone(1).toString('base64'), alignment, normalized_alignment: alignment };
    });
}

/** Fish Audio's: every two words a chunk, whose alignment is told twice, the second time whole. */
function fishDocuments(text, mode) {
    const words = wordsOf(text);
    const out = [];
    for (let at = 0, chunk = 0; at < words.length; at += 2, chunk++) {
        const mine = words.slice(at, at + 2);
        for (let told = 1; told <= mine.length; told++)
            out.push({
                audio_base64: tone(1).toString('base64'),
                content: mine.join(' '),
                alignment: {
                    audio_duration: told * WORD_S,
                    segments: mine.slice(0, told).map((word, i) => ({ text: word, start: mode === 'bad-times' ? 9 - i : i * WORD_S, end: mode === 'bad-times' ? 1 : (i + 1) * WORD_S }))
                },
                chunk_seq: chunk,
                chunk_audio_offset_sec: at * WORD_S
            });
    }
    return out;
}

/** Times that cannot be: an hour away, beyond all numbers, before the beginning. */
const farTimes = (i) => {
    const [from, to] = [[3500, 3599], [1e308, 1e308], [-1e18, 4e18]][i % 3];
    return { characters: [' ', 'x'], character_start_times_seconds: [from, from], character_end_times_seconds: [to, to], segments: [{ text: 'x', start: from, end: to }] };
};

async function documents(server, res, mode, service, list, frame, type) {
    if (await refuse(server, res, mode, service)) return;
    res.writeHead(200, { 'content-type': type });
    if (mode === 'endless') {
        while (!res.destroyed) {
            res.write(frame({ ...list[0], alignment: null }));
            await sleep(1);
        }
        return;
    }
    if (mode === 'empty') return void res.end();
    if (mode === 'no-sound') list = list.map(({ alignment }) => ({ alignment, audio_base64: null }));
    if (mode === 'no-shape') list = [[], { audio_base64: 7, alignment: 'x' }, { audio_base64: {}, alignment: { characters: {}, segments: 3 } }, { audio_base64: '', alignment: [] }];
    if (mode === 'mp3-inside') list = [{ audio_base64: Buffer.concat([Buffer.from('ID3\x04\0\0'), Buffer.alloc(4000)]).toString('base64') }];
    if (mode === 'far-times') list.forEach((d, i) => i && (d.alignment = farTimes(i)));
    if (mode === 'giant') return void res.end(frame({ ...list[0], padding: 'x'.repeat(12 << 20) }));
    if (mode === 'bad-base64') list[1].audio_base64 = '§§§ no base64 §§§';
    let text = list.map(frame);
    if (mode === 'bad-json') text[1] = text[1].replace('"audio_base64":', '"audio_base64" 7');
    if (mode === 'half-document') text[text.length - 1] = text.at(-1).slice(0, 40);
    if (mode === 'deep') text[1] = frame({ deep: 0 }).replace('0', '['.repeat(200000));
    if (mode === 'not-utf8') return void res.end(Buffer.concat([Buffer.from(text[0]), Buffer.from(frame({ audio_base64: tone(1).toString('base64'), note: '@@' }).replace('@@', '\xff\xc3('), 'latin1'), ...text.slice(1).map((t) => Buffer.from(t))]));
    if (mode === 'wav') text = [frame({ ...list[0], audio_base64: writeWav(tone(list.length), RATE).toString('base64') })];
    await send(res, Buffer.from(text.join('')), mode === 'odd' ? 'odd' : mode);
}

export async function startMouths({ key = '' } = {}) {
    const server = { requests: [], failed: new Set(), voices: new Map(), made: 0 };
    const http = createServer(async (req, res) => {
        const url = new URL(req.url, 'http://x');
        const chunks = [];
        for await (const chunk of req) chunks.push(chunk);
        const bytes = Buffer.concat(chunks);
        let body = {};
        try {
            body = JSON.parse(bytes.toString());
        } catch {
            body = bytes.toString('latin1');
        }
        server.requests.push({ method: req.method, path: url.pathname, query: url.searchParams, headers: req.headers, body, at: Date.now() });
        const given = req.headers['xi-api-key'] ?? (req.headers.authorization ?? '').replace(/^Bearer /, '');
        if (key && given !== key) return json(res, 401, { detail: { message: `bad key ${given}` } });
        const at = (method, path) => req.method === method && url.pathname === path;
        const eleven = url.pathname.match(/^\/v1\/text-to-speech\/([^/]+)\/stream\/with-timestamps$/);

        if (url.pathname === '/elsewhere') server.elsewhere = (server.elsewhere ?? 0) + 1;
        if (at('POST', '/v1/audio/speech')) return sound(server, res, body.voice, 'openai', body.input);
        if (at('GET', '/v1/audio/voices')) return json(res, 200, { voices: ['ok', 'odd'] });
        if (eleven && req.method === 'POST')
            return documents(server, res, decodeURIComponent(eleven[1]), 'eleven', elevenDocuments(body.text, decodeURIComponent(eleven[1])), (d) => JSON.stringify(d) + '\n', 'application/json');
        if (at('GET', '/v1/voices'))
            return json(res, 200, { voices: [{ voice_id: 'ok', name: 'George', description: 'warm', labels: { language: 'en' } }, ...[...server.voices].map(([id, name]) => ({ voice_id: id, name, labels: {} }))] });
        if (at('POST', '/v1/voices/add')) {
            const id = `clone${++server.made}`;
            server.voices.set(id, body.match(/name="name"\r\n\r\n([^\r]*)/)?.[1]);
            return json(res, 200, { voice_id: id, requires_verification: false });
        }
        if (req.method === 'DELETE' && url.pathname.startsWith('/v1/voices/')) {
            const known = server.voices.delete(decodeURIComponent(url.pathname.slice(11)));
            return json(res, known ? 200 : 404, known ? { status: 'ok' } : { detail: { message: 'voice not found' } });
        }
        if (at('POST', '/v1/tts/stream/with-timestamp')) {
            if (body.reference_id === 'old-server') return json(res, 404, { detail: 'Not Found' });
            return documents(server, res, body.reference_id, 'fish', fishDocuments(body.text, body.reference_id), (d) => `event: message\ndata: ${JSON.stringify(d)}\n\n: {keep-alive\n\n`, 'text/event-stream');
        }
        if (at('POST', '/v1/tts')) return sound(server, res, body.reference_id, 'fish', body.text, { rate: body.sample_rate });
        if (at('GET', '/model')) return json(res, 200, { total: 1, items: [{ _id: 'ok', title: 'Fish', languages: ['en'] }] });
        if (at('POST', '/model')) {
            const id = `model${++server.made}`;
            server.voices.set(id, body.match(/name="title"\r\n\r\n([^\r]*)/)?.[1]);
            return json(res, 201, { _id: id, state: 'trained' });
        }
        if (req.method === 'DELETE' && url.pathname.startsWith('/model/')) {
            server.voices.delete(url.pathname.slice(7));
            return void res.writeHead(200).end();
        }
        if (at('GET', '/tts_stream')) {
            if (url.searchParams.get('speaker_wav') === 'no-stream') return json(res, 400, { detail: 'HTTP Streaming is only supported for local models.' });
            return sound(server, res, url.searchParams.get('speaker_wav'), 'xtts', url.searchParams.get('text'), { asWav: true, unknown: true });
        }
        if (at('POST', '/tts_to_audio/')) return sound(server, res, body.speaker_wav, 'xtts', body.text, { asWav: true });
        if (at('GET', '/speakers_list')) return json(res, 200, ['ok', 'female']);
        if (at('POST', '/synthesize')) {
            if (body.voice === 'old-server') return json(res, 405, { detail: 'Method Not Allowed' });
            return sound(server, res, body.voice, 'piper', body.text, { asWav: true, rate: 22050 });
        }
        if (at('POST', '/')) return sound(server, res, body.voice, 'piper', body.text, { asWav: true, rate: 22050 });
        if (at('GET', '/voices')) return json(res, 200, { 'en_US-lessac-medium': { language: { code: 'en_US' }, dataset: 'lessac' }, 'de_DE-thorsten-high': { language: { code: 'de_DE' } } });
        json(res, 404, { detail: 'Not Found' });
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    server.port = http.address().port;
    server.url = `http://127.0.0.1:${server.port}`;
    server.close = async () => {
        http.closeAllConnections();
        http.close();
        await once(http, 'close');
    };
    return server;
}
