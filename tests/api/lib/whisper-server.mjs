// A server with OpenAI's transcription API and whisper.cpp's own, for tests, on 127.0.0.1 and a free port. The model's name
// (for whisper.cpp, which has none, `server.does`) chooses what it does:
//
//   whisper-1         verbose_json with segments and words apart, as OpenAI; json where that is asked for
//   cpp               verbose_json as whisper.cpp: a leading space, words inside segments
//   gpt-4o-transcribe json and logprobs; a stream where asked for
//   no-verbose        400 to verbose_json, json else
//   phantom           "Thanks for watching!" as Whisper says it of silence
//   nobody            a segment with a high no_speech_prob
//   stall             takes the sound and never answers
//   half              sends half of its answer, then nothing
//   cut               sends half of its answer, then closes
//   cut-stream        one delta, then closes
//   rate-limit        429 with retry-after: 30
//   flaky             503 once, then as whisper-1
//   html              200 with a page
//   garbage           200 and application/json, but no JSON
//   wrong             200 and JSON of another shape
//   auth              401
//
// `const server = await startWhisper()` gives { url, requests, says, close() }; requests holds { path, fields, wav } of each
// call, `says` is an array of what whisper-1 hears next, for tests that need certain words.

import { createServer } from 'node:http';
import { once } from 'node:events';

/** The fields and the file of a multipart body. */
export function readForm(type, body) {
    const boundary = `--${/boundary=("?)([^";]+)\1/.exec(type)[2]}`;
    const fields = {};
    let wav = null;
    const text = body.toString('latin1');
    for (const part of text.split(boundary).slice(1, -1)) {
        const [head, ...rest] = part.slice(2).split('\r\n\r\n');
        const value = rest.join('\r\n\r\n').slice(0, -2);
        const name = /name="([^"]*)"/.exec(head)[1];
        if (/filename=/.test(head)) wav = Buffer.from(value, 'latin1');
        else if (name.endsWith('[]')) (fields[name] ??= []).push(value);
        else fields[name] = Buffer.from(value, 'latin1').toString('utf8');
    }
    return { fields, wav };
}

const seconds = (wav) => (wav.length - 44) / 32000;
const TEXT = 'The quick brown fox.';

function verbose(wav, { cpp = false, text = TEXT, no_speech_prob = 0.01, avg_logprob = -0.2 } = {}) {
    const end = seconds(wav);
    const words = text.split(' ').map((word, i, all) => ({ word: cpp ? ` ${word}` : word, start: (end * i) / all.length, end: (end * (i + 1)) / all.length, ...(cpp ? { probability: 0.9 } : {}) }));
    const segment = { id: 0, seek: 0, start: 0, end, text: ` ${text}`, tokens: [1], temperature: 0, avg_logprob, compression_ratio: 1.1, no_speech_prob };
    return { task: 'transcribe', language: 'english', duration: end, text: cpp ? ` ${text}\n` : text, segments: [cpp ? { ...segment, words } : segment], ...(cpp ? {} : { words }) };
}

export async function startWhisper() {
    const requests = [];
    const sockets = new Set();
    let calls = 0;
    const result = { requests, says: [], does: 'cpp' };
    const server = createServer(async (req, res) => {
        const chunks = [];
        for await (const chunk of req) chunks.push(chunk);
        const { fields, wav } = readForm(req.headers['content-type'], Buffer.concat(chunks));
        requests.push({ path: req.url, headers: req.headers, fields, wav });
        const json = (status, value, headers = {}) => {
            res.writeHead(status, { 'content-type': 'application/json', ...headers });
            res.end(typeof value === 'string' ? value : JSON.stringify(value));
        };
        const model = req.url === '/inference' ? result.does : fields.model;
        const wanted = fields.response_format === 'verbose_json';
        switch (model) {
            case 'cpp': return json(200, verbose(wav, { cpp: true }));
            case 'phantom': return json(200, verbose(wav, { text: 'Thanks for watching!' }));
            case 'nobody': return json(200, verbose(wav, { text: 'I am sure nobody said this here.', no_speech_prob: 0.93, avg_logprob: -1.4 }));
            case 'gpt-4o-transcribe':
            case 'gpt-cut-stream':
                if (fields.stream !== 'true') return json(200, { text: TEXT, logprobs: [{ token: 'The', logprob: -0.1 }] });
                res.writeHead(200, { 'content-type': 'text/event-stream' });
                res.write(`data: ${JSON.stringify({ type: 'transcript.text.delta', delta: 'The quick' })}\n\n`);
                if (model === 'gpt-cut-stream') return setTimeout(() => res.destroy(), 30);
                res.write(`data: ${JSON.stringify({ type: 'transcript.text.delta', delta: ' brown fox.' })}\n\n`);
                return res.end(`data: ${JSON.stringify({ type: 'transcript.text.done', text: TEXT, logprobs: [{ token: 'The', logprob: -0.2 }] })}\n\n`);
            case 'no-verbose': return wanted ? json(400, { error: { message: 'response_format verbose_json is not compatible with this model' } }) : json(200, { text: TEXT });
            case 'stall': return undefined;
            case 'half':
            case 'cut':
                res.writeHead(200, { 'content-type': 'application/json', 'content-length': 5000 });
                res.write('{"text":"The qui');
                if (model === 'cut') setTimeout(() => res.destroy(), 30);
                return undefined;
            case 'rate-limit': return json(429, { error: { message: 'Rate limit reached.' } }, { 'retry-after': '30' });
            case 'flaky': return calls++ ? json(200, verbose(wav)) : json(503, { error: 'loading model' });
            case 'html':
                res.writeHead(200, { 'content-type': 'text/html' });
                return res.end('<!doctype html><p>Welcome!</p>');
            case 'garbage': return json(200, '{"text": "oh');
            case 'wrong': return json(200, { transcription: [{ words: 3 }] });
            case 'auth': return json(401, { error: { message: 'Incorrect API key provided.' } });
            case 'whisper-1': {
                const text = result.says.shift() ?? TEXT;
                return json(200, wanted ? verbose(wav, { text }) : { text });
            }
            default: return json(404, { error: { message: `The model '${model}' does not exist.` } });
        }
    });
    server.on('connection', (socket) => sockets.add(socket.on('close', () => sockets.delete(socket))));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    result.url = `http://127.0.0.1:${server.address().port}`;
    result.close = () => {
        for (const socket of sockets) socket.destroy();
        server.close();
    };
    return result;
}
