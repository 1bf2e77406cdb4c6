// Remote voices against local servers that speak each documented format, whole and broken: what is spoken, who speaks
// in whose place, and that nothing hangs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { removeFolder, request, startServer } from '../lib/server.mjs';
import { writeWav } from '../lib/sound.mjs';
import { RATE, startMouths, tone, WORD_S } from './lib/mouth-server.mjs';

const KEY = 'sk-mouth-51f0c2';
const TEXT = 'One two three four five.';
const WORDS = 5;
const TYPES = ['openai', 'elevenlabs', 'fish', 'xtts', 'piper'];
// Every failure must be over within this; the timeouts below are 700 ms and shorter, but for the whole's.
const SOON_MS = 4000;
const SHORT = { connect_timeout: '500ms', first_sound_timeout: '700ms', stream_timeout: '400ms', total_timeout: '3s', retries: '0', breaker_failures: '1000' };

let server;
let mouths;
before(async () => {
    mouths = await startMouths({ key: KEY });
    // What was spoken before would come from the cache, and nobody would be asked.
    server = await startServer({ args: ['--voice.cache_size=0'] });
    for (const type of TYPES) {
        const made = await request(server, 'POST', '/api/speech/providers', {
            name: `my-${type}`, type, api_key: KEY,
            base_url: type === 'openai' ? `${mouths.url}/v1` : `${mouths.url}/`,
            settings: SHORT
        });
        assert.equal(made.status, 201, JSON.stringify(made.body));
    }
});
after(async () => {
    const { code } = await server.stop();
    await mouths.close();
    removeFolder(server.data);
    assert.equal(code, 0, server.log);
    assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
});

const speak = async (voice, text = TEXT, more = {}) => {
    const begun = Date.now();
    const answer = await request(server, 'POST', '/api/tts', { text, voice, ...more }, { accept: 'application/json' });
    return { ...answer, took: Date.now() - begun };
};
const trial = async (type, voice, text = TEXT) => {
    const begun = Date.now();
    const { body } = await request(server, 'POST', `/api/speech/providers/my-${type}/test`, { voice, text });
    return { ...body, took: Date.now() - begun };
};
const heal = async (type) => assert.equal((await trial(type, 'ok')).ok, true);
const near = (value, wanted, by, what) => assert.ok(Math.abs(value - wanted) <= by, `${what}: ${value}, wanted ${wanted}`);
const asked = (path) => mouths.requests.filter((r) => r.path === path);

test('each speaks its documented format, whole and in any pieces', async () => {
    for (const type of TYPES) {
        for (const voice of ['ok', 'odd', 'trickle', 'wav']) {
            const spoken = await speak(`my-${type}/${voice}`);
            assert.equal(spoken.status, 200, `${type} ${voice}: ${JSON.stringify(spoken.body)}`);
            near(spoken.body.duration_ms, WORDS * WORD_S * 1000, 20, `${type} ${voice} lasts`);
            const sound = Buffer.from(spoken.body.audio, 'base64').subarray(44);
            let loud = 0;
            for (let i = 0; i + 1 < sound.length; i += 2) loud = Math.max(loud, Math.abs(sound.readInt16LE(i)));
            near(loud, 9000, 60, `${type} ${voice} is as loud as it was sent (an odd byte would make it noise)`);
        }
    }
});

test('requests are what the documents say, and the key is in the right header', async () => {
    mouths.requests.length = 0;
    for (const type of TYPES) await speak(`my-${type}/ok`);
    const [openai] = asked('/v1/audio/speech');
    assert.deepEqual(openai.body, { model: 'tts-1', input: TEXT, voice: 'ok', response_format: 'pcm' });
    assert.equal(openai.headers.authorization, `Bearer ${KEY}`);
    const [eleven] = asked('/v1/text-to-speech/ok/stream/with-timestamps');
    assert.equal(eleven.query.get('output_format'), 'pcm_24000');
    assert.equal(eleven.headers['xi-api-key'], KEY);
    assert.equal(eleven.headers.authorization, undefined);
    assert.equal(eleven.body.text, TEXT);
    assert.deepEqual(Object.keys(eleven.body.voice_settings), ['stability', 'similarity_boost', 'style', 'speed']);
    const [fish] = asked('/v1/tts/stream/with-timestamp');
    assert.equal(fish.headers.model, 's1');
    assert.equal(fish.headers.authorization, `Bearer ${KEY}`);
    assert.deepEqual([fish.body.reference_id, fish.body.format, fish.body.sample_rate], ['ok', 'pcm', 24000]);
    const [xtts] = asked('/tts_stream');
    assert.deepEqual([xtts.query.get('text'), xtts.query.get('speaker_wav'), xtts.query.get('language')], [TEXT, 'ok', 'en']);
    const [piper] = asked('/synthesize');
    assert.deepEqual(piper.body, { text: TEXT, voice: 'ok' });
});

