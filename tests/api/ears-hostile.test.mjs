// Every remote recogniser's driver against every way in which a server can fail: the failure has a status and a sentence and is
// over soon, the chain's next one hears, times and texts that cannot be never get out, and what is said to a microphone arrives.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { removeFolder, request, startServer } from '../lib/server.mjs';
import { breaking, refusing } from './lib/hostile.mjs';
import { listen } from './lib/listener.mjs';
import { joined, quiet, readWav, spoken } from '../lib/sound.mjs';
import { openMic, stream } from './lib/microphone.mjs';
import { openRoom } from './lib/talk.mjs';
import { startWhisper } from './lib/whisper-server.mjs';

const KEY = 'sk-hostile-77aa01';
const SAID = 'The quick brown fox.';
const SOON_MS = 9000;
/** One of OpenAI's whisper models, one that streams, and whisper.cpp's server. */
const DRIVERS = { whisper: { path: '/v1', ear_model: 'whisper-1' }, gpt: { path: '/v1', ear_model: 'gpt-4o-transcribe' }, cpp: { path: '/inference' } };
const SHORT = { connect_timeout: '2s', first_sound_timeout: '2s', stream_timeout: '1s', total_timeout: '6s', retries: '0', breaker_failures: '1000' };

/** The status of the answer where nobody else is asked; 200 where it is understood. */
const CASES = {
    reset: 502, 'half-head': 504, 'no-http': 502, 'silent-head': [502, 504], 'cut-length': 502, 'cut-chunked': 502, empty: 502, html: 502, 'giant-head': 502,
    later: 429, 'later-date': 429, 'later-ms': 429, broken: 502, unavailable: 502, unauthorized: 502, forbidden: 502, missing: 502, teapot: [422, 502],
    redirect: 502, 'bad-utf8': 502, 'long-words': 502, 'endless-error': [502, 504], echo: 502,
    stall: 504, half: [502, 504], garbage: 502, wrong: 502, 'array-answer': 502, 'number-text': 502, 'deep-answer': 502, 'giant-answer': 502, 'endless-answer': [502, 504],
    'far-times': 200, 'nul-text': 502, 'not-utf8': [200, 502], 'no-shapes': 200
};
const cases = Object.keys(DRIVERS).flatMap((driver) => Object.entries(CASES).map(([mode, status]) => ({ driver, mode, status: [status].flat() })));
async function each(list, size, work) {
    const left = [...list];
    await Promise.all(Array.from({ length: size }, async () => {
        for (let one; (one = left.shift()); ) await work(one);
    }));
}

