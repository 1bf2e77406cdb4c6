// Every remote voice's driver against every way in which a server can fail: the failure has a code and a sentence and is over
// soon, the next voice speaks, and a room gets its text whatever happens.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { allEvents, removeFolder, request, startServer } from '../lib/server.mjs';
import { breaking, refusing } from './lib/hostile.mjs';
import { addTold, listen, startTeller } from './lib/listener.mjs';
import { startMouths } from './lib/mouth-server.mjs';
import { openRoom, say } from './lib/talk.mjs';

const KEY = 'sk-hostile-9c1f04';
const TEXT = 'One two three four five.';
const WORDS = ['one', 'two', 'three', 'four', 'five'];
const SOUND = ['openai', 'xtts', 'piper'];
const DOCUMENTS = ['elevenlabs', 'fish'];
const TYPES = [...SOUND, ...DOCUMENTS];
const SHORT = { connect_timeout: '2s', first_sound_timeout: '2s', stream_timeout: '1s', total_timeout: '6s', retries: '0', breaker_failures: '1000' };
const SOON_MS = 9000; // the limits below, with many at once

/** What each must be called; 'ok' where it is understood. */
const EVERYWHERE = {
    reset: /cut|upstream_unavailable/, 'half-head': 'timeout_first_sound', 'no-http': 'malformed', 'silent-head': 'timeout_first_sound', 'cut-length': 'cut', 'cut-chunked': 'cut',
    empty: 'malformed', html: 'malformed', 'giant-head': /malformed|upstream_unavailable|cut/,
    later: 'rate_limit', 'later-date': 'rate_limit', 'later-ms': 'rate_limit', broken: 'upstream_unavailable', unavailable: 'overloaded', unauthorized: 'auth', forbidden: 'auth',
    missing: 'upstream_refused', teapot: 'upstream_refused', redirect: 'malformed', 'bad-utf8': 'upstream_unavailable', 'long-words': 'upstream_unavailable',
    'endless-error': /timeout_|upstream_unavailable/, echo: 'auth', never: 'timeout_first_sound', stall: 'timeout_stream', endless: 'malformed'
};
const OF_SOUND = {
    mp3: 'malformed', 'mp3-as-pcm': 'malformed', 'ogg-as-pcm': 'malformed', text: 'malformed', 'wav-head-cut': 'malformed', 'wav-lies': 'cut', 'wav-8bit': 'malformed', 'wav-no-rate': 'malformed',
    'wav-long-chunk': 'malformed', 'wav-float': 'ok', 'wav-stereo': 'ok'
};
const OF_DOCUMENTS = {
    'bad-base64': 'malformed', 'bad-json': 'malformed', 'half-document': 'cut', 'no-sound': 'malformed', 'no-shape': 'malformed', 'mp3-inside': 'malformed', 'far-times': 'ok',
    deep: /malformed|cut/, giant: 'malformed'
};
const cases = TYPES.flatMap((type) => Object.entries({ ...EVERYWHERE, ...(SOUND.includes(type) ? OF_SOUND : OF_DOCUMENTS), ...(type === 'openai' ? { 'odd-bytes': 'ok' } : {}) }).map(([mode, code]) => ({ type, mode, code })));
/** A few at a time, as a server has neighbours. */
async function each(list, size, work) {
    const left = [...list];
    await Promise.all(Array.from({ length: size }, async () => {
        for (let one; (one = left.shift()); ) await work(one);
    }));
}

let server;
let mouths;
let teller;
before(async () => {
    mouths = await startMouths({ key: KEY });
    teller = await startTeller();
    teller.always(TEXT);
    server = await startServer({ args: ['--voice.cache_size=0'] });
    for (const type of TYPES) {
        const base_url = type === 'openai' ? `${mouths.url}/v1` : mouths.url;
        const made = await request(server, 'POST', '/api/speech/providers', { name: `my-${type}`, type, api_key: KEY, base_url, settings: SHORT });
        assert.equal(made.status, 201, JSON.stringify(made.body));
    }
    await addTold(server, teller);
});
after(async () => {
    const { code } = await server.stop();
    await mouths.close();
    await teller.close();
    removeFolder(server.data);
    assert.equal(code, 0, server.log);
    assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
    assert.doesNotMatch(server.log, new RegExp(KEY));
});

test('the tables leave nothing out', () => {
    for (const mode of [...breaking, ...refusing]) assert.ok(EVERYWHERE[mode], mode);
    assert.ok(cases.length > 150);
});

