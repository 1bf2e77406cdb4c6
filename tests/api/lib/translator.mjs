// A model in OpenAI's format that translates and one that talks, on 127.0.0.1 and a free port. The model `translator` answers
// "<tag of the language> text"; a word in what is to be translated changes what it does:
//
//   STALL   says one piece, then nothing more          HOLD    answers when release() is called
//   CUT     says one piece, then closes                FAIL    500
//   EMPTY   says nothing and ends                      LONG    is cut by its length
//
// `talker` answers as a persona: "Ich höre: " and the last message. requests holds {model, system, text, messages, closed}.
import { once } from 'node:events';
import { createServer } from 'node:http';

const textOf = (content) => (typeof content === 'string' ? content : (content ?? []).map((part) => part.text ?? '').join(''));

/** `words`: the translations of certain texts. `says`: what the talker answers, one after the other. */
export async function startTranslator({ words = {}, says = [] } = {}) {
    const made = { requests: [], held: [] };
    made.of = (model) => made.requests.filter((one) => one.model === model);
    made.release = () => made.held.splice(0).forEach((go) => go());
    const http = createServer(async (req, res) => {
        let body = '';
        for await (const chunk of req) body += chunk;
        if (req.method === 'GET') return res.end(JSON.stringify({ object: 'list', data: [] }));
        const { model, messages } = JSON.parse(body);
        const system = messages.filter((one) => one.role === 'system').map((one) => textOf(one.content)).join('\n');
        const text = textOf(messages.findLast((one) => one.role === 'user')?.content);
        const request = { model, system, text, messages, closed: false };
        made.requests.push(request);
        res.on('close', () => (request.closed = true));
        const translating = model === 'translator';
        if (translating && text.includes('FAIL')) {
            res.writeHead(400, { 'content-type': 'application/json' });
            return res.end(JSON.stringify({ error: { message: 'No such luck.', type: 'invalid_request_error' } }));
        }
        if (translating && text.includes('HOLD')) await new Promise((go) => made.held.push(go));
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        const chunk = (delta, finish = null) => res.write(`data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`);
        const answer = translating ? (words[text] ?? `<${/ into (\w+)/.exec(system)?.[1]}> ${text}`) : (says.shift() ?? `Ich höre: ${text}`);
        if (translating && text.includes('STALL')) return chunk({ content: '<half' });
        if (translating && text.includes('CUT')) {
            chunk({ content: '<half' });
            return setTimeout(() => res.destroy(), 20);
        }
        if (!(translating && text.includes('EMPTY'))) for (const piece of answer.match(/[^]{1,7}/gu)) chunk({ content: piece });
        chunk({}, translating && text.includes('LONG') ? 'length' : 'stop');
        res.end('data: [DONE]\n\n');
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    made.url = `http://127.0.0.1:${http.address().port}/v1`;
    made.close = () => {
        made.release();
        http.closeAllConnections();
        return new Promise((done) => http.close(done));
    };
    return made;
}
