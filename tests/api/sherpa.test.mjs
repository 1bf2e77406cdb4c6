// Models of sherpa-onnx by its real library, in their child process: speaking, hearing, what is said of a folder that cannot
// be used, and what becomes of a sentence whose process dies. The models are made here (lib/onnx.mjs): nobody's weights are
// needed, and nothing is said about how a real model sounds or hears.
import assert from 'node:assert/strict';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { binary, makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';
import { FLOAT, LETTER_MS, RATE, onnx, writeEar, writeVoice } from './lib/onnx.mjs';

const LIBRARY = fileURLToPath(new URL('../../build/lib/libsherpa-onnx-c-api.so', import.meta.url));
const WORK = 12; // of the slow voice: some tenths of a second to each sentence
const MISSING = 'sherpa-onnx\'s library is not in build/lib; `make speech` puts it there';
const data = makeFolder();
const folder = (name) => join(data, 'models', name);
let server;

const provider = async (name, settings = {}, on = server) => {
    const { model, ear_model, ...rest } = settings;
    const made = await request(on, 'POST', '/api/speech/providers', { name, type: 'sherpa', model: model ?? null, ear_model: ear_model ?? null, settings: { breaker_failures: '1000', ...rest } });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    return made.body;
};

before(async () => {
    if (!existsSync(LIBRARY)) return;
    writeVoice(folder('tones'), { speakers: 3, names: 'low,mid,high' });
    writeVoice(folder('slow'), { work: WORK });
    writeEar(folder('ear'));
    // What was spoken before would come from the cache, and no model would be asked.
    server = await startServer({ data, args: ['--voice.cache_size=0'] });
    await provider('tones', { model: 'tones' });
    await provider('slow', { model: folder('slow'), threads: '1' });
    await provider('ear', { ear_model: 'ear' });
});
after(async () => {
    if (server) {
        const { code } = await server.stop();
        assert.equal(code, 0, server.log);
        assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
    }
    removeFolder(data);
});

const speak = async (voice, text, more = {}) => {
    const { status, body } = await request(server, 'POST', '/api/tts', { text, voice, ...more }, { accept: 'application/json' });
    assert.equal(status, 200, JSON.stringify(body).slice(0, 300));
    const wav = Buffer.from(body.audio, 'base64');
    return { ...body, wav, samples: new Int16Array(Uint8Array.from(wav.subarray(44)).buffer) };
};
const hear = (wav, query = '?provider=ear') => fetch(`${server.url}/api/asr${query}`, { method: 'POST', headers: { 'content-type': 'audio/wav' }, body: wav }).then((r) => r.json());
const trial = async (name, text = 'bad cab.', voice = '') => (await request(server, 'POST', `/api/speech/providers/${name}/test`, { text, ...(voice ? { voice } : {}) })).body;
const peak = (samples) => samples.reduce((most, s) => Math.max(most, Math.abs(s)), 0);
const letters = (text) => [...text].filter((c) => /[a-z]/.test(c)).join(' ').replace(/(\w)( \1)+/g, '$1');

/** The processes of this server that have a model. */
const children = (of = server) =>
    readdirSync('/proc').filter((p) => /^\d+$/.test(p)).filter((p) => {
        try {
            return readFileSync(`/proc/${p}/cmdline`, 'utf8').includes('child\0sherpa') && readFileSync(`/proc/${p}/stat`, 'utf8').split(') ')[1].split(' ')[1] === String(of.child.pid);
        } catch {
            return false;
        }
    }).map(Number);
async function until(what, check, ms = 20000) {
    for (const end = Date.now() + ms; Date.now() < end; await sleep(20)) {
        const value = await check();
        if (value) return value;
    }
    assert.fail(`not within ${ms} ms: ${what}`);
}
const here = (t) => existsSync(LIBRARY) || (t.skip(MISSING), false);

test('what is spoken is what an ear hears, at its rate and by its speaker', async (t) => {
    if (!here(t)) return;
    const text = 'bad cab hug me!';
    const low = await speak('tones/low', text), high = await speak('tones/2', text);
    assert.equal(low.sample_rate, RATE);
    // Every sign takes as long as a letter; sentences are made whole.
    assert.ok(Math.abs(low.duration_ms - [...text].length * LETTER_MS) <= 10, `${low.duration_ms} ms`);
    assert.ok(peak(high.samples) > 2.5 * peak(low.samples), `${peak(low.samples)} and ${peak(high.samples)}`);
    const heard = await hear(low.wav);
    assert.equal(heard.text, letters(text));
    assert.equal(heard.provider, 'ear');
    // Words lie where their letters are: the sound of the i-th sign begins at i * LETTER_MS, less what was cut off before.
    const words = heard.segments.flatMap((s) => s.words);
    assert.equal(words.map((w) => w.word).join(' '), heard.text);
    const at = [...text].flatMap((c, i) => (/[a-z]/.test(c) ? [i] : [])).map((i) => (i * LETTER_MS) / 1000);
    words.forEach((w, i) => assert.ok(Math.abs(w.start - at[i]) <= 0.1 && w.end > w.start && w.end <= heard.duration_ms / 1000 + 0.01, `${w.word} at ${w.start}, said at ${at[i]}`));
});

test('rate, volume, mouth shapes', async (t) => {
    if (!here(t)) return;
    const text = 'my mum bought a map for bob.';
    const plain = await speak('tones', text);
    const quick = await speak('tones', `<speak><prosody rate="200%">${text}</prosody></speak>`);
    assert.ok(Math.abs(plain.duration_ms / quick.duration_ms - 2) < 0.1, `${plain.duration_ms} and ${quick.duration_ms} ms`);
    const soft = await speak('tones', `<speak><prosody volume="-6dB">${text}</prosody></speak>`);
    assert.ok(Math.abs(peak(soft.samples) / peak(plain.samples) - 0.5) < 0.05, `${peak(soft.samples)} of ${peak(plain.samples)}`);
    assert.ok(plain.visemes.some((k) => k.viseme === 'PP' && k.weight > 0.5), 'lips close');
    plain.visemes.forEach((k, i) => assert.ok(k.at_ms <= plain.duration_ms && (!i || plain.visemes[i - 1].at_ms <= k.at_ms)));
});

test('speakers and providers are listed; a test speaks', async (t) => {
    if (!here(t)) return;
    const voices = (await request(server, 'GET', '/api/voices')).body.data.filter((v) => v.provider === 'tones');
    assert.deepEqual(voices.map((v) => [v.name, v.language, v.about, v.preview]), ['low', 'mid', 'high'].map((n, i) => [n, 'Tones', `VITS, speaker ${i}`, `tones/${n}`]));
    const listed = (await request(server, 'GET', '/api/speech/providers')).body.data.filter((p) => p.type === 'sherpa').map((p) => p.name).sort();
    assert.deepEqual(listed, ['ear', 'slow', 'tones']);
    const good = await trial('tones', 'abc.', 'high');
    assert.ok(good.ok && good.duration_ms > 2 * LETTER_MS, JSON.stringify(good));
    const none = await trial('tones', 'abc.', 'nobody');
    assert.equal(none.ok, false);
    assert.match(none.error.message, /no voice 'nobody'; its model has 3/);
});

test('texts that espeak-ng reads, from the data in the model\'s folder', async (t) => {
    if (!here(t)) return;
    const debian = readdirSync('/usr/lib').map((d) => join('/usr/lib', d, 'espeak-ng-data', 'phontab')).find((p) => existsSync(p));
    if (!debian) return t.skip('espeak-ng-data is not installed');
    writeVoice(folder('piper'), { piper: true });
    await provider('piper', { model: 'piper' });
    assert.match((await trial('piper')).error.message, /has a VITS model, but no folder espeak-ng-data/);
    cpSync(dirname(debian), join(folder('piper'), 'espeak-ng-data'), { recursive: true });
    const five = await trial('piper', '5');
    assert.ok(five.ok, JSON.stringify(five));
    // Numbers are read: what is said is longer than what is written. Its dictionary is opened anew for each text.
    const many = await trial('piper', '5555');
    assert.ok(five.ok && many.duration_ms > 3 * five.duration_ms, `${five.duration_ms} and ${many.duration_ms} ms`);
});

test('a long text is heard sentence by sentence', async (t) => {
    if (!here(t)) return;
    const begun = Date.now();
    const response = await fetch(`${server.url}/v1/audio/speech`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'tts-1', voice: 'slow/0', input: 'abc. '.repeat(8).trim(), response_format: 'pcm' }) });
    assert.equal(response.status, 200);
    let first = 0, bytes = 0;
    for await (const chunk of response.body) {
        first ||= Date.now() - begun;
        bytes += chunk.length;
    }
    const all = Date.now() - begun;
    assert.ok(bytes > 8 * 3 * LETTER_MS * 40, `${bytes} bytes`);
    assert.ok(first < all / 2, `the first sound after ${first} ms of ${all} ms`);
});