test('the rate goes to those that know one, the volume is a gain', async () => {
    mouths.requests.length = 0;
    for (const type of TYPES) await speak(`my-${type}/ok`, `<speak><prosody rate="150%" volume="-6dB">${TEXT}</prosody></speak>`);
    near(asked('/v1/audio/speech')[0].body.speed, 1.5, 0.01, 'openai');
    near(asked('/v1/text-to-speech/ok/stream/with-timestamps')[0].body.voice_settings.speed, 1.2, 0.001, 'elevenlabs stops at 1.2');
    near(asked('/v1/tts/stream/with-timestamp')[0].body.prosody.speed, 1.5, 0.01, 'fish');
    near(asked('/synthesize')[0].body.length_scale, 1 / 1.5, 0.01, 'piper');
    const quiet = await speak('my-piper/ok', `<speak><prosody volume="-6dB">${TEXT}</prosody></speak>`);
    const sound = Buffer.from(quiet.body.audio, 'base64').subarray(44);
    let loud = 0;
    for (let i = 0; i + 1 < sound.length; i += 2) loud = Math.max(loud, Math.abs(sound.readInt16LE(i)));
    near(loud, 9000 * 10 ** (-6 / 20), 120, '-6 dB');
});

test('words come with their times where the service tells them, also when times begin anew', async () => {
    for (const voice of ['my-elevenlabs/ok', 'my-elevenlabs/relative', 'my-elevenlabs/odd', 'my-fish/ok', 'my-fish/odd']) {
        const { body } = await speak(voice);
        assert.deepEqual(body.words.map((w) => w.text), TEXT.split(' '), voice);
        body.words.forEach((word, i) => near(word.to_ms, (i + 1) * WORD_S * 1000, 45, `${voice}: '${word.text}' ends`));
    }
    // Of a second sentence the clock goes on.
    const two = await speak('my-elevenlabs/ok', 'First comes this. Then that one.');
    assert.deepEqual(two.body.words.map((w) => w.text), ['First', 'comes', 'this.', 'Then', 'that', 'one.']);
    two.body.words.forEach((word, i) => near(word.to_ms, (i + 1) * WORD_S * 1000, 60, word.text));
});

test('alignment that cannot be ends the words, never the sound', async () => {
    for (const voice of ['my-elevenlabs/bad-times', 'my-fish/bad-times']) {
        const { body, status } = await speak(voice);
        assert.equal(status, 200);
        near(body.duration_ms, WORDS * WORD_S * 1000, 20, voice);
        assert.ok(body.words.length <= 1, voice);
    }
});

test('older doors are tried, and remembered', async () => {
    mouths.requests.length = 0;
    for (const [type, voice, door] of [['piper', 'old-server', '/'], ['fish', 'old-server', '/v1/tts'], ['xtts', 'no-stream', '/tts_to_audio/']]) {
        assert.equal((await speak(`my-${type}/${voice}`)).status, 200, type);
        const before = mouths.requests.length;
        assert.equal((await speak(`my-${type}/${voice}`)).status, 200, type);
        assert.deepEqual(mouths.requests.slice(before).map((r) => r.path), [door], `${type} goes to the door that opened`);
    }
    for (const type of ['piper', 'fish', 'xtts']) await request(server, 'PATCH', `/api/speech/providers/my-${type}`, { language: 'en' });
});

