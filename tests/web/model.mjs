// A model behind OpenAI's chat format whose pace and failures a test sets while it runs: `pace` is milliseconds between
// words, `fail` a status to answer with. tests/api has the one that misbehaves by the model's name.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

const WORDS = Array.from({ length: 120 }, (_, i) => (i % 12 === 11 ? 'sea. ' : 'wave '));

export async function startOpenaiServer(words = WORDS) {
    const model = { pace: 5, fail: 0 };
    const server = createServer(async (request, response) => {
        let text = '';
        for await (const piece of request) text += piece;
        if (model.fail) {
            response.writeHead(model.fail, { 'content-type': 'application/json' });
            return response.end(JSON.stringify({ error: { message: 'The key is wrong.', type: 'invalid_request_error', code: 'invalid_api_key' } }));
        }
        const stream = JSON.parse(text || '{}').stream;
        const chunk = (delta, finish) => ({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'small', choices: [{ index: 0, delta, finish_reason: finish }] });
        if (!stream) {
            response.writeHead(200, { 'content-type': 'application/json' });
            return response.end(JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion', created: 1, model: 'small', choices: [{ index: 0, message: { role: 'assistant', content: 'I am here.' }, finish_reason: 'stop' }] }));
        }
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        for (const word of words) {
            if (response.destroyed) return;
            response.write(`data: ${JSON.stringify(chunk({ content: word }, null))}\n\n`);
            await sleep(model.pace);
        }
        response.end(`data: ${JSON.stringify(chunk({}, 'stop'))}\n\ndata: [DONE]\n\n`);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    model.url = `http://127.0.0.1:${server.address().port}/v1`;
    model.stop = async () => {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
    };
    return model;
}