test('a folder that cannot be used is said in words, and another voice speaks in its place', async (t) => {
    if (!here(t)) return;
    writeVoice(folder('untold'), { without: ['tokens.txt'] });
    writeVoice(folder('raw'), { metadata: { model_type: 'something-new', comment: '' } });
    writeVoice(folder('broken'));
    writeFileSync(join(folder('broken'), 'tokens.txt'), 'not one line of tokens\n');
    mkdirSync(folder('empty'));
    const cases = [
        ['nowhere', { model: 'nowhere' }, /models\/nowhere cannot be read: No such file/],
        ['empty', { model: 'empty' }, /models\/empty has no model/],
        ['untold', { model: 'untold' }, /has a VITS model, but no tokens\.txt/],
        ['raw', { model: 'raw' }, /whose kind its metadata does not tell \(something-new\)/],
        ['broken', { model: 'broken' }, /could not load its model\. The sherpa process ended/],
        ['deaf', { model: 'ear' }, /has a NeMo CTC model, which hears and cannot speak/],
        ['unset', {}, /names no model: set speech\.unset\.model/]
    ];
    for (const [name, settings, words] of cases) {
        await provider(name, settings);
        const tried = await trial(name);
        assert.equal(tried.ok, false, name);
        assert.match(tried.error.message, words, name);
        assert.equal((await speak(`${name}/0`, 'Hello.')).sample_rate, 16000, `${name}: flite speaks in its place`);
    }
    // What was missing is put there: the next sentence finds it.
    writeVoice(folder('untold'));
    assert.equal((await trial('untold')).ok, true);
    // The other way round, an ear: pocketsphinx hears in its place where the chain has more than one.
    await provider('mute', { ear_model: 'tones' });
    const wav = (await speak('flite/slt', 'Please open the window and the door.')).wav;
    const heard = await hear(wav, '?provider=mute');
    assert.match(heard.error?.message ?? '', /has a VITS model, which speaks and cannot hear/);
    assert.equal((await request(server, 'PUT', '/api/config', { 'ear.chain': 'mute' })).status, 200);
    const other = await hear(wav, '');
    assert.equal(other.provider, 'pocketsphinx');
    assert.match(other.text, /window/);
    await request(server, 'PUT', '/api/config', { 'ear.chain': 'pocketsphinx' });
});

