// An OpenAI-format server for tests, on 127.0.0.1 and a free port. The model's name chooses what it does:
//
//   ok            answers "Hello from the model." in five pieces, with usage when asked for
//   echo          answers the last user message
//   slow          waits 300 ms before the first piece, 50 ms between pieces
//   long          answers 2,000 pieces
//   thinking      sends reasoning_content before the answer
//   tools         calls the function `weather`, its arguments in three pieces
//   stall         sends one piece, then nothing (keep-alive comments only)
//   silent        sends a head, then keep-alive comments, never a piece
//   cut           sends one piece, then closes the connection
//   no-done       finishes without [DONE]
//   garbage       sends a piece, then something that is no JSON
//   error-in-stream  sends a piece, then {"error":...} inside the 200
//   empty         sends [DONE] and nothing else
//   rate-limit    429 with retry-after: 30
//   flaky         503 twice, then as ok (counted per server)
//   auth          401; so does any model when `key` is set and the request has another
//   quota         429 with insufficient_quota
//   context       400 with context_length_exceeded
//   html          502 with a page
// Any other model: 404.
//
// `const server = await startOpenAI({ key: 'secret' })` gives { url, port, requests, sockets, aborted, close() };
// url ends in /v1, requests holds { path, headers, body } of each call, aborted counts answers whose client left.
// As a program: node tests/api/lib/openai-server.mjs [PORT].

import { createServer } from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const MODELS = [
	'ok', 'echo', 'slow', 'long', 'thinking', 'tools', 'stall', 'silent', 'cut', 'no-done', 'garbage',
	'error-in-stream', 'empty', 'rate-limit', 'flaky', 'auth', 'quota', 'context', 'html'
];
const LONG_PIECES = 2000;
const KEEP_ALIVE_MS = 100;

function refuse(res, status, error, headers = {}) {
	res.writeHead(status, { 'content-type': 'application/json', ...headers });
	res.end(JSON.stringify({ error: { message: '', type: 'invalid_request_error', param: null, code: null, ...error } }));
}

/** Pieces of at most eight characters, never half a surrogate pair. */
function pieces(text) {
	const all = [...text];
	const out = [];
	for (let i = 0; i < all.length; i += 8) out.push(all.slice(i, i + 8).join(''));
	return out;
}

function lastUserText(messages) {
	const last = [...(messages ?? [])].reverse().find((m) => m.role === 'user');
	const content = last?.content ?? '';
	return typeof content === 'string' ? content : content.map((part) => part.text ?? '').join('');
}

function textOf(model, body) {
	if (model === 'echo') return lastUserText(body.messages);
	if (model === 'long') return Array.from({ length: LONG_PIECES }, (_, i) => `word${i} `).join('');
	return 'Hello from the model.';
}

const TOOL = { id: 'call_1', name: 'weather', arguments: ['{"city"', ':"Pa', 'ris"}'] };

function usageOf(body, text) {
	const prompt = Math.ceil(JSON.stringify(body.messages ?? []).length / 4);
	const completion = Math.ceil(text.length / 4);
	return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}

function whole(res, model, body) {
	const text = textOf(model, body);
	const message = { role: 'assistant', content: text };
	if (model === 'thinking') message.reasoning_content = 'Let me think.';
	if (model === 'tools') {
		message.content = null;
		message.tool_calls = [{ id: TOOL.id, type: 'function', function: { name: TOOL.name, arguments: TOOL.arguments.join('') } }];
	}
	res.writeHead(200, { 'content-type': 'application/json' });
	res.end(
		JSON.stringify({
			id: 'chatcmpl-test', object: 'chat.completion', created: 1, model,
			choices: [{ index: 0, message, finish_reason: model === 'tools' ? 'tool_calls' : 'stop' }],
			usage: usageOf(body, text)
		})
	);
}

/** Writes and waits for the reader; false when it has gone. */
async function put(res, text) {
	if (res.destroyed) return false;
	if (res.write(text)) return true;
	const settled = new AbortController(); // takes the other listener away
	const waits = ['drain', 'close'].map((name) => once(res, name, settled).catch(() => {}));
	await Promise.race(waits);
	settled.abort();
	return !res.destroyed;
}

