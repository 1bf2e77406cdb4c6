// Small steps that many tests take.
import assert from 'node:assert/strict';
import { allEvents, request } from '../../lib/server.mjs';

/** An engine that answers slowly and long, for tests that act in the middle of a turn. */
export async function addEngine(server, url, name, model, extra = {}) {
    const provider = await request(server, 'PUT', `/api/providers/${name}`, { base_url: url, ...extra });
    assert.equal(provider.status, 200, JSON.stringify(provider.body));
    const engine = await request(server, 'PUT', `/api/engines/${name}`, { provider: name, model });
    assert.equal(engine.status, 200, JSON.stringify(engine.body));
}

export async function openRoom(server, personas = ['mia'], title = 'a room') {
    const made = await request(server, 'POST', '/api/rooms', { title, personas });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    return made.body.id;
}

export async function say(server, room, text, headers = {}) {
    const said = await request(server, 'POST', `/api/rooms/${room}/messages`, { text }, headers);
    assert.equal(said.status, 201, JSON.stringify(said.body));
    return said.body;
}

/** Waits until no turn of the room is open; gives its events. */
export async function settled(server, room) {
    for (let tries = 0; tries < 400; tries++) {
        const events = await allEvents(server, room);
        const open = new Set(events.filter((e) => e.kind === 'turn.started').map((e) => e.turn));
        for (const event of events) if (event.kind === 'turn.ended') open.delete(event.turn);
        if (open.size === 0) return events;
        await new Promise((r) => setTimeout(r, 25));
    }
    throw new Error('a turn did not end within 10 s');
}

/** The error of an answer, with its shape checked. */
export function errorOf(answer, status) {
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    const { error } = answer.body;
    assert.equal(typeof error.message, 'string');
    assert.match(error.message, /^\P{Ll}.*[.!?…]$/su, `a sentence: ${error.message}`);
    assert.equal(typeof error.type, 'string');
    assert.equal(typeof error.code, 'string');
    assert.ok('param' in error);
    assert.equal(typeof error.request_id, 'string');
    return error;
}