test('every kind of model comes to its own part of the library', async (t) => {
    if (!here(t)) return;
    // Graphs that are none: each loader ends over what its metadata lacks, and its last words are told.
    const graph = (metadata) => onnx({ nodes: [['Identity', ['x'], 'y']], constants: {}, inputs: [['x', FLOAT, [1]]], outputs: [['y', FLOAT, [1]]], metadata });
    const kinds = {
        kokoro: ['model', { 'model.onnx': 'kokoro', 'voices.bin': '' }, /tts-kokoro-model.*sample_rate/],
        kitten: ['model', { 'model.onnx': 'kitten-tts', 'voices.bin': '' }, /tts-kitten-model.*sample_rate/],
        matcha: ['model', { 'model-steps-3.onnx': 'matcha-tts', 'vocos-22khz-univ.onnx': '' }, /tts-matcha-model.*sample_rate/],
        paraformer: ['ear_model', { 'model.int8.onnx': 'paraformer' }, /offline-paraformer-model.*vocab_size/],
        'sense-voice': ['ear_model', { 'model.int8.onnx': 'sense_voice_ctc' }, /sense-voice-model.*vocab_size/],
        whisper: ['ear_model', { 'tiny-encoder.onnx': 'whisper-tiny', 'tiny-decoder.onnx': '' }, /offline-whisper-model.*n_mels/],
        nemo: ['ear_model', { 'encoder.onnx': 'EncDecRNNTBPEModel', 'decoder.onnx': '', 'joiner.onnx': '' }, /transducer-nemo-model.*vocab_size/]
    };
    const wav = (await speak('flite/slt', 'Please open the window and the door.')).wav;
    for (const [name, [which, files, words]] of Object.entries(kinds)) {
        mkdirSync(folder(name));
        for (const [f, type] of Object.entries(files)) writeFileSync(join(folder(name), f), graph(type ? { model_type: type } : {}));
        writeFileSync(join(folder(name), 'tokens.txt'), 'a 0\n<blk> 1\n');
        // Enough of espeak-ng's data for the library to look no closer before it loads the model.
        mkdirSync(join(folder(name), 'espeak-ng-data'));
        for (const f of ['phontab', 'phonindex', 'phondata', 'intonations']) writeFileSync(join(folder(name), 'espeak-ng-data', f), '');
        await provider(name, { [which]: name });
        const error = which === 'model' ? (await trial(name)).error : (await hear(wav, `?provider=${name}`)).error;
        assert.match(error?.message ?? '', words, name);
    }
});