async function stream(res, model, body) {
	const base = { id: 'chatcmpl-test', object: 'chat.completion.chunk', created: 1, model };
	const chunk = (delta, finish_reason = null, more = {}) =>
		put(res, `data: ${JSON.stringify({ ...base, choices: [{ index: 0, delta, finish_reason }], ...more })}\n\n`);
	res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
	res.flushHeaders();

	if (model === 'empty') return res.end('data: [DONE]\n\n');
	if (model === 'silent' || model === 'stall') {
		if (model === 'stall') await chunk({ role: 'assistant', content: 'Hello' });
		while (await put(res, ': keep-alive\n\n')) await sleep(KEEP_ALIVE_MS);
		return;
	}
	await chunk({ role: 'assistant', content: '' });
	if (model === 'cut') {
		await chunk({ content: 'Hello' });
		await sleep(20);
		return res.destroy();
	}
	if (model === 'garbage') {
		await chunk({ content: 'Hello' });
		return res.end('data: <<<this is not json>>>\n\n');
	}
	if (model === 'error-in-stream') {
		await chunk({ content: 'Hello' });
		return res.end('data: {"error":{"message":"The model crashed.","type":"server_error","code":500}}\n\n');
	}
	if (model === 'thinking') for (const piece of ['Let me ', 'think.']) await chunk({ reasoning_content: piece });
	const text = textOf(model, body);
	if (model === 'tools') {
		await chunk({ tool_calls: [{ index: 0, id: TOOL.id, type: 'function', function: { name: TOOL.name, arguments: '' } }] });
		for (const part of TOOL.arguments) await chunk({ tool_calls: [{ index: 0, function: { arguments: part } }] });
	} else {
		if (model === 'slow') await sleep(300);
		for (const piece of pieces(text)) {
			if (!(await chunk({ content: piece }))) return;
			if (model === 'slow') await sleep(50);
		}
	}
	await chunk({}, model === 'tools' ? 'tool_calls' : 'stop');
	if (body.stream_options?.include_usage)
		await put(res, `data: ${JSON.stringify({ ...base, choices: [], usage: usageOf(body, text) })}\n\n`);
	res.end(model === 'no-done' ? undefined : 'data: [DONE]\n\n');
}

async function chat(server, req, res, body) {
	const model = body.model;
	if (model === 'auth') return refuse(res, 401, { message: 'Incorrect API key provided.', code: 'invalid_api_key' });
	if (model === 'rate-limit')
		return refuse(res, 429, { message: 'Rate limit reached.', code: 'rate_limit_exceeded' }, { 'retry-after': '30' });
	if (model === 'quota')
		return refuse(res, 429, { message: 'You exceeded your current quota.', code: 'insufficient_quota' });
	if (model === 'context')
		return refuse(res, 400, { message: "This model's maximum context length is 8 tokens.", code: 'context_length_exceeded' });
	if (model === 'flaky' && server.flaky++ < 2)
		return refuse(res, 503, { message: 'Busy.' }, { 'retry-after-ms': '20' });
	if (model === 'html') {
		res.writeHead(502, { 'content-type': 'text/html' });
		return res.end('<html><h1>502 Bad Gateway</h1></html>');
	}
	if (!MODELS.includes(model)) return refuse(res, 404, { message: `The model '${model}' does not exist.`, code: 'model_not_found' });
	return body.stream ? stream(res, model, body) : whole(res, model, body);
}

async function readBody(req) {
	const parts = [];
	for await (const part of req) parts.push(part);
	return Buffer.concat(parts).toString('utf8');
}

async function serve(server, options, req, res) {
	const text = await readBody(req);
	let body = {};
	try {
		body = text ? JSON.parse(text) : {};
	} catch {
		return refuse(res, 400, { message: 'The body is no JSON.' });
	}
	server.requests.push({ path: req.url, method: req.method, headers: req.headers, body });
	res.on('close', () => (server.aborted += res.writableFinished ? 0 : 1));
	if (options.key && req.headers.authorization !== `Bearer ${options.key}`)
		return refuse(res, 401, { message: 'Incorrect API key provided.', code: 'invalid_api_key' });
	if (req.method === 'GET' && req.url === '/v1/models') {
		res.writeHead(200, { 'content-type': 'application/json' });
		return res.end(JSON.stringify({ object: 'list', data: MODELS.map((id) => ({ id, object: 'model', created: 1, owned_by: 'test' })) }));
	}
	if (req.method === 'POST' && req.url === '/v1/chat/completions') return chat(server, req, res, body);
	return refuse(res, 404, { message: `There is no ${req.method} ${req.url}.` });
}

export async function startOpenAI(options = {}) {
	const server = { requests: [], flaky: 0, aborted: 0 };
	const http = createServer((req, res) => serve(server, options, req, res).catch(() => res.destroy()));
	http.listen(options.port ?? 0, '127.0.0.1');
	await once(http, 'listening');
	server.port = http.address().port;
	server.url = `http://127.0.0.1:${server.port}/v1`;
	server.close = async () => {
		http.closeAllConnections?.();
		http.close();
		await once(http, 'close');
	};
	return server;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const server = await startOpenAI({ port: Number(process.argv[2] ?? 0) });
	console.log(server.url);
}
