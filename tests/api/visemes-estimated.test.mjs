// Mouth shapes for a voice that tells none: a local OpenAI-format server speaks with flite's own sound, in pieces, so that the
// estimate (text and loudness) can be held against flite's exact timeline.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { removeFolder, startServer } from '../lib/server.mjs';

const TEXT = 'My brother bought a map for five people and gave it to Bob.';
let mouth;
let server;
let exact;

const tts = async (voice) => (await fetch(`${server.url}/api/tts`, { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json' }, body: JSON.stringify({ text: TEXT, voice }) })).json();
const pcm = (spoken) => Buffer.from(spoken.audio, 'base64').subarray(44);

before(async () => {
    mouth = createServer(async (req, res) => {
        for await (const _ of req);
        res.writeHead(200, { 'content-type': 'audio/pcm' });
        const sound = pcm(exact);
        for (let at = 0; at < sound.length; at += 6400) {
            res.write(sound.subarray(at, at + 6400));
            await sleep(4);
        }
        res.end();
    });
    mouth.listen(0, '127.0.0.1');
    await once(mouth, 'listening');
    server = await startServer({ args: ['--speech.far.type=openai', `--speech.far.base_url=http://127.0.0.1:${mouth.address().port}/v1`, '--speech.far.sample_rate=16000'] });
    exact = await tts('flite/slt');
});
after(async () => {
    await server.stop();
    mouth.close();
    removeFolder(server.data);
});

/** Weights at a moment: between two keys of one viseme the weight goes straight. */
function weights(keys, at) {
    const out = {};
    for (const name of new Set(keys.map((k) => k.viseme))) {
        const own = keys.filter((k) => k.viseme === name);
        const next = own.findIndex((k) => k.at_ms > at);
        if (next === 0) out[name] = 0;
        else if (next < 0) out[name] = own.at(-1).weight;
        else {
            const [a, b] = [own[next - 1], own[next]];
            out[name] = a.weight + ((b.weight - a.weight) * (at - a.at_ms)) / (b.at_ms - a.at_ms);
        }
    }
    return out;
}

test('order, bounds, lips, rest; near the exact timeline', async () => {
    const spoken = await tts('far/any');
    assert.equal(pcm(spoken).length, pcm(exact).length, JSON.stringify(spoken).slice(0, 300));
    const keys = spoken.visemes;
    assert.ok(keys.length > 50);
    for (const [i, key] of keys.entries()) {
        assert.ok(key.at_ms >= 0 && key.at_ms <= spoken.duration_ms && key.weight >= 0 && key.weight <= 1);
        if (i) assert.ok(keys[i - 1].at_ms <= key.at_ms, `key ${i}`);
    }
    // my, brother, bought, map, people (twice), Bob (twice): each closure of the exact timeline has one near it.
    const peaks = (list) => list.filter((k) => k.viseme === 'PP' && k.weight > 0.7).map((k) => k.at_ms);
    const [mine, theirs] = [peaks(keys), peaks(exact.visemes)];
    assert.ok(theirs.length >= 7, `${theirs}`);
    const off = theirs.map((at) => Math.min(...mine.map((m) => Math.abs(m - at)))).sort((a, b) => a - b);
    assert.ok(off[off.length >> 1] < 120, `lips are off by ${off} ms`);
    const sound = new Int16Array(Uint8Array.from(pcm(spoken)).buffer);
    for (let at = 0; at + 200 < spoken.duration_ms; at += 50) {
        const piece = sound.subarray((at * 16), (at + 200) * 16);
        if (piece.every((s) => Math.abs(s) < 20)) assert.ok((weights(keys, at + 100).sil ?? 0) > 0.8, `at ${at + 100} ms`);
        const sum = Object.values(weights(keys, at)).reduce((a, b) => a + b, 0);
        assert.ok(Math.abs(sum - 1) < 0.15, `weights at ${at} ms make ${sum}`);
    }
    assert.deepEqual(spoken.words.map((w) => w.text).slice(0, 5), ['my', 'brother', 'bought', 'a', 'map']);
    assert.ok(spoken.words.every((w, i) => w.to_ms >= w.from_ms && (!i || w.from_ms >= spoken.words[i - 1].from_ms)));
});