let server;
let whisper;
let good;
let sound;
before(async () => {
    [whisper, good] = [await startWhisper(), await startWhisper()];
    good.plain = true;
    server = await startServer();
    const add = async (name, url, { path, ...more }) => {
        const made = await request(server, 'POST', '/api/speech/providers', { name, type: 'openai', api_key: KEY, base_url: url + path, ...(more.ear_model ? { ear_model: more.ear_model } : {}), settings: SHORT });
        assert.equal(made.status, 201, JSON.stringify(made.body));
    };
    for (const [name, driver] of Object.entries(DRIVERS)) await add(name, whisper.url, driver);
    await add('good', good.url, DRIVERS.whisper);
    const tts = await fetch(`${server.url}/api/tts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text: 'Please open the window.', voice: 'flite/rms' }) });
    sound = Buffer.from(await tts.arrayBuffer());
});
after(async () => {
    const { code } = await server.stop();
    whisper.close();
    good.close();
    removeFolder(server.data);
    assert.equal(code, 0, server.log);
    assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
    assert.doesNotMatch(server.log, new RegExp(KEY));
});

/** The prompt says what the server is to do. */
const asr = async (query, path = '/api/asr') => {
    const begun = Date.now();
    const response = await fetch(`${server.url}${path}?${new URLSearchParams(query)}`, { method: 'POST', headers: { 'content-type': 'audio/wav' }, body: sound });
    const text = await response.text();
    const body = response.headers.get('content-type').includes('json') ? JSON.parse(text) : text;
    return { status: response.status, body, took: Date.now() - begun };
};
const LENGTH_S = () => (sound.length - 44) / 32000;

test('the table leaves nothing out', () => {
    for (const mode of [...breaking, ...refusing]) assert.ok(CASES[mode], mode);
});

test('each failure of each driver is over soon, and has its status and its sentence', async () => {
    await each(cases, 24, async ({ driver, mode, status }) => {
        const answer = await asr({ provider: driver, prompt: `do:${mode}` });
        const what = `${driver} ${mode}: ${answer.status} ${JSON.stringify(answer.body).slice(0, 400)}`;
        assert.ok(status.includes(answer.status), what);
        assert.ok(answer.took < SOON_MS, `${what} took ${answer.took} ms`);
        if (answer.status === 200) {
            const times = answer.body.segments.flatMap((s) => [s, ...s.words]);
            for (const t of times) assert.ok(t.start >= 0 && t.end >= t.start && t.end <= LENGTH_S() + 0.05, what);
            assert.doesNotMatch(answer.body.text, /\0/, what);
            return;
        }
        assert.match(answer.body.error.message, /^\P{Ll}.*[.?]$/su, what);
        assert.ok(answer.body.error.message.length < 600 && !JSON.stringify(answer.body).includes(KEY), what);
        assert.doesNotMatch(answer.body.error.message, /\ufffd{40}|<!doctype/i, what);
    });
    assert.equal(whisper.elsewhere, undefined, 'no redirect is followed: sound and key would go along');
});

test('subtitles of times that cannot be are times', async () => {
    for (const response_format of ['srt', 'vtt', 'verbose_json']) {
        const { status, body } = await asr({ model: 'whisper/whisper-1', prompt: 'do:far-times', response_format }, '/v1/audio/transcriptions');
        assert.equal(status, 200, JSON.stringify(body));
        if (response_format !== 'verbose_json') for (const [time] of body.matchAll(/\d+:\d\d:\d\d[.,]\d+/g)) assert.match(time, /^00:00:0/, body);
    }
});

test('in each case the next of the chain hears', async () => {
    for (const driver of Object.keys(DRIVERS)) {
        const set = await request(server, 'PUT', '/api/config', { 'ear.chain': `${driver}, good` });
        assert.equal(set.status, 200, JSON.stringify(set.body));
        await each(cases.filter((c) => c.driver === driver && !c.status.includes(200)), 16, async ({ mode }) => {
            const { status, body, took } = await asr({ prompt: `do:${mode}` });
            assert.deepEqual([status, body.provider, body.text], [200, 'good', SAID], `${driver} ${mode}: ${JSON.stringify(body)}`);
            assert.ok(took < SOON_MS, `${driver} ${mode} took ${took} ms`);
        });
    }
});

test('what is said to a microphone becomes a message whatever the first recogniser does', async () => {
    await request(server, 'PUT', '/api/config', { 'ear.chain': 'cpp, good' });
    const said = joined(readWav(sound), quiet(1500));
    for (const mode of ['stall', 'cut-length', 'later', 'garbage', 'nul-text']) {
        whisper.does = `do:${mode}`;
        const room = await openRoom(server, ['mia']);
        const socket = await listen(server, room, false);
        const mic = await openMic(socket, room);
        await stream(socket, said, 4);
        const final = await mic.final();
        assert.equal(final.reason, 'said', `${mode}: ${JSON.stringify(final)}`);
        assert.ok(final.seq > 0 && final.text.length > 5 && !final.text.includes('\0'), `${mode}: ${JSON.stringify(final)}`);
        const message = await socket.wait((f) => f.type === 'event' && f.event.kind === 'message' && f.event.seq === final.seq);
        assert.equal(message.event.data.text, final.text);
        await socket.close();
    }
});

test('a wait of nothing is waited, a long one is not; the key in an error is not told', async () => {
    for (const name of Object.keys(DRIVERS)) {
        await request(server, 'PATCH', `/api/speech/providers/${name}`, { settings: { ...SHORT, retries: '1' } });
        for (const mode of ['soon', 'soon-date']) assert.equal((await asr({ provider: name, prompt: `do:${mode}` })).body.text, SAID, `${name} ${mode}`);
        for (const mode of ['later', 'later-date', 'later-ms']) {
            const asked = whisper.requests.length;
            assert.equal((await asr({ provider: name, prompt: `do:${mode}` })).status, 429);
            assert.equal(whisper.requests.length, asked + 1, `${name} ${mode}`);
        }
        assert.match((await asr({ provider: name, prompt: 'do:echo' })).body.error.message, /\*\*\*/);
    }
});
