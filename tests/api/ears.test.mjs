// The chain of recognisers against a server that speaks Whisper's formats, well and badly: what it answers is understood,
// whatever it does somebody hears, and silence stays silence.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI, { toFile } from 'openai';
import { removeFolder, startServer } from '../lib/server.mjs';
import { spoken, writeWav } from '../lib/sound.mjs';
import { startWhisper } from './lib/whisper-server.mjs';

const MODELS = ['whisper-1', 'gpt-4o-transcribe', 'gpt-cut-stream', 'no-verbose', 'phantom', 'nobody', 'stall', 'half', 'cut', 'rate-limit', 'flaky', 'html', 'garbage', 'wrong', 'auth'];
let whisper;
let server;
let client;
let speech;
let recording;

before(async () => {
    whisper = await startWhisper();
    const args = ['--ear.chain=main'];
    const add = (name, settings) => {
        for (const [key, value] of Object.entries({ type: 'openai', first_sound_timeout: '700ms', stream_timeout: '500ms', total_timeout: '3s', ...settings })) args.push(`--speech.${name}.${key}=${value}`);
    };
    add('main', { base_url: `${whisper.url}/v1`, ear_model: 'whisper-1', api_key: 'secret-key' });
    add('cpp', { base_url: `${whisper.url}/inference` });
    for (const model of MODELS) add(`x-${model}`, { base_url: `${whisper.url}/v1/`, ear_model: model });
    server = await startServer({ args });
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
    speech = (await spoken(server, 'Please open the window and the door.', 'flite/rms')).samples;
    recording = writeWav(speech);
});
after(async () => {
    await server.stop();
    whisper.close();
    removeFolder(server.data);
});

const asr = async (query, body = recording) => {
    const response = await fetch(`${server.url}/api/asr?${new URLSearchParams(query)}`, { method: 'POST', headers: { 'content-type': 'audio/wav' }, body });
    return { status: response.status, ...(await response.json()) };
};
test("the chain's first hears, with words and their times on the recording's clock", async () => {
    const heard = await asr({ language: 'en-GB', prompt: 'Foxes.' });
    assert.deepEqual([heard.status, heard.provider, heard.text, heard.language], [200, 'main', 'The quick brown fox.', 'en']);
    assert.ok(Math.abs(heard.confidence - Math.exp(-0.2)) < 0.01, `${heard.confidence}`);
    const words = heard.segments[0].words;
    assert.deepEqual(words.map((w) => w.word), ['The', 'quick', 'brown', 'fox.']);
    assert.ok(words.every((w, i) => w.start >= 0 && w.end <= heard.duration_ms / 1000 + 0.01 && (!i || w.start >= words[i - 1].start)));
    const { path, headers, fields, wav: sent } = whisper.requests.at(-1);
    assert.equal(path, '/v1/audio/transcriptions');
    assert.equal(headers.authorization, 'Bearer secret-key');
    assert.deepEqual([fields.model, fields.language, fields.prompt, fields.response_format, fields['timestamp_granularities[]']], ['whisper-1', 'en', 'Foxes.', 'verbose_json', ['segment', 'word']]);
    assert.deepEqual([sent.toString('latin1', 0, 4), sent.readUInt16LE(22), sent.readUInt32LE(24), sent.readUInt32LE(40)], ['RIFF', 1, 16000, sent.length - 44]);
});

test('what hears is told, in order', async () => {
    const { hear } = await (await fetch(`${server.url}/api/voice`)).json();
    assert.deepEqual(hear.map((h) => [h.provider, h.type, h.ok]), [['main', 'openai', true], ['pocketsphinx', 'pocketsphinx', true]]);
});

test("whisper.cpp's /inference, with its words inside segments", async () => {
    const heard = await asr({ provider: 'cpp' });
    assert.deepEqual([heard.provider, heard.text], ['cpp', 'The quick brown fox.']);
    assert.deepEqual(heard.segments[0].words.map((w) => [w.word, w.confidence]), [['The', 0.9], ['quick', 0.9], ['brown', 0.9], ['fox.', 0.9]]);
    assert.equal(whisper.requests.at(-1).path, '/inference');
    assert.equal(whisper.requests.at(-1).fields.model, undefined);
});

test('gpt-4o-transcribe streams, and tells how sure it is', async () => {
    const heard = await asr({ provider: 'x-gpt-4o-transcribe' });
    assert.deepEqual([heard.text, heard.confidence], ['The quick brown fox.', 0.819]);
    const { fields } = whisper.requests.at(-1);
    assert.deepEqual([fields.response_format, fields.stream, fields['include[]']], ['json', 'true', ['logprobs']]);
});

test('a server without verbose_json is asked again for json', async () => {
    const heard = await asr({ provider: 'x-no-verbose' });
    assert.deepEqual([heard.status, heard.text, heard.confidence, heard.segments.length], [200, 'The quick brown fox.', null, 1]);
});

