// espeak-ng through its helper: other languages, mouth shapes and words from its own phonemes, voices listed. Skipped in a
// sentence where the library is not installed.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { removeFolder, startServer } from '../lib/server.mjs';

let server;
before(async () => {
    server = await startServer();
});
after(async () => {
    await server.stop();
    removeFolder(server.data);
});
const tts = async (body) => {
    const response = await fetch(`${server.url}/api/tts`, { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json' }, body: JSON.stringify(body) });
    return { status: response.status, ...(await response.json()) };
};

test('languages, with lips on the clock of the sound', async (t) => {
    const first = await tts({ text: 'Hello.', voice: 'espeak/en-us' });
    if (first.sample_rate !== 22050) return t.skip('espeak-ng is not installed, or its helper was not built');
    for (const [voice, text, lips] of [
        ['en-us', 'My mum bought a map for Bob.', true],
        ['de', 'Meine Mutter kauft ein Paar Bücher.', true],
        ['fr-fr', 'Bonjour, mon ami.', true],
        ['es', 'El gato duerme en la casa.', true],
        ['pl', 'Dzień dobry, pani.', true],
        ['en-us', 'She sees the ocean.', false]
    ]) {
        const spoken = await tts({ text, voice: `espeak/${voice}` });
        assert.equal(spoken.status, 200, JSON.stringify(spoken).slice(0, 200));
        assert.equal(spoken.sample_rate, 22050, voice);
        const sound = new Int16Array(Uint8Array.from(Buffer.from(spoken.audio, 'base64').subarray(44)).buffer);
        assert.ok(sound.some((s) => Math.abs(s) > 3000), 'it is heard');
        for (const [i, key] of spoken.visemes.entries()) {
            assert.ok(key.at_ms <= spoken.duration_ms && key.weight >= 0 && key.weight <= 1);
            if (i) assert.ok(spoken.visemes[i - 1].at_ms <= key.at_ms);
        }
        assert.equal(spoken.visemes.some((k) => k.viseme === 'PP' && k.weight > 0.7), lips, `${voice}: lips`);
        assert.deepEqual(spoken.words.map((w) => w.text.replace(/[.,]/g, '')), text.replace(/[.,]/g, '').split(' '), voice);
        assert.ok(spoken.words.every((w, i) => w.to_ms >= w.from_ms && (!i || w.from_ms >= spoken.words[i - 1].from_ms)));
        // Lips are together where the sound is: never in the silence behind the last word.
        const last = Math.max(...spoken.visemes.filter((k) => k.viseme !== 'sil' && k.weight > 0.3).map((k) => k.at_ms));
        assert.ok(last <= spoken.duration_ms);
    }
    const [slow, quick] = [await tts({ text: '<speak><prosody rate="slow">One two three four.</prosody></speak>', voice: 'espeak/en-us' }), await tts({ text: '<speak><prosody rate="fast">One two three four.</prosody></speak>', voice: 'espeak/en-us' })];
    assert.ok(slow.duration_ms > quick.duration_ms * 1.3, `${slow.duration_ms} and ${quick.duration_ms} ms`);
});

test('a voice that is not there has flite speak in its place; many at once', async (t) => {
    const wrong = await tts({ text: 'Hello.', voice: 'espeak/nowhere-at-all' });
    if (wrong.sample_rate === 22050) assert.fail('that voice does not exist');
    assert.equal(wrong.sample_rate, 16000, 'flite speaks in its place');
    const many = await Promise.all(Array.from({ length: 12 }, (_, i) => tts({ text: `Number ${i} is here.`, voice: 'espeak/de' })));
    assert.ok(many.every((m) => m.status === 200 && m.duration_ms > 300));
});
