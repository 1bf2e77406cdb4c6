// An OpenAI-compatible endpoint whose next answer a test sets: words, their pauses, or an error's status.
import { createServer } from 'node:http';

export async function startEngine() {
    const queue = [];
    const server = createServer((req, res) => {
        let body = '';
        req.on('data', (chunk) => (body += chunk));
        req.on('end', async () => {
            const { words = ['yes.'], delay = 2, status = 200, glue = ' ' } = queue.shift() ?? {};
            if (status !== 200) {
                res.writeHead(status, { 'Content-Type': 'application/json' });
                res.end(JSON.stringify({ error: { message: 'The key is wrong.', type: 'authentication_error', code: 'invalid_api_key' } }));
                return;
            }
            res.writeHead(200, { 'Content-Type': 'text/event-stream' });
            const send = (choice) => res.write(`data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, ...choice }] })}\n\n`);
            send({ delta: { role: 'assistant', content: '' }, finish_reason: null });
            for (const [i, word] of words.entries()) {
                if (res.destroyed) return;
                send({ delta: { content: (i ? glue : '') + word }, finish_reason: null });
                await new Promise((r) => setTimeout(r, delay));
            }
            send({ delta: {}, finish_reason: 'stop' });
            res.end('data: [DONE]\n\n');
        });
    });
    await new Promise((r) => server.listen(0, '127.0.0.1', r));
    return {
        url: `http://127.0.0.1:${server.address().port}/v1`,
        next: (answer) => queue.push(answer),
        stop: () => new Promise((r) => (server.closeAllConnections(), server.close(r)))
    };
}
