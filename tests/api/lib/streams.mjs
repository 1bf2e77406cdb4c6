// Readers of what the server streams: server-sent events, WebSocket frames; and requests below fetch()'s manners.
import http from 'node:http';
import WebSocket from 'ws';

/** Server-sent events of a fetch response: {id, event, data}; data is parsed JSON unless it is [DONE]. */
export async function* sse(response) {
    const decoder = new TextDecoder('utf-8', { fatal: true });
    let rest = '';
    for await (const bytes of response.body) {
        rest += decoder.decode(bytes, { stream: true });
        let end;
        while ((end = rest.indexOf('\n\n')) >= 0) {
            const block = rest.slice(0, end);
            rest = rest.slice(end + 2);
            const message = { id: null, event: null, data: [] };
            for (const line of block.split('\n')) {
                if (line.startsWith('data:')) message.data.push(line.slice(5).replace(/^ /, ''));
                if (line.startsWith('id:')) message.id = line.slice(3).trim();
                if (line.startsWith('event:')) message.event = line.slice(6).trim();
            }
            if (!message.data.length) continue;
            const text = message.data.join('\n');
            yield { ...message, data: text === '[DONE]' ? text : JSON.parse(text) };
        }
    }
}

/** A request with exactly these headers (Host, too), on the address of the server. */
export function raw(server, method, path, { headers = {}, body, socketPath } = {}) {
    const { hostname, port } = new URL(server.url);
    return new Promise((resolve, reject) => {
        const request = http.request(
            socketPath ? { socketPath, method, path, headers } : { hostname, port, method, path, headers, setHost: !('Host' in headers) },
            (response) => {
                const parts = [];
                response.on('data', (part) => parts.push(part));
                response.on('end', () => {
                    const text = Buffer.concat(parts).toString('utf8');
                    let json = null;
                    try {
                        json = JSON.parse(text);
                    } catch {
                        // not every answer is JSON
                    }
                    resolve({ status: response.statusCode, headers: response.headers, text, body: json });
                });
            }
        );
        request.on('error', reject);
        request.on('upgrade', (response, socket) => {
            socket.destroy();
            resolve({ status: response.statusCode, headers: response.headers, text: '', body: null });
        });
        if (body !== undefined) request.write(body);
        request.end();
    });
}

/** A WebSocket client that keeps what it got and lets one wait for more. */
export class Socket {
    static async open(server, headers = {}, path = '/ws') {
        const socket = new Socket();
        socket.ws = new WebSocket(server.url.replace('http', 'ws') + path, { headers });
        socket.frames = [];
        socket.waiting = [];
        socket.closed = new Promise((resolve) => socket.ws.once('close', (code) => resolve(code)));
        socket.ws.on('message', (data) => {
            socket.frames.push(JSON.parse(data.toString()));
            socket.waiting = socket.waiting.filter((look) => !look());
        });
        await new Promise((resolve, reject) => {
            socket.ws.once('open', resolve);
            socket.ws.once('error', reject);
        });
        socket.ws.on('error', () => {});
        return socket;
    }

    send(frame) {
        this.ws.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
    }

    /** The first frame that fits, of those that came and those to come. */
    wait(fits, what = 'a frame', timeout = 10000) {
        return new Promise((resolve, reject) => {
            const look = () => {
                const found = this.frames.find(fits);
                if (found) {
                    clearTimeout(late);
                    resolve(found);
                }
                return Boolean(found);
            };
            const late = setTimeout(
                () => reject(new Error(`${what} did not come; got ${JSON.stringify(this.frames.slice(-5)).slice(0, 1500)}`)),
                timeout
            );
            if (!look()) this.waiting.push(look);
        });
    }

    events() {
        return this.frames.filter((frame) => frame.type === 'event').map((frame) => frame.event);
    }

    close() {
        this.ws.close();
        return this.closed;
    }
}
