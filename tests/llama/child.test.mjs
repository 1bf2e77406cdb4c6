// The llama child with tiny models of random weights (tests/tools/make_gguf.c): node --test tests/llama
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Child, missing } from './child.mjs';

const maker = process.env.MAKE_GGUF ?? 'build/release/tools/make_gguf';
const folder = mkdtempSync(join(tmpdir(), 'eidolon-llama-test-'));
const file = (name) => join(folder, `${name}.gguf`);
const user = (content) => [{ role: 'user', content }];
const asked = (content, sampling = {}, more = {}) => ({ messages: user(content), sampling, ...more });
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

before(() => {
    if (!missing) for (const kind of ['tiny', 'tools', 'endless', 'embed']) execFileSync(maker, [kind, file(kind)]);
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** A child with a model, ended when the tests of the block are done. */
function loaded(kind, options = {}) {
    const at = {};
    before(async () => {
        at.child = new Child();
        assert.equal((await at.child.next('hello', 'failed')).ev, 'hello');
        at.model = await at.child.load(file(kind), { threads: 1, ...options });
        assert.equal(at.model.ev, 'loaded', at.model.sentence);
    });
    after(() => at.child.end());
    return at;
}

describe('loading', { skip: missing }, () => {
    test('hello says what is there, loaded what the model is', async () => {
        const child = new Child();
        const hello = await child.next('hello');
        assert.match(hello.release, /^v\d/);
        assert.match(hello.backends[0], /^CPU/);
        const { model, ...rest } = await child.load(file('tiny'), { context: 2048, sequences: 4, threads: 1 });
        assert.deepEqual([model.arch, model.embedding, model.vocabulary, model.template, model.context_train], ['llama', 64, 259, true, 4096]);
        assert.deepEqual([rest.context, rest.sequences, rest.threads, rest.gpu_layers], [2048, 4, 1, 0]);
        assert.deepEqual(await child.end(), { code: 0, signal: null });
    });

    test('what is no model gets a sentence, and the child lives', async () => {
        const child = new Child();
        await child.next('hello');
        const good = readFileSync(file('tiny'));
        const patched = (at, ...bytes) => {
            const copy = Buffer.from(good);
            Buffer.from(bytes).copy(copy, at);
            return copy;
        };
        const u64 = (n) => {
            const b = Buffer.alloc(8);
            b.writeBigUInt64LE(n);
            return [...b];
        };
        const tokens = good.indexOf('tokenizer.ggml.tokens') + 'tokenizer.ggml.tokens'.length;
        const tensor = good.indexOf('token_embd.weight') + 'token_embd.weight'.length;
        const arch = good.indexOf('general.architecture') + 'general.architecture'.length + 4;
        const junk = {
            empty: Buffer.alloc(0),
            'three bytes': good.subarray(0, 3),
            'only the magic': good.subarray(0, 4),
            'cut in the counts': good.subarray(0, 20),
            'cut in the first name': good.subarray(0, 30),
            'cut in the tokens': good.subarray(0, tokens + 100),
            'cut in the tensor infos': good.subarray(0, tensor + 6),
            'cut before the tensors': good.subarray(0, good.length - 260000),
            'cut by one byte': good.subarray(0, good.length - 1),
            'another magic': patched(0, 0x50, 0x4b, 3, 4),
            text: Buffer.from('This is not a model.\n'.repeat(1000)),
            zeros: Buffer.alloc(100000),
            'version 1': patched(4, 1, 0, 0, 0),
            'version of the other byte order': patched(4, 0, 0, 0, 3),
            'countless tensors': patched(8, ...u64(0xffffffffffffffffn)),
            'too many tensors': patched(8, ...u64(60000n)),
            'countless values': patched(16, ...u64(0x7fffffffffffffffn)),
            'a name without end': patched(24, ...u64(0xfffffffffffffff0n)),
            'countless tokens': patched(tokens + 8, ...u64(0x1fffffffffffffffn)),
            'tokens of an unknown type': patched(tokens + 4, 99, 0, 0, 0),
            'a tensor of 2^60 rows': patched(tensor + 4, ...u64(1n << 60n)),
            'a tensor of no known type': patched(tensor + 20, 222, 0, 0, 0),
            'a tensor far away': patched(tensor + 24, ...u64(1n << 50n)),
            'an architecture that nobody knows': patched(arch + 8, ...Buffer.from('lxxma')),
            'a tensor of another name': patched(tensor - 3, 0x51),
        };
        for (const [name, bytes] of Object.entries(junk)) {
            writeFileSync(file('junk'), bytes);
            const said = await child.load(file('junk'));
            assert.equal(said.ev, 'failed', name);
            assert.equal(said.code, 'malformed', `${name}: ${said.sentence}`);
            assert.ok(said.sentence.includes('junk.gguf') && said.sentence.length > 40, `${name}: ${said.sentence}`);
        }
        assert.equal((await child.load(file('nowhere'))).code, 'not_found');
        assert.equal((await child.load(folder)).code, 'malformed');
        const large = await child.load(file('tiny'), { memory_max: 10 << 20 });
        assert.equal(large.code, 'too_large');
        assert.match(large.sentence, /GB/);
        assert.equal((await child.load(file('tiny'))).ev, 'loaded');
        assert.ok((await child.generate(asked('Hello', { max_tokens: 4 }))).usage.completion > 0);
        await child.end();
    });

    test('nothing is asked of a child without a model', async () => {
        const child = new Child();
        await child.next('hello');
        assert.equal((await child.generate('Hello')).code, 'unavailable');
        assert.equal((await child.embed(['Hello'])).code, 'unavailable');
        await child.end();
    });

    test('without its libraries it says so and ends', async () => {
        const child = new Child({ args: ['--lib', folder] });
        const failed = await child.next('failed');
        assert.match(failed.sentence, /llama\.cpp could not be loaded/);
        assert.equal((await child.exit).code, 1);
    });

    test('it dies when killed and when the server is gone', async () => {
        const child = new Child();
        await child.next('hello');
        await child.load(file('endless'));
        const answer = child.generate(asked('Go on', { max_tokens: 3000 }));
        await sleep(50);
        child.process.kill('SIGKILL');
        assert.ok((await answer).gone);
        const other = new Child();
        await other.next('hello');
        other.process.stdio[3].destroy();
        assert.equal((await other.exit).code, 0);
    });
});

describe('answers', { skip: missing }, () => {
    const at = loaded('tiny');

    test('the same seed says the same, another something else', async () => {
        const once = (seed) => at.child.generate(asked('Tell me', { seed, max_tokens: 40, temperature: 1 }, { key: `seed ${seed} ${Math.random()}` }));
        const [a, b, c] = [await once(7), await once(7), await once(8)];
        assert.ok(a.text.length > 5);
        assert.equal(a.text, b.text);
        assert.notEqual(a.text, c.text);
        assert.deepEqual([a.ev, a.usage.prompt, b.usage.cached > 0], ['end', a.usage.prompt, true]);
        for (const part of ['queue_ms', 'prompt_ms', 'first_ms', 'decode_ms']) assert.ok(a.timings[part] >= 0, part);
    });

    test('greedy is the same as a temperature of nothing', async () => {
        const a = await at.child.generate(asked('Tell me', { temperature: 0, max_tokens: 30 }));
        const b = await at.child.generate(asked('Tell me', { temperature: 0, max_tokens: 30, top_k: 1, repeat_penalty: 1.0001 }));
        assert.equal(a.text, b.text);
        const c = await at.child.generate(asked('Tell me', { temperature: 0, max_tokens: 30, repeat_penalty: 1.8 }));
        assert.notEqual(a.text, c.text);
    });

    test('an answer may end by itself', async () => {
        const ends = await Promise.all(Array.from({ length: 30 }, (_, i) => at.child.generate(asked(`End ${i}`, { seed: i, max_tokens: 600, temperature: 1.5, top_k: 0, top_p: 1, min_p: 0 }))));
        assert.ok(ends.some((e) => e.finish === 'stop'));
        assert.ok(ends.every((e) => e.ev === 'end' && !e.text.includes('<|im_end|>')));
    });

    test('text is whole characters', async () => {
        let bytes = 0;
        for (let i = 0; i < 10; i++) {
            const r = await at.child.generate(asked('Noise', { seed: i, max_tokens: 200, temperature: 4, top_k: 0, top_p: 1, min_p: 0 }), (f) => {
                if (f.ev === 'delta') assert.equal(Buffer.from(f.text, 'utf8').toString('utf8'), f.text);
            });
            bytes += [...r.text].filter((c) => c > '\x7f').length;
        }
        assert.ok(bytes > 20); // bytes that are no character were among them
    });

    test('a stop string ends it, wherever tokens are cut', async () => {
        const whole = await at.child.generate(asked('Stop', { temperature: 0, max_tokens: 60 }));
        const at_char = whole.text.slice(7, 10);
        const cut = whole.text.slice(0, whole.text.indexOf(at_char));
        let shown = '';
        const r = await at.child.generate(asked('Stop', { temperature: 0, max_tokens: 60, stop: ['never said', at_char] }), (f) => (shown += f.text ?? ''));
        assert.deepEqual([r.text, r.finish, shown], [cut, 'stop', cut]);
        const held = await at.child.generate(asked('Stop', { temperature: 0, max_tokens: 20, stop: [whole.text.slice(15, 20) + '\u0001'] }));
        assert.equal(held.text, whole.text.slice(0, 20)); // what only looked like it comes out in the end
        assert.equal(held.finish, 'length');
    });

    test('a grammar is kept', async () => {
        for (let seed = 0; seed < 8; seed++) {
            const r = await at.child.generate(asked('Choose', { seed, max_tokens: 40 }, { grammar: 'root ::= ("yes" | "no") [0-9] [0-9]' }));
            assert.match(r.text, /^(yes|no)[0-9][0-9]$/);
            assert.equal(r.finish, 'stop');
        }
        const bad = await at.child.generate(asked('Choose', {}, { grammar: 'root ::= (' }));
        assert.equal(bad.code, 'malformed');
    });

    test('a JSON schema gives JSON of that schema, every time', async () => {
        const json_schema = {
            type: 'object',
            properties: { name: { type: 'string', maxLength: 12 }, age: { type: 'integer', minimum: 0, maximum: 120 }, mood: { enum: ['glad', 'sad'] }, likes: { type: 'array', items: { type: 'string', maxLength: 5 }, maxItems: 3 } },
            required: ['name', 'age', 'mood', 'likes'],
            additionalProperties: false,
        };
        const all = await Promise.all(Array.from({ length: 12 }, (_, seed) => at.child.generate(asked('Who', { seed, max_tokens: 800 }, { json_schema }))));
        for (const r of all) {
            const value = JSON.parse(r.text);
            assert.deepEqual(Object.keys(value), ['name', 'age', 'mood', 'likes']);
            assert.ok(Number.isInteger(value.age) && value.age <= 120 && ['glad', 'sad'].includes(value.mood) && value.likes.length <= 3);
        }
        const bad = await at.child.generate(asked('Who', {}, { json_schema: { type: 'nothing' } }));
        assert.equal(bad.code, 'malformed');
    });

    test('json asks for an object', async () => {
        const r = await at.child.generate(asked('Who', { seed: 1, max_tokens: 300 }, { json: true }));
        assert.match(r.text, /^\s*\{/);
        if (r.finish === 'stop') JSON.parse(r.text);
    });

    test('a plain prompt goes without the template', async () => {
        const r = await at.child.generate({ prompt: 'abc', sampling: { max_tokens: 5 } });
        assert.deepEqual([r.usage.prompt, r.ev], [3, 'end']);
    });

    test('who writes a control token writes letters', async () => {
        const plain = await at.child.generate({ messages: user('a<|im_end|>b'), sampling: { max_tokens: 1 } });
        const empty = await at.child.generate({ messages: user('ab'), sampling: { max_tokens: 1 } });
        assert.equal(plain.usage.prompt - empty.usage.prompt, '<|im_end|>'.length); // as many bytes, and not one mark
    });

    test('what is too long is refused with numbers', async () => {
        const r = await at.child.generate(asked('x'.repeat(9000)));
        assert.equal(r.code, 'context_too_long');
        assert.match(r.sentence, /90\d\d tokens.*4096/);
        const edge = await at.child.generate({ prompt: 'x'.repeat(4090), sampling: { seed: 3 } });
        assert.ok(edge.usage.prompt + edge.usage.completion <= 4096);
    });

    test('nonsense is refused', async () => {
        for (const frame of [{ messages: 'hello' }, { messages: [{ role: 'user' }] }, { messages: [{ content: 'x' }] }, { messages: [] , prompt: '' }, {}, { messages: user('x'), tools: [{ nothing: 1 }] }])
            assert.equal((await at.child.generate(frame)).code, 'malformed', JSON.stringify(frame));
        at.child.send({ op: 'dance' });
        at.child.raw(Buffer.concat([Buffer.from([5, 0, 0, 0]), Buffer.from('{"op"')]));
        assert.equal((await at.child.generate(asked('Still there', { max_tokens: 2 }))).ev, 'end');
    });
});

describe('many at once', { skip: missing }, () => {
    const at = loaded('endless', { context: 8192, sequences: 8 });

    test('eight rooms share one batch', async () => {
        const before_ = await at.child.stats();
        const all = await Promise.all(Array.from({ length: 8 }, (_, i) => at.child.generate(asked(`Room ${i}`, { seed: i, max_tokens: 400 }, { key: `room ${i}` }))));
        const stats = await at.child.stats();
        assert.ok(all.every((r) => r.finish === 'length' && r.usage.completion === 400));
        assert.equal(stats.batch_sequences_max, 8);
        const batches = stats.batches - before_.batches;
        assert.ok(batches < (8 * 400) / 3, `${batches} batches for ${8 * 400} tokens`);
        assert.ok(stats.tokens_per_second > 0 && stats.memory_bytes > 1e6 && stats.kv_size === 8192);
    });

    test('more than there are sequences wait their turn, and one key does not push others back', async () => {
        const order = [];
        const ask = (key, i) => at.child.generate(asked(`${key} ${i}`, { max_tokens: 300, seed: i }, { key })).then((r) => (order.push(key), r));
        const greedy = Array.from({ length: 24 }, (_, i) => ask('greedy', i));
        const modest = ask('modest', 1);
        assert.ok((await Promise.all([...greedy, modest])).every((r) => r.ev === 'end'));
        assert.ok(order.indexOf('modest') < 20, `it came as number ${order.indexOf('modest')}`);
    });

    test('a cancelled answer says no more, and its place is free', async () => {
        let after_ = 0;
        const long = at.child.generate(asked('Go on and on', { max_tokens: 4000 }), () => after_++);
        while (!after_) await sleep(1);
        at.child.cancel(long.id);
        await sleep(30);
        const then = after_;
        const began = performance.now();
        const stats = await at.child.stats();
        assert.equal(stats.running, 0);
        assert.equal((await at.child.generate(asked('Next', { max_tokens: 3 }))).ev, 'end');
        assert.ok(performance.now() - began < 2000);
        assert.equal(after_, then);
    });

    test('a long prompt is broken off when cancelled, and the others go on', async () => {
        const talk = at.child.generate(asked('Talk', { seed: 1, max_tokens: 300 }, { key: 'talk' }));
        const alone = await at.child.generate(asked('Talk', { seed: 1, max_tokens: 300 }, { key: 'again' }));
        for (let i = 0; i < 5; i++) {
            const reading = at.child.generate(asked('word '.repeat(780) + i, { max_tokens: 10 }, { key: 'reader' }));
            await sleep(2);
            at.child.cancel(reading.id);
        }
        const other = await talk;
        assert.deepEqual([other.finish, alone.finish], ['length', 'length']);
        const stats = await at.child.stats();
        assert.ok(stats.kv_used <= stats.kv_size);
    });

    test('the queue has an end', async () => {
        const busy = new Child();
        await busy.next('hello');
        await busy.load(file('endless'), { threads: 1 });
        const all = Array.from({ length: 300 }, (_, i) => busy.generate(asked('Much', { max_tokens: 4000, seed: i }, { key: `k${i}` })));
        const first = await Promise.race(all);
        assert.equal(first.code, 'overloaded');
        assert.match(first.sentence, /256 answers are waiting/);
        const stats = await busy.stats();
        assert.ok(stats.queue <= 256 && stats.running === 8);
        await busy.end();
    });

    test('a cache that is too small for all makes some wait, and all get there', async () => {
        const small = new Child();
        await small.next('hello');
        assert.equal((await small.load(file('endless'), { context: 1024, sequences: 8, threads: 1 })).context, 1024);
        const all = await Promise.all(Array.from({ length: 8 }, (_, i) => small.generate(asked(`Small ${i} ${'y'.repeat(100)}`, { temperature: 0, max_tokens: 250 }, { key: `s${i}` }))));
        for (const r of all) assert.deepEqual([r.ev, r.finish, r.usage.completion], ['end', 'length', 250], r.sentence);
        const alone = await small.generate(asked(`Small 7 ${'y'.repeat(100)}`, { temperature: 0, max_tokens: 250 }, { key: 'alone' }));
        assert.equal(alone.text.slice(0, 60), all[7].text.slice(0, 60)); // what was read again says the same
        await small.end();
    });
});

describe('a second turn', { skip: missing }, () => {
    const at = loaded('endless', { context: 8192, sequences: 4 });
    const system = { role: 'system', content: 'You are Mia. '.repeat(60) };

    test('reads only what is new', async () => {
        const first = await at.child.generate({ messages: [system, ...user('Hello')], key: 'room', sampling: { max_tokens: 20, temperature: 0 } });
        const second = await at.child.generate({ messages: [system, ...user('Hello'), { role: 'assistant', content: first.text }, ...user('And then?')], key: 'room', sampling: { max_tokens: 5 } });
        assert.equal(first.usage.cached, 0);
        assert.ok(second.usage.cached >= first.usage.prompt + 18, JSON.stringify(second.usage));
        assert.ok(second.usage.prompt - second.usage.cached < 60);
    });

    test('another room shares the system prompt', async () => {
        const r = await at.child.generate({ messages: [system, ...user('Good evening')], key: 'other', sampling: { max_tokens: 5 } });
        assert.ok(r.usage.cached > 780, JSON.stringify(r.usage));
    });

    test('more rooms than sequences keep their beginnings', async () => {
        const rooms = Array.from({ length: 12 }, (_, i) => ({ key: `many ${i}`, messages: user(`I am number ${i}. ${'z'.repeat(200)}`), sampling: { max_tokens: 8, temperature: 0 } }));
        const first = [];
        for (const room of rooms) first.push(await at.child.generate(room));
        for (let i = 0; i < rooms.length; i++) {
            const room = rooms[i];
            const r = await at.child.generate({ ...room, messages: [...room.messages, { role: 'assistant', content: first[i].text }, ...user('More')] });
            assert.ok(r.usage.cached >= first[i].usage.prompt, `room ${i}: ${JSON.stringify(r.usage)}`);
        }
    });

    test('what was computed and what was kept say the same', async () => {
        const messages = [system, ...user('Say it')];
        const kept = await at.child.generate({ messages, key: 'room', sampling: { temperature: 0, max_tokens: 40 } });
        const fresh = new Child();
        await fresh.next('hello');
        await fresh.load(file('endless'), { threads: 1 });
        const computed = await fresh.generate({ messages, key: 'room', sampling: { temperature: 0, max_tokens: 40 } });
        assert.deepEqual([computed.usage.cached, kept.usage.cached > 700], [0, true]);
        assert.equal(kept.text.slice(0, 20), computed.text.slice(0, 20));
        await fresh.end();
    });
});

describe('tools and reasoning', { skip: missing }, () => {
    const at = loaded('tools');
    const tools = [{ type: 'function', function: { name: 'weather', description: 'The weather', parameters: { type: 'object', properties: { city: { enum: ['Porto', 'Lima'] }, days: { type: 'integer', minimum: 1, maximum: 9 } }, required: ['city', 'days'] } } }];

    test('a call is found in what the model says', async () => {
        const call = '<tool_call>\\n{\\"name\\": \\"weather\\", \\"arguments\\": {\\"city\\": \\"Porto\\", \\"days\\": 3}}\\n</tool_call>';
        const r = await at.child.generate({ messages: user('How is it?'), tools, grammar: `root ::= "${call}"`, sampling: { max_tokens: 200 } });
        assert.equal(r.finish, 'tool_calls', JSON.stringify(r));
        assert.deepEqual([r.calls[0].function.name, r.calls[0].type, r.text], ['weather', 'function', '']);
        assert.ok(r.calls[0].id);
        assert.deepEqual(JSON.parse(r.calls.map((c) => c.function.arguments).join('')), { city: 'Porto', days: 3 });
    });

    test('who may call a tool may also talk', async () => {
        const r = await at.child.generate({ messages: user('How is it?'), tools, sampling: { seed: 2, max_tokens: 30 } });
        assert.deepEqual([r.finish, r.calls.length, r.text.length > 5], ['length', 0, true]);
    });

    test('a call and its result go back into the prompt', async () => {
        const call = { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Porto","days":1}' } };
        const r = await at.child.generate({ messages: [...user('How is it?'), { role: 'assistant', content: null, tool_calls: [call] }, { role: 'tool', tool_call_id: 'call_1', content: 'Rain' }], tools, sampling: { max_tokens: 10 } });
        assert.equal(r.ev, 'end', r.sentence);
    });

    test('reasoning comes apart from the answer', async () => {
        const grammar = 'root ::= "<think>\\nI see.\\n</think>\\n\\nYes."';
        const r = await at.child.generate({ messages: user('Is it?'), grammar, sampling: { max_tokens: 60 } });
        assert.deepEqual([r.reasoning.trim(), r.text.trim(), r.finish], ['I see.', 'Yes.', 'stop']);
    });
});

describe('embeddings', { skip: missing }, () => {
    const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
    for (const kind of ['embed', 'tiny'])
        describe(kind, () => {
            const at = loaded(kind);
            test('vectors of length 1, the same for the same text, in batches', async () => {
                const texts = Array.from({ length: 40 }, (_, i) => `text number ${i} ${'about this and that '.repeat(i % 7)}`);
                const r = await at.child.embed([...texts, texts[0]]);
                assert.equal(r.ev, 'embedding', r.sentence);
                assert.equal(r.vectors.length, 41);
                for (const v of r.vectors) assert.ok(v.length === 64 && Math.abs(dot(v, v) - 1) < 1e-4);
                assert.ok(dot(r.vectors[0], r.vectors[40]) > 0.9999);
                assert.ok(dot(r.vectors[0], r.vectors[1]) < 0.99999);
                assert.ok(r.usage.prompt > 500);
            });
            test('what cannot be embedded is said', async () => {
                assert.equal((await at.child.embed([])).code, 'malformed');
                assert.equal((await at.child.embed([1])).code, 'malformed');
                assert.equal((await at.child.embed(['x '.repeat(3000)])).code, 'context_too_long');
            });
        });

    test('a model of embeddings does not answer', async () => {
        const child = new Child();
        await child.next('hello');
        const said = await child.load(file('embed'));
        assert.equal(said.model.generates, false);
        const r = await child.generate('Hello');
        assert.equal(r.code, 'unavailable');
        assert.match(r.sentence, /embeddings/);
        await child.end();
    });
});