test('each failure of each driver is over soon, and has its code and its sentence', async () => {
    await each(cases, 24, async ({ type, mode, code }) => {
        const begun = Date.now();
        const { status, body } = await request(server, 'POST', `/api/speech/providers/my-${type}/test`, { voice: mode, text: TEXT });
        const what = `${type} ${mode}: ${JSON.stringify(body.error ?? body)}`;
        assert.equal(status, 200, what);
        assert.ok(Date.now() - begun < SOON_MS, `${what} took ${Date.now() - begun} ms`);
        if (code === 'ok') {
            assert.equal(body.ok, true, what);
            assert.ok(Math.abs(body.duration_ms - WORDS.length * 200) < 30, what);
            return;
        }
        assert.equal(body.ok, false, what);
        assert.match(body.error.code, code instanceof RegExp ? code : new RegExp(`^${code}$`), what);
        assert.match(body.error.message, /^The speech provider 'my-.*[.?]$/s, what);
        assert.doesNotMatch(body.error.message, /\ufffd{40}|<!doctype|<html/i, what);
        assert.ok(body.error.message.length < 600 && !body.error.message.includes(KEY), what);
    });
    assert.equal(mouths.elsewhere, undefined, 'no redirect is followed: the key would go along');
});

test('in each case a room gets its text and its turn ends; it is spoken by the next voice, or the failure is told', async () => {
    await each(cases, 24, async ({ type, mode }) => {
        const slug = `${type}-${mode}`;
        const made = await request(server, 'POST', '/api/personas', { name: slug, slug, engine: 'told', voice: { provider: `my-${type}`, name: mode } });
        assert.equal(made.status, 201, JSON.stringify(made.body));
        const room = await openRoom(server, [slug]);
        const ear = await listen(server, room);
        await say(server, room, 'Speak.');
        const over = await ear.told('speech.ended', (e) => e.data.index === null, 20000);
        const what = `${slug}: ${JSON.stringify(over.data)}`;
        if (over.data.reason === 'failed') {
            // Only what had begun to sound may end so: no words' times came, so another cannot go on in the middle.
            assert.ok(over.data.duration_ms > 0 && !refusing.includes(mode), what);
            assert.match(over.data.error.message, /my-/, what);
        } else {
            assert.equal(over.data.reason, 'done', what);
            const bytes = ear.sound.reduce((n, f) => n + f.bytes.length, 0);
            assert.ok(bytes > 16000, `${what}: ${bytes} bytes of sound`);
        }
        const captions = ear.of('caption').flatMap((e) => e.data.words);
        const longest = Math.max(...ear.of('speech.ended').map((e) => e.data.duration_ms));
        for (const word of captions) assert.ok(word.from_ms <= word.to_ms && word.to_ms <= longest + 250, `${what}: '${word.text}' ${word.from_ms}..${word.to_ms} of ${longest}`);
        await ear.close();
        for (let i = 0; ; i++) {
            const events = await allEvents(server, room);
            const ended = events.find((e) => e.kind === 'turn.ended');
            if (!ended && i < 100) {
                await new Promise((r) => setTimeout(r, 50));
                continue;
            }
            assert.equal(ended?.data.outcome ?? ended?.data.status ?? ended?.data.reason, 'done', `${what} ${JSON.stringify(ended)}`);
            assert.equal(events.find((e) => e.kind === 'message' && e.author.type === 'persona').data.text, TEXT, what);
            break;
        }
    });
});

test('a wait of nothing is waited, a long one is not', async () => {
    for (const type of TYPES) {
        await request(server, 'PATCH', `/api/speech/providers/my-${type}`, { settings: { ...SHORT, retries: '1' } });
        for (const mode of ['soon', 'soon-date']) {
            const { body } = await request(server, 'POST', `/api/speech/providers/my-${type}/test`, { voice: mode, text: TEXT });
            assert.equal(body.ok, true, `${type} ${mode}: ${JSON.stringify(body.error)}`);
        }
        for (const mode of ['later', 'later-date', 'later-ms']) {
            const asked = mouths.requests.length;
            const begun = Date.now();
            const { body } = await request(server, 'POST', `/api/speech/providers/my-${type}/test`, { voice: mode, text: TEXT });
            assert.equal(body.error.code, 'rate_limit');
            assert.ok(Date.now() - begun < 600, `${type} ${mode}`);
            assert.equal(mouths.requests.length, asked + 1);
        }
        await request(server, 'PATCH', `/api/speech/providers/my-${type}`, { settings: SHORT });
    }
});
