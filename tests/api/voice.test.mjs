// Speech and hearing over HTTP, as users and OpenAI's own client use them: what is spoken is heard again.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { File } from 'node:buffer';
import OpenAI, { toFile } from 'openai';
import { removeFolder, startServer } from '../lib/server.mjs';

globalThis.File ??= File; // node 18 has it under node:buffer only; the client's toFile wants it

let server;
let client;
before(async () => {
    server = await startServer();
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
after(async () => {
    await server.stop();
    removeFolder(server.data);
});

const post = (path, body, headers = {}) => fetch(server.url + path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
const refused = async (response) => ({ status: response.status, ...(await response.json()).error });

test('a persona speaks a file of sound', async () => {
    const response = await post('/api/tts', { text: 'Good morning. *smiles warmly* How are you?', character: 'mia' });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'audio/wav');
    const wav = Buffer.from(await response.arrayBuffer());
    assert.equal(wav.toString('latin1', 0, 4), 'RIFF');
    assert.equal(wav.readUInt32LE(4), wav.length - 8);
    assert.equal(wav.readUInt32LE(40), wav.length - 44);
});

test('mouth shapes and words lie within the sound', async () => {
    const response = await post('/api/tts', { text: 'My mum bought a map. <not ssml>', voice: 'flite/rms' }, { accept: 'application/json' });
    const spoken = await response.json();
    const wav = Buffer.from(spoken.audio, 'base64');
    assert.equal(spoken.format, 'wav');
    assert.ok(Math.abs((wav.length - 44) / 2 / spoken.sample_rate - spoken.duration_ms / 1000) < 0.01);
    assert.ok(spoken.visemes.some((key) => key.viseme === 'PP' && key.weight > 0.8), 'lips close on m, b, p');
    for (const [i, key] of spoken.visemes.entries()) {
        assert.ok(key.at_ms <= spoken.duration_ms && key.weight >= 0 && key.weight <= 1);
        if (i) assert.ok(spoken.visemes[i - 1].at_ms <= key.at_ms);
    }
    assert.deepEqual(spoken.words.slice(0, 5).map((w) => w.text), ['my', 'mum', 'bought', 'a', 'map']);
});

test('SSML: pauses are heard, mistakes are told', async () => {
    const long = async (text) => (await (await post('/api/tts', { text }, { accept: 'application/json' })).json()).duration_ms;
    const [plain, paused] = [await long('<speak>One. Two.</speak>'), await long('<speak>One. <break time="2s"/> Two.</speak>')];
    assert.ok(paused - plain > 1500, `${plain} and ${paused} ms`);
    const wrong = await refused(await post('/api/tts', { text: '<speak>never closed' }));
    assert.equal(wrong.status, 400);
    assert.match(wrong.message, /SSML/);
    const entity = await refused(await post('/api/tts', { text: '<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "b">]><speak>&a;</speak>' }));
    assert.equal(entity.status, 400);
});

test('what cannot be spoken is refused in words', async () => {
    for (const [body, status] of [
        [{}, 400],
        [{ text: ' ' }, 400],
        [{ text: 'x', character: 'nobody' }, 404],
        [{ text: 'x', voice: 'flite/nobody' }, 404],
        [{ text: 'x', format: 'aac' }, 400],
        [{ text: '🙂🙂' }, 422],
        [{ text: 'word '.repeat(20_000) }, 422],
    ]) {
        const answer = await refused(await post('/api/tts', body));
        assert.equal(answer.status, status, JSON.stringify(answer));
        assert.ok(answer.message.length > 20);
    }
});

test('OpenAI speech: every format, a persona by name, streamed events', async () => {
    const magic = { wav: 'RIFF', mp3: '\xff', opus: 'OggS', flac: 'fLaC' };
    for (const response_format of ['wav', 'mp3', 'opus', 'flac', 'pcm']) {
        const response = await client.audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'Hello there.', response_format });
        const bytes = Buffer.from(await response.arrayBuffer());
        assert.ok(bytes.length > 2000, response_format);
        if (magic[response_format]) assert.ok(bytes.toString('latin1', 0, 4).startsWith(magic[response_format]), response_format);
    }
    const persona = await client.audio.speech.create({ model: 'tts-1', voice: 'kimi', input: 'Hello.', response_format: 'pcm' });
    assert.ok((await persona.arrayBuffer()).byteLength > 10_000);
    const events = await (await post('/v1/audio/speech', { model: 'x', voice: 'alloy', input: 'Hi.', stream_format: 'sse', response_format: 'pcm' })).text();
    assert.match(events, /"type":"speech.audio.delta","audio":"/);
    assert.match(events, /"type":"speech.audio.done"/);
    await assert.rejects(client.audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'x'.repeat(4097) }), { status: 400 });
    await assert.rejects(client.audio.speech.create({ model: 'tts-1', voice: 'nobody-at-all', input: 'x' }), { status: 404 });
});

test('OpenAI transcription hears what was spoken', async () => {
    const sound = await client.audio.speech.create({ model: 'tts-1', voice: 'onyx', input: 'Please open the window and the door.', response_format: 'flac' });
    const bytes = Buffer.from(await sound.arrayBuffer());
    const file = () => toFile(bytes, 'said.flac');
    const plain = await client.audio.transcriptions.create({ model: 'whisper-1', file: await file() });
    assert.match(plain.text, /open the window/);
    const verbose = await client.audio.transcriptions.create({ model: 'whisper-1', file: await file(), response_format: 'verbose_json', timestamp_granularities: ['word'] });
    assert.ok(verbose.words.length >= 5 && verbose.words.every((w) => w.end >= w.start));
    assert.match(await client.audio.transcriptions.create({ model: 'whisper-1', file: await file(), response_format: 'vtt' }), /^WEBVTT\n\n00:00:0\d\.\d{3} --> /);
    await assert.rejects(client.audio.transcriptions.create({ model: 'whisper-1', file: await toFile(Buffer.from('no sound'), 'x.wav') }), { status: 422 });
});

test('silence stays silence', async () => {
    const silence = Buffer.concat([Buffer.from('RIFF'), Buffer.alloc(4), Buffer.from('WAVEfmt '), Buffer.from([16, 0, 0, 0, 1, 0, 1, 0, 0x80, 0x3e, 0, 0, 0, 0x7d, 0, 0, 2, 0, 16, 0]), Buffer.from('data'), Buffer.alloc(4), Buffer.alloc(64_000)]);
    silence.writeUInt32LE(silence.length - 8, 4);
    silence.writeUInt32LE(64_000, 40);
    const heard = await (await fetch(`${server.url}/api/asr`, { method: 'POST', headers: { 'content-type': 'audio/wav' }, body: silence })).json();
    assert.deepEqual([heard.text, heard.segments, heard.duration_ms], ['', [], 2000]);
});
