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
// A prompt of do:MODE (but where server.plain is set; or server.does, for whisper.cpp) chooses what lib/hostile.mjs knows,
// any of the above, or
//   array-answer, number-text, deep-answer, giant-answer, endless-answer, not-utf8   JSON that is no answer
//   far-times         times an hour away, beyond all numbers, before the beginning
//   nul-text          a text with a zero byte in it
//   no-shapes         a text, and other members of wrong types
//
// `const server = await startWhisper()` gives { url, requests, says, close() }; requests holds { path, fields, wav } of each
// call, `says` is an array of what whisper-1 hears next, for tests that need certain words.

import { createServer } from 'node:http';
import { once } from 'node:events';
import { hostile } from './hostile.mjs';

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

/** Times that cannot be. */
function farTimes() {
    const word = (text, start, end) => ({ word: text, start, end });
    const segment = (text, start, end) => ({ id: 0, start, end, text: ` ${text}`, avg_logprob: -0.1, no_speech_prob: 0.01, compression_ratio: 1 });
    const segments = [segment('The', -5, 0.2), segment('quick', 3600, 3601), segment('brown', 1e300, 1e308), segment('fox.', 4, 2)];
    return { language: 'english', text: TEXT, segments, words: [word('The', -5, 0.2), word('quick', 3600, 7200), word('brown', 1e300, 1e308), word('fox.', 0.1, 1e15)] };
}

const GIANT = Buffer.concat([Buffer.from('{"text":"'), Buffer.alloc(9 << 20, 'x'), Buffer.from('"}')]);

/** An answer that is none; undefined where the mode is another. */
function noAnswer(res, mode) {
    const say = (bytes) => (res.writeHead(200, { 'content-type': 'application/json' }).end(bytes), true);
    switch (mode) {
        case 'array-answer': return say('["The quick brown fox."]');
        case 'number-text': return say('{"text":42}');
        case 'deep-answer': return say(`{"text":"x","segments":${'['.repeat(300000)}`);
        case 'giant-answer': return say(GIANT);
        case 'endless-answer':
            res.writeHead(200, { 'content-type': 'application/json' }).write('{"text":"');
            return (function more() {
                if (!res.destroyed) res.write('x'.repeat(65536), () => setTimeout(more, 5));
                return true;
            })();
        case 'not-utf8': return say(Buffer.from('{"text":"The \xff\xc3( fox."}', 'latin1'));
        case 'far-times': return say(JSON.stringify(farTimes()));
        case 'nul-text': return say(JSON.stringify({ text: 'The quick\0 brown fox.', segments: [{ start: 0, end: 1, text: 'The quick\0 brown fox.' }] }));
        case 'no-shapes': return say(JSON.stringify({ text: TEXT, language: 7, segments: [3, null, { text: 5 }, { text: TEXT, start: 'x', end: [], words: { a: 1 }, avg_logprob: 'y' }], words: 'none', logprobs: {} }));
        default: return undefined;
    }
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
        const asked = !result.plain && fields.prompt?.startsWith('do:') ? fields.prompt : req.url === '/inference' ? result.does : fields.model;
        const mode = asked?.replace(/^do:/, '');
        if (req.url.includes('elsewhere')) result.elsewhere = (result.elsewhere ?? 0) + 1;
        if (hostile(mode, req, res, Object.assign(result, { type: 'application/json', part: Buffer.from('{"text":"The qui') })) || noAnswer(res, mode)) return undefined;
        // A wait that is over: as if nothing had been asked for.
        const model = mode?.startsWith('soon') ? (req.url === '/inference' ? 'cpp' : fields.model) : mode;
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
