// The test server itself: what other suites rely on.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { startOpenAI, MODELS } from './lib/openai-server.mjs';

const ask = (server, model, more = {}) =>
	fetch(`${server.url}/chat/completions`, {
		method: 'POST',
		headers: { 'content-type': 'application/json', authorization: 'Bearer k' },
		body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Grüße 😀' }], ...more }),
		signal: AbortSignal.timeout(5000)
	});

test('scenarios', async (t) => {
	const server = await startOpenAI({ key: 'k' });
	t.after(() => server.close());
	const models = await (await fetch(`${server.url}/models`, { headers: { authorization: 'Bearer k' } })).json();
	assert.deepEqual(models.data.map((m) => m.id), MODELS);
	assert.equal((await fetch(`${server.url}/models`)).status, 401);

	const whole = await (await ask(server, 'echo')).json();
	assert.equal(whole.choices[0].message.content, 'Grüße 😀');
	const text = await (await ask(server, 'ok', { stream: true, stream_options: { include_usage: true } })).text();
	assert.match(text, /"finish_reason":"stop"[^]*"choices":\[\],"usage"[^]*data: \[DONE\]\n\n$/);
	assert.doesNotMatch(await (await ask(server, 'no-done', { stream: true })).text(), /DONE/);
	assert.match(await (await ask(server, 'error-in-stream', { stream: true })).text(), /"error"/);
	await assert.rejects((await ask(server, 'cut', { stream: true })).text());
	for (const [model, status] of [['auth', 401], ['rate-limit', 429], ['quota', 429], ['context', 400], ['html', 502], ['nonesuch', 404]])
		assert.equal((await ask(server, model)).status, status, model);
	const tries = [];
	for (let i = 0; i < 3; i++) tries.push((await ask(server, 'flaky')).status);
	assert.deepEqual(tries, [503, 503, 200]);
	assert.equal(server.requests.at(-1).body.model, 'flaky');

	const leaving = new AbortController();
	const stalled = await fetch(`${server.url}/chat/completions`, {
		method: 'POST',
		headers: { authorization: 'Bearer k' },
		body: JSON.stringify({ model: 'stall', stream: true }),
		signal: leaving.signal
	});
	await stalled.body.getReader().read();
	leaving.abort();
	for (let i = 0; i < 50 && server.aborted < 2; i++) await new Promise((done) => setTimeout(done, 20));
	assert.ok(server.aborted >= 2); // cut, stall
});