test('one that is busy for a moment is tried again', async () => {
    const heard = await asr({ provider: 'x-flaky' });
    assert.deepEqual([heard.status, heard.text], [200, 'The quick brown fox.']);
});

test('what goes wrong is said in a sentence, and nothing hangs', async () => {
    for (const [name, status, sentence] of [
        ['stall', 504, /did not|no answer|within/],
        ['half', 504, /./],
        ['cut', 502, /closed|middle|ended/],
        ['gpt-cut-stream', 502, /./],
        ['rate-limit', 429, /takes no more now: Rate limit reached/],
        ['html', 502, /page for people.*base_url/],
        ['garbage', 502, /no JSON/],
        ['wrong', 502, /no text/],
        ['auth', 502, /refuses the key.*api_key/]
    ]) {
        const began = Date.now();
        const heard = await asr({ provider: `x-${name}` });
        assert.equal(heard.status, status, `${name}: ${JSON.stringify(heard)}`);
        assert.match(heard.error.message, sentence, name);
        assert.ok(Date.now() - began < 4000, `${name} took ${Date.now() - began} ms`);
        assert.ok(!JSON.stringify(heard).includes('secret-key'));
    }
    assert.equal((await asr({ provider: 'nobody-at-all' })).status, 404);
});

test('nobody invents what nobody said', async () => {
    const before = whisper.requests.length;
    const silence = await asr({}, writeWav(new Array(32000).fill(0)));
    assert.deepEqual([silence.status, silence.text, silence.segments, silence.provider], [200, '', [], '']);
    const hum = await asr({}, writeWav(Array.from({ length: 32000 }, (_, i) => Math.round(60 * Math.sin(i / 8)))));
    assert.equal(hum.text, '');
    assert.equal(whisper.requests.length, before, 'silence is not sent anywhere');
    // A knock passes the gate; what Whisper is known to make of it does not.
    const knock = writeWav(Array.from({ length: 32000 }, (_, i) => (i > 8000 && i < 11000 ? Math.round(9000 * Math.sin(i / 3) * Math.sin(i / 90)) : 0)));
    assert.deepEqual((await asr({ provider: 'x-phantom' }, knock)).text, '');
    assert.deepEqual((await asr({ provider: 'x-nobody' })).text, '');
    assert.match((await asr({ provider: 'x-phantom' })).text, /watching/, 'where there is speech enough it may have been said');
});

test("OpenAI's client: formats, words, a stream", async () => {
    const file = () => toFile(recording, 'speech.wav');
    const verbose = await client.audio.transcriptions.create({ model: 'whisper-1', file: await file(), response_format: 'verbose_json', timestamp_granularities: ['segment', 'word'] });
    assert.deepEqual([verbose.text, verbose.language, verbose.words.length], ['The quick brown fox.', 'english', 4]);
    assert.match(await client.audio.transcriptions.create({ model: 'whisper-1', file: await file(), response_format: 'srt' }), /^1\n00:00:0/);
    const events = [];
    for await (const event of await client.audio.transcriptions.create({ model: 'whisper-1', file: await file(), stream: true })) events.push(event);
    assert.deepEqual(events.map((e) => e.type), ['transcript.text.delta', 'transcript.text.done']);
    assert.equal(events[1].text, 'The quick brown fox.');
    const local = await client.audio.transcriptions.create({ model: 'pocketsphinx', file: await file() });
    assert.match(local.text, /open the window/);
});

test('long recordings go in pieces, and their times fit the whole', async () => {
    const samples = [];
    const add = (more) => { for (const sample of more) samples.push(sample); };
    for (let i = 0; i < 5; i++) {
        add(speech);
        add(new Array(16000 * 18).fill(0));
    }
    const before = whisper.requests.length;
    const heard = await asr({}, writeWav(samples));
    const pieces = whisper.requests.slice(before);
    assert.equal(pieces.length, 2, 'a minute at most each');
    assert.ok(pieces.every((p) => p.wav.length <= 44 + 60 * 32000));
    assert.match(pieces[1].fields.prompt, /brown fox/);
    assert.equal(heard.segments.length, 2);
    assert.ok(heard.segments[1].start > 50 && heard.segments[1].end <= heard.duration_ms / 1000);
    assert.ok(heard.segments[1].words.every((w) => w.start >= heard.segments[1].start - 0.01));
});

test('when the chain fails, pocketsphinx hears; a dead one is left alone', async () => {
    whisper.close();
    const first = await asr({});
    assert.deepEqual([first.status, first.provider], [200, 'pocketsphinx']);
    assert.match(first.text, /open the window/);
    for (let i = 0; i < 3; i++) await asr({ provider: 'main' });
    const left = await asr({ provider: 'main' });
    assert.match(left.error.message, /left alone/);
    const began = Date.now();
    assert.equal((await asr({})).provider, 'pocketsphinx');
    assert.ok(Date.now() - began < 10_000, "nobody waits for the dead one");
});