test('a process killed in the middle of a sentence fails that one, and the next works', async (t) => {
    if (!here(t)) return;
    assert.equal((await trial('slow', 'a.')).ok, true); // loaded
    const others = children();
    const going = trial('slow', 'abc. def. ghi. jkl.');
    await sleep(200);
    // All of them: the one that is not at work is started again just so.
    for (const pid of others) process.kill(pid, 'SIGKILL');
    const tried = await going;
    assert.equal(tried.ok, false, JSON.stringify(tried));
    assert.match(tried.error.message, /speech provider 'slow' broke off\. The sherpa process was ended by signal 9/);
    const next = await until('the next sentence', async () => {
        const again = await trial('slow', 'a.');
        return again.ok && again;
    });
    assert.ok(next.duration_ms > 0);
    assert.ok(children().every((pid) => !others.includes(pid)));
    // In a text: before its first sound another provider speaks.
    const [now] = children();
    const spoken = speak('slow/0', 'Hello there. How are you?');
    await sleep(60);
    process.kill(now, 'SIGKILL');
    assert.ok((await spoken).duration_ms > 300);
    const heard = await until('the ear', async () => {
        const h = await hear((await speak('tones', 'cab.')).wav);
        return h.text === 'c a b' && h;
    });
    assert.equal(heard.provider, 'ear');
});

test('who goes away in the middle of a text lets the others speak', async (t) => {
    if (!here(t)) return;
    await trial('slow', 'a.');
    const one = Date.now();
    await trial('slow', 'a.');
    const sentence = Date.now() - one;
    const gone = new AbortController();
    const response = await fetch(`${server.url}/v1/audio/speech`, { method: 'POST', signal: gone.signal, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'tts-1', voice: 'slow/0', input: 'abc. '.repeat(60).trim(), response_format: 'pcm' }) });
    await response.body.getReader().read();
    gone.abort();
    const begun = Date.now();
    assert.equal((await trial('slow', 'a.')).ok, true);
    const took = Date.now() - begun;
    assert.ok(took < 8 * sentence + 1000, `${took} ms, where one sentence takes ${sentence} and 60 were asked for`);
});

test('the process can do nothing but its work', async (t) => {
    if (!here(t)) return;
    await trial('tones');
    for (const pid of children()) {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        assert.match(status, /^Seccomp:\s+2$/m);
        assert.match(status, /^NoNewPrivs:\s+1$/m);
        const open = readdirSync(`/proc/${pid}/fd`).map(Number);
        assert.ok(Math.max(...open) <= 8, `descriptors ${open}`);
    }
});

test('a model that nobody uses is unloaded, and loaded again', async (t) => {
    if (!here(t)) return;
    writeVoice(folder('brief'));
    await provider('brief', { model: 'brief', idle_timeout: '200ms' });
    const before = children().length;
    assert.equal((await trial('brief')).ok, true);
    assert.equal(children().length, before + 1);
    await until('it is unloaded', () => children().length === before);
    assert.equal((await trial('brief')).ok, true);
});

test('many at once, from all sides', async (t) => {
    if (!here(t)) return;
    const said = await Promise.all(Array.from({ length: 24 }, (_, i) => speak(`tones/${i % 3}`, 'abcdef'.slice(i % 6) + '.')));
    said.forEach((s, i) => assert.ok(Math.abs(s.duration_ms - (7 - (i % 6)) * LETTER_MS) <= 10, `${i}: ${s.duration_ms} ms`));
    const heard = await Promise.all(said.slice(0, 8).map((s) => hear(s.wav)));
    heard.forEach((h, i) => assert.equal(h.text, [...'abcdef'.slice(i % 6)].join(' ')));
});

test('without the library, or with another one, that is what is said', async (t) => {
    if (!here(t)) return;
    // The program alone, where no lib/ is beside it; then with another library under sherpa-onnx's name.
    const place = makeFolder(), program = join(place, 'a', 'b', 'c', 'bin', 'eidolon');
    mkdirSync(join(place, 'a', 'b', 'c', 'bin'), { recursive: true });
    copyFileSync(binary, program);
    const alone = await startServer({ program, data: makeFolder() });
    try {
        await provider('tones', { model: folder('tones') }, alone);
        const tried = (await request(alone, 'POST', '/api/speech/providers/tones/test', { text: 'abc.' })).body;
        assert.equal(tried.ok, false);
        assert.match(tried.error.message, /library is not installed; make speech fetches it/);
        const spoken = await request(alone, 'POST', '/api/tts', { text: 'Hello.', voice: 'tones/0' }, { accept: 'application/json' });
        assert.equal(spoken.body.sample_rate, 16000, 'flite speaks in its place');
        const lib = join(place, 'a', 'b', 'c', 'bin', 'lib');
        mkdirSync(lib);
        copyFileSync(join(LIBRARY, '..', 'libonnxruntime.so'), join(lib, 'libsherpa-onnx-c-api.so'));
        const other = (await request(alone, 'POST', '/api/speech/providers/tones/test', { text: 'abc.' })).body;
        assert.match(other.error.message, /only 1\.13\.8 is known here; make speech fetches it/);
    } finally {
        await alone.stop();
        removeFolder(alone.data);
        rmSync(place, { recursive: true });
    }
});