test('every failure ends soon, with a sentence and a code, and never shows the key', async () => {
    const expected = {
        unauthorized: 'auth', forbidden: 'auth', missing: 'upstream_refused', 'slow-down': 'rate_limit',
        broken: 'upstream_unavailable', page: 'upstream_unavailable', silent: 'timeout_first_sound', never: 'timeout_first_sound',
        stall: 'timeout_stream', cut: 'cut', empty: 'malformed', html: 'malformed', mp3: 'malformed', endless: 'malformed'
    };
    for (const type of TYPES) {
        for (const [voice, code] of Object.entries(expected)) {
            if (voice === 'mp3' && (type === 'elevenlabs' || type === 'fish')) continue; // theirs is inside documents
            const { ok, error, took } = await trial(type, voice);
            assert.equal(ok, false, `${type} ${voice}`);
            assert.equal(error.code, code, `${type} ${voice}: ${error.message}`);
            assert.ok(took < SOON_MS, `${type} ${voice} took ${took} ms`);
            assert.match(error.message, /^The speech provider 'my-/);
            assert.doesNotMatch(error.message, new RegExp(KEY));
            assert.doesNotMatch(error.message, /<html|doctype/i);
        }
    }
    for (const [type, voice, code] of [['openai', 'json', 'malformed'], ['piper', 'json', 'malformed'], ['elevenlabs', 'json', 'upstream_unavailable'], ['fish', 'json', 'upstream_unavailable'],
        ['elevenlabs', 'bad-base64', 'malformed'], ['fish', 'bad-base64', 'malformed'], ['elevenlabs', 'bad-json', 'malformed'], ['fish', 'bad-json', 'malformed']]) {
        const { ok, error } = await trial(type, voice);
        assert.equal(ok, false);
        assert.equal(error.code, code, `${type} ${voice}: ${error.message}`);
    }
    assert.doesNotMatch(server.log, new RegExp(KEY), 'the key is in no log line');
});

test('before the first sound the same endpoint is tried again, when it asks for little', async () => {
    await request(server, 'PATCH', '/api/speech/providers/my-openai', { settings: { retries: '1' } });
    await request(server, 'PATCH', '/api/speech/providers/my-elevenlabs', { settings: { retries: '1' } });
    assert.equal((await trial('openai', 'flaky')).ok, true);
    assert.equal((await trial('elevenlabs', 'flaky')).ok, true);
    assert.equal((await trial('openai', 'soon')).ok, true);
    const late = await trial('openai', 'slow-down');
    assert.ok(!late.ok && late.took < 1000, 'a wait of 30 s is not waited');
    for (const type of ['openai', 'elevenlabs']) await request(server, 'PATCH', `/api/speech/providers/my-${type}`, { settings: { retries: '0' } });
});

test('where one fails before its first sound, flite speaks instead, and the order of sentences stays', async () => {
    for (const type of TYPES) {
        for (const voice of ['broken', 'silent', 'html', 'empty', 'slow-down']) {
            const { status, body, took } = await speak(`my-${type}/${voice}`, 'Alpha comes first. Then comes beta. Gamma is last.');
            assert.equal(status, 200, `${type} ${voice}: ${JSON.stringify(body)}`);
            assert.deepEqual(body.words.map((w) => w.text), ['alpha', 'comes', 'first', 'then', 'comes', 'beta', 'gamma', 'is', 'last'], `${type} ${voice}`);
            assert.ok(took < SOON_MS * 2, `${type} ${voice} took ${took} ms`);
        }
    }
    // Sentences that one provider spoke and those that another did: one rate, one clock.
    const mixed = await speak(undefined, '<speak><voice name="ok">One two three.</voice><break time="100ms"/>Four five.</speak>', { voice: 'my-elevenlabs/broken' });
    assert.equal(mixed.status, 200);
    assert.deepEqual(mixed.body.words.map((w) => w.text), ['One', 'two', 'three.', 'four', 'five']);
    assert.equal(mixed.body.sample_rate, 24000, 'the first one spoke at 24 kHz, and so it stays');
    near(mixed.body.words[2].to_ms, 600, 40, 'three.');
    assert.ok(mixed.body.words[3].from_ms >= 690, `four begins at ${mixed.body.words[3].from_ms}`);
    assert.ok(mixed.body.words[4].to_ms <= mixed.body.duration_ms);
});

test('a failure in the middle: the rest of the words by the next voice where times are known, else the error', async () => {
    const text = 'Apples grow high up on old trees here.';
    for (const voice of ['cut', 'stall']) {
        const { status, body } = await speak(`my-elevenlabs/${voice}`, text);
        assert.equal(status, 200, JSON.stringify(body));
        const said = body.words.map((w) => w.text.toLowerCase().replace(/\W/g, ''));
        const wanted = text.toLowerCase().replace(/\W+$/, '').split(' ');
        // The word that was being said when it broke off may be told twice: begun by the one, said by the other.
        const without = said.filter((word, i) => word !== said[i - 1]);
        assert.deepEqual(without, wanted, voice);
        assert.equal(body.sample_rate, 24000);
        for (let i = 1; i < body.words.length; i++) assert.ok(body.words[i].from_ms >= body.words[i - 1].from_ms, 'times go on');
        assert.ok(body.duration_ms > 1200 && body.duration_ms < 6000, `${body.duration_ms} ms`);
    }
    const whole = await speak('my-openai/cut', text);
    assert.equal(whole.status, 502);
    assert.equal(whole.body.error.code, 'cut');
});

test('the breaker opens, sentences go on at once, and it heals', async () => {
    await request(server, 'PATCH', '/api/speech/providers/my-piper', { settings: { breaker_failures: '2', breaker_cooldown: '600ms' } });
    await heal('piper');
    for (let i = 0; i < 2; i++) assert.equal((await speak('my-piper/broken')).status, 200);
    const calls = mouths.requests.length;
    const alone = await speak('my-piper/ok');
    assert.equal(alone.status, 200);
    assert.equal(mouths.requests.length, calls, 'nobody asks while it is left alone');
    assert.equal(alone.body.words[0].text, 'one', 'flite speaks');
    const state = (await request(server, 'GET', '/api/voice')).body.speak;
    const piper = state.find((s) => s.provider === 'my-piper');
    assert.equal(piper.ok, false);
    assert.match(piper.reason, /my-piper/);
    assert.equal(state.find((s) => s.provider === 'flite').place, 1);
    assert.deepEqual((await request(server, 'GET', '/api/voice')).body.hear.map((h) => [h.provider, h.ok]), [['pocketsphinx', true]]);
    const health = (await request(server, 'GET', '/api/healthcheck')).body.voice;
    assert.equal(health.status, 'degraded');
    const metrics = (await request(server, 'GET', '/metrics')).body;
    assert.match(metrics, /eidolon_voice_provider_up\{provider="my-piper"\} 0/);
    assert.match(metrics, /eidolon_voice_provider_fallbacks_total\{provider="my-piper"\} [1-9]/);
    await new Promise((r) => setTimeout(r, 700));
    const back = await speak('my-piper/ok');
    assert.ok(mouths.requests.length > calls, 'one call probes');
    near(back.body.duration_ms, WORDS * WORD_S * 1000, 20, 'and it speaks again');
    assert.equal((await request(server, 'GET', '/api/voice')).body.speak.find((s) => s.provider === 'my-piper').ok, true);
    await request(server, 'PATCH', '/api/speech/providers/my-piper', { settings: { breaker_failures: '1000' } });
});

test('voice.chain is the order; a change takes effect at once', async () => {
    const put = (chain) => request(server, 'PUT', '/api/config', { 'voice.chain': chain });
    assert.equal((await put('my-openai, my-piper, flite')).status, 200);
    await request(server, 'PATCH', '/api/speech/providers/my-openai', { voice: 'broken' });
    await request(server, 'PATCH', '/api/speech/providers/my-piper', { voice: 'ok' });
    mouths.requests.length = 0;
    const { body } = await speak(undefined);
    assert.deepEqual(mouths.requests.map((r) => [r.path, r.body.voice]), [['/v1/audio/speech', 'broken'], ['/synthesize', 'ok']]);
    near(body.duration_ms, WORDS * WORD_S * 1000, 20, 'piper spoke');
    const unknown = await put('nobody, flite');
    assert.equal(unknown.status, 400);
    assert.match(unknown.body.error.message, /nobody/);
    const needed = await request(server, 'DELETE', '/api/speech/providers/my-piper');
    assert.equal(needed.status, 400, 'what the chain names is not removed');
    assert.equal((await put(null)).status, 200);
    for (const type of ['openai', 'piper']) await request(server, 'PATCH', `/api/speech/providers/my-${type}`, { voice: null });
});

test('a speech that nobody waits for is cancelled at the provider', async () => {
    const stop = new AbortController();
    const before = mouths.requests.length;
    const gone = fetch(`${server.url}/v1/audio/speech`, {
        method: 'POST', headers: { 'content-type': 'application/json' }, signal: stop.signal,
        body: JSON.stringify({ model: 'x', voice: 'my-openai/never', input: TEXT })
    }).catch((e) => e.name);
    while (mouths.requests.length === before) await new Promise((r) => setTimeout(r, 10));
    stop.abort();
    assert.equal(await gone, 'AbortError');
    assert.equal((await speak('my-openai/ok')).status, 200);
});

test("OpenAI's client speaks with provider/voice", async () => {
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
    const response = await client.audio.speech.create({ model: 'any', voice: 'my-piper/ok', input: TEXT, response_format: 'pcm' });
    const pcm = Buffer.from(await response.arrayBuffer());
    near(pcm.length / 2 / 24000, WORDS * WORD_S, 0.03, 'seconds at 24 kHz, from 22.05');
    await assert.rejects(client.audio.speech.create({ model: 'any', voice: 'no-such/voice', input: 'x' }), (e) => e.status === 404 && /no-such/.test(e.message));
});

test('keys are taken, never given; what is wrong is refused in words', async () => {
    const list = await request(server, 'GET', '/api/speech/providers');
    assert.equal(list.status, 200);
    assert.doesNotMatch(JSON.stringify(list.body), new RegExp(KEY));
    const mine = list.body.data.find((p) => p.name === 'my-elevenlabs');
    assert.deepEqual([mine.api_key_set, mine.speaks, mine.clones, mine.locked], [true, true, true, false]);
    assert.ok(list.body.data.some((p) => p.name === 'flite' && p.locked));
    assert.doesNotMatch(JSON.stringify((await request(server, 'GET', '/api/config')).body), new RegExp(KEY));
    for (const [method, path, body, status, pattern] of [
        ['POST', '', { name: 'x', type: 'xtts' }, 400, /base_url/],
        ['POST', '', { name: 'x', type: 'gramophone' }, 400, /gramophone|type/],
        ['POST', '', { type: 'piper', base_url: 'http://127.0.0.1:1' }, 400, /name/],
        ['POST', '', { name: 'flite', type: 'openai' }, 422, /built in/],
        ['POST', '', { name: 'my-piper', type: 'openai' }, 409, /already/],
        ['POST', '', { name: 'y', type: 'openai', settings: { loudness: '3' } }, 400, /loudness/],
        ['PATCH', '/nobody', { voice: 'x' }, 404, /nobody/],
        ['PATCH', '/flite', { voice: 'x' }, 422, /built in/],
        ['DELETE', '/nobody', undefined, 404, /nobody/],
        ['POST', '/nobody/test', {}, 404, /nobody/]
    ]) {
        const answer = await request(server, method, `/api/speech/providers${path}`, body);
        assert.equal(answer.status, status, `${method} ${path} ${JSON.stringify(body)}: ${JSON.stringify(answer.body)}`);
        assert.match(answer.body.error.message, pattern);
    }
    const kept = await request(server, 'PATCH', '/api/speech/providers/my-openai', { model: 'kokoro' });
    assert.deepEqual([kept.body.model, kept.body.api_key_set, kept.body.base_url], ['kokoro', true, `${mouths.url}/v1`]);
    assert.equal((await request(server, 'PATCH', '/api/speech/providers/my-openai', { model: null })).body.model, '');
});

test('the test of a provider says how long it took, or why not', async () => {
    const good = await trial('elevenlabs', 'ok');
    assert.ok(good.ok && good.first_sound_ms <= good.took_ms);
    near(good.duration_ms, WORDS * WORD_S * 1000, 20, 'duration');
    const ear = await request(server, 'POST', '/api/speech/providers/pocketsphinx/test', {});
    assert.equal(ear.body.ok, false);
    assert.match(ear.body.error.message, /speaks/);
});

test('all voices are listed; whose cannot be reached is told beside', async () => {
    await request(server, 'POST', '/api/speech/providers', { name: 'gone', type: 'piper', base_url: 'http://127.0.0.1:9', settings: { connect_timeout: '300ms', retries: '0' } });
    const { status, body } = await request(server, 'GET', '/api/voices');
    assert.equal(status, 200);
    const names = body.data.map((v) => v.preview);
    for (const wanted of ['flite/slt', 'my-openai/odd', 'my-elevenlabs/ok', 'my-fish/ok', 'my-xtts/female', 'my-piper/en_US-lessac-medium']) assert.ok(names.includes(wanted), `${wanted} in ${names}`);
    // espeak-ng may be there or not: then it says so, too.
    const missing = body.unreachable.filter((u) => u.provider !== 'espeak');
    assert.deepEqual(missing.map((u) => u.provider), ['gone']);
    assert.match(missing[0].reason, /cannot be reached/);
    const one = await request(server, 'GET', '/api/voices?provider=my-piper');
    assert.ok(one.body.data.length === 2 && one.body.data.every((v) => v.provider === 'my-piper' && v.language));
    assert.equal((await request(server, 'DELETE', '/api/speech/providers/gone')).status, 204);
});

test('a voice is cloned with consent only; it is listed, spoken with, and removed there and here', async () => {
    const clip = new Blob([writeWav(tone(3), RATE)], { type: 'audio/wav' });
    const clone = async (fields, file = clip) => {
        const form = new FormData();
        for (const [name, value] of Object.entries(fields)) form.set(name, value);
        if (file) form.set('file', file, 'me.wav');
        const response = await fetch(`${server.url}/api/voices/clone`, { method: 'POST', body: form });
        return { status: response.status, body: await response.json() };
    };
    const consent = 'Ann agreed on 2026-11-21, by letter.';
    for (const [fields, file, status, pattern] of [
        [{ provider: 'my-elevenlabs', name: 'Ann' }, clip, 400, /agreed/],
        [{ provider: 'my-elevenlabs', name: 'Ann', consent: 'yes' }, clip, 400, /agreed/],
        [{ provider: 'my-elevenlabs', consent }, clip, 400, /name/],
        [{ provider: 'my-elevenlabs', name: 'Ann', consent }, new Blob(['hello']), 400, /no recording/],
        [{ provider: 'my-elevenlabs', name: 'Ann', consent }, null, 400, /file/],
        [{ provider: 'my-piper', name: 'Ann', consent }, clip, 422, /cannot make a voice/],
        [{ provider: 'my-xtts', name: 'Ann', consent }, clip, 422, /speakers folder/],
        [{ provider: 'flite', name: 'Ann', consent }, clip, 422, /cannot make a voice/],
        [{ provider: 'nobody', name: 'Ann', consent }, clip, 404, /nobody/]
    ]) {
        const answer = await clone(fields, file);
        assert.equal(answer.status, status, JSON.stringify(answer.body));
        assert.match(answer.body.error.message, pattern);
    }
    assert.equal(mouths.voices.size, 0, 'nothing was sent without consent');
    for (const type of ['elevenlabs', 'fish']) {
        const made = await clone({ provider: `my-${type}`, name: `Ann of ${type}`, consent, language: 'en', transcript: 'It is me.' });
        assert.equal(made.status, 201, JSON.stringify(made.body));
        assert.equal(mouths.voices.get(made.body.name), `Ann of ${type}`);
        const sent = mouths.requests.at(-1);
        assert.ok(sent.body.includes('RIFF'), 'the clip went there');
        assert.match(made.body.clip, /^[0-9a-f]{64}$/);
        assert.equal(made.body.consent, consent);
        if (type === 'elevenlabs') {
            const { body } = await request(server, 'GET', '/api/voices?provider=my-elevenlabs');
            const voice = body.data.find((v) => v.name === made.body.name);
            assert.deepEqual([voice.cloned, voice.consent, voice.about], [true, consent, `Ann of ${type}`]);
            assert.equal(body.data.find((v) => v.name === 'ok').cloned, false);
        }
        const path = `/api/voices/my-${type}/${made.body.name}`;
        assert.equal((await request(server, 'DELETE', path)).status, 204);
        assert.ok(!mouths.voices.has(made.body.name), 'gone at the provider');
        assert.equal((await request(server, 'DELETE', path)).status, 404, 'and here');
    }
    assert.equal((await request(server, 'DELETE', '/api/voices/my-elevenlabs/ok')).status, 404, 'what was not cloned from here stays');
});

test('a persona whose provider fails is heard all the same', async () => {
    const persona = await request(server, 'POST', '/api/personas', { name: 'Vox', voice: { provider: 'my-fish', name: 'broken' } });
    assert.equal(persona.status, 201, JSON.stringify(persona.body));
    const { status, body } = await request(server, 'POST', '/api/tts', { text: TEXT, character: persona.body.slug }, { accept: 'application/json' });
    assert.equal(status, 200);
    assert.equal(body.words.length, WORDS);
});
