// Lorebooks over the real server: books in and out, what a turn records of them, and what it remembers of those that
// count messages, also after a restart.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { allEvents, makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';
import { errorOf, openRoom, say, settled } from './lib/talk.mjs';

const data = makeFolder();
let server;
before(async () => {
    server = await startServer({ data });
});
after(async () => {
    await server.stop();
    removeFolder(data);
});

const NOBODY = '018f0000-0000-7000-8000-000000000000';
const ALDERMOOR = { keys: ['Aldermoor'], content: 'Aldermoor: a harbour town ruled by the Tide Council' };

async function make(book) {
    const made = await request(server, 'POST', '/api/lorebooks', book);
    assert.equal(made.status, 201, JSON.stringify(made.body));
    return made.body;
}
async function persona(fields) {
    const made = await request(server, 'POST', '/api/personas', fields);
    assert.equal(made.status, 201, JSON.stringify(made.body));
    return made.body;
}
/** Says something and gives the record of the turn that answered, and the answer. */
async function turn(room, text) {
    const said = await say(server, room, text);
    const events = await settled(server, room);
    const ended = events.filter((event) => event.kind === 'turn.ended' && event.cause === said.seq).at(-1);
    const answer = events.find((event) => event.kind === 'message' && event.turn === ended.turn);
    return { ...ended.data, names: (ended.data.lore ?? []).map((hit) => hit.name).sort(), answer: answer?.data.text };
}

test('a lorebook is made, read, listed, changed and deleted', async () => {
    const made = await request(server, 'POST', '/api/lorebooks', { name: 'Isles', entries: [{ ...ALDERMOOR, sticky: 3, mine: { a: 1.5 } }] });
    assert.equal(made.status, 201);
    const path = `/api/lorebooks/${made.body.id}`;
    assert.equal(made.headers.get('location'), path);
    assert.equal(made.body.count, 1);
    assert.equal(made.body.entries[0].selective, true);
    assert.deepEqual(made.body.entries[0].mine, { a: 1.5 });
    const list = await request(server, 'GET', '/api/lorebooks');
    assert.deepEqual(list.body.data.map((b) => [b.name, b.count, b.entries]), [['Isles', 1, undefined]]);
    assert.equal((await request(server, 'GET', '/api/lorebooks?find=isle')).body.data.length, 1);
    assert.equal((await request(server, 'GET', '/api/lorebooks?find=zz')).body.data.length, 0);
    const etag = (await request(server, 'GET', path)).headers.get('etag');
    const patched = await request(server, 'PATCH', path, { everywhere: true, entries: [{ id: made.body.entries[0].id, depth: 7 }] }, { 'If-Match': etag });
    assert.equal(patched.status, 200, JSON.stringify(patched.body));
    assert.equal(patched.body.everywhere, true);
    assert.equal(patched.body.entries[0].depth, 7);
    assert.equal(patched.body.entries[0].sticky, 3);
    assert.deepEqual(patched.body.entries[0].mine, { a: 1.5 });
    errorOf(await request(server, 'PATCH', path, { name: 'x' }, { 'If-Match': etag }), 412);
    errorOf(await request(server, 'PATCH', path, { entries: [{ probability: 200 }] }), 422);
    errorOf(await request(server, 'PATCH', path, { everywhere: 'yes' }), 400);
    errorOf(await request(server, 'PUT', path, { entries: [] }), 400);
    errorOf(await request(server, 'POST', '/api/lorebooks', {}), 400);
    errorOf(await request(server, 'GET', `/api/lorebooks/${NOBODY}`), 404);
    errorOf(await request(server, 'GET', '/api/lorebooks/nonsense'), 404);
    assert.equal((await request(server, 'DELETE', path)).status, 204);
    errorOf(await request(server, 'GET', path), 410);
    assert.equal((await request(server, 'GET', '/api/lorebooks')).body.data.length, 0);
    assert.equal((await request(server, 'GET', '/api/lorebooks?deleted=true')).body.data.length, 1);
    assert.equal((await request(server, 'POST', `${path}/restore`)).body.name, 'Isles');
    assert.equal((await request(server, 'DELETE', path)).status, 204);
});

test('a request that is sent twice makes one lorebook', async () => {
    const headers = { 'Idempotency-Key': 'twice' };
    const one = await request(server, 'POST', '/api/lorebooks', { name: 'Once' }, headers);
    const two = await request(server, 'POST', '/api/lorebooks', { name: 'Once' }, headers);
    assert.equal(two.headers.get('idempotency-replayed'), 'true');
    assert.equal(one.body.id, two.body.id);
    errorOf(await request(server, 'POST', '/api/lorebooks', { name: 'Twice' }, headers), 409);
});

test('files of other programs come in and go out', async () => {
    const world = { entries: { 3: { uid: 3, key: ['sea'], content: 'wet', order: 5, position: 4, depth: 2, disable: false, newThing: [1, 2] } }, name: 'Sea' };
    const form = new FormData();
    form.append('file', new Blob([JSON.stringify(world)], { type: 'application/json' }), 'My world.json');
    const made = await (await fetch(`${server.url}/api/lorebooks/import`, { method: 'POST', body: form })).json();
    assert.equal(made.name, 'Sea');
    assert.equal(made.entries[0].position, 'at_depth');
    const back = await request(server, 'GET', `/api/lorebooks/${made.id}/export?format=sillytavern`);
    assert.deepEqual(back.body.entries[3].newThing, [1, 2]);
    assert.equal(back.body.entries[3].depth, 2);
    const v3 = await request(server, 'GET', `/api/lorebooks/${made.id}/export`);
    assert.equal(v3.body.spec, 'lorebook_v3');
    assert.match(v3.headers.get('content-disposition'), /sea\.json/);
    const bare = await request(server, 'POST', '/api/lorebooks/import?name=Named.json', { entries: {} });
    assert.equal(bare.body.name, 'Named');
    errorOf(await request(server, 'GET', `/api/lorebooks/${made.id}/export?format=x`), 400);
    errorOf(await request(server, 'POST', '/api/lorebooks/import', { nothing: 1 }), 400);
    errorOf(await request(server, 'POST', '/api/lorebooks/import', 'nonsense'), 400);
});

test('a book can be tried out', async () => {
    const tried = await request(server, 'POST', '/api/lorebooks/test', {
        lorebook: { entries: [ALDERMOOR, { keys: ['/(broken/'], content: 'x' }, { keys: ['town'], content: 'y', probability: 0 }] },
        messages: ['Where is Aldermoor town?'],
    });
    assert.equal(tried.status, 200, JSON.stringify(tried.body));
    assert.deepEqual(tried.body.activated.map((hit) => [hit.name, hit.why, hit.key]), [['Aldermoor', 'key', 'Aldermoor']]);
    assert.equal(tried.body.dropped[0].dropped, 'probability');
    assert.match(tried.body.warnings[0], /no regular expression/);
    assert.ok(tried.body.tokens > 5);
    errorOf(await request(server, 'POST', '/api/lorebooks/test', { messages: ['x'] }), 400);
    errorOf(await request(server, 'POST', '/api/lorebooks/test', { id: NOBODY, messages: ['x'] }), 404);
    errorOf(await request(server, 'POST', '/api/lorebooks/test', { lorebook: {}, messages: [] }), 400);
});

test('a fact of a book is answered with no model configured, and the record says why', async () => {
    const book = await make({ name: 'Coast', entries: [ALDERMOOR, { name: 'Council', keys: ['tide council'], content: 'The Tide Council meets at dusk.' }] });
    const nell = await persona({ name: 'Nell', description: 'A ferrywoman.', lorebooks: [book.id, NOBODY, 'nonsense'] });
    const room = await openRoom(server, [nell.slug]);
    const ended = await turn(room, 'Who rules Aldermoor?');
    assert.match(ended.answer, /Tide Council/);
    assert.deepEqual(ended.names, ['Aldermoor', 'Council']);
    const hit = ended.lore.find((one) => one.name === 'Aldermoor');
    assert.deepEqual({ book: hit.book, why: hit.why, key: hit.key, position: hit.position }, { book: book.id, why: 'key', key: 'Aldermoor', position: 'after_char' });
    assert.equal(ended.lore.find((one) => one.name === 'Council').why, 'recursion');
    assert.ok(ended.prompt.lore > 10);
    /* A change is known to the next turn; a book that is gone is passed over. */
    await request(server, 'PATCH', `/api/lorebooks/${book.id}`, { entries: [{ keys: ['aldermoor'], content: 'Aldermoor is ruled by gulls.' }] });
    assert.match((await turn(room, 'Who rules Aldermoor now?')).answer, /gulls/);
    await request(server, 'DELETE', `/api/lorebooks/${book.id}`);
    assert.deepEqual((await turn(room, 'And Aldermoor?')).names, []);
});

test("books of the card, of the room and of everywhere are all known; the card keeps its own", async () => {
    const own = { name: 'Own', extensions: { tool: 1 }, entries: [{ keys: ['harbour'], content: 'own lore', enabled: true, insertion_order: 1, odd: 1.0 }] };
    const card = { spec: 'chara_card_v2', spec_version: '2.0', data: { name: 'Ida', first_mes: 'Hello.', character_book: own } };
    /* As JSON that JavaScript would not write: it must survive a client that does. */
    const ida = (await request(server, 'POST', '/api/personas/import', JSON.stringify(card).replace('"odd":1', '"odd":1.0'))).body;
    const path = `/api/personas/${ida.id}/lorebook`;
    const shown = await request(server, 'GET', path);
    assert.equal(shown.status, 200, JSON.stringify(shown.body));
    assert.equal(shown.body.entries[0].content, 'own lore');
    const room = await make({ name: 'Room book', entries: [{ keys: ['harbour'], content: 'room lore', name: 'room' }] });
    const every = await make({ name: 'Every book', everywhere: true, entries: [{ keys: ['harbour'], content: 'every lore', name: 'every' }] });
    const id = await openRoom(server, [ida.slug]);
    const patched = await request(server, 'PATCH', `/api/rooms/${id}`, { lorebooks: [room.id] });
    assert.deepEqual(patched.body.lorebooks, [room.id]);
    assert.deepEqual((await turn(id, 'the harbour')).names, ['every', 'harbour', 'room']);
    await request(server, 'PATCH', `/api/lorebooks/${every.id}`, { everywhere: false });
    await request(server, 'PATCH', `/api/rooms/${id}`, { lorebooks: [] });
    const changed = await request(server, 'PUT', path, { ...shown.body, entries: [{ ...shown.body.entries[0], content: 'new own lore' }, { keys: ['harbour'], content: 'more', name: 'more' }] }, { 'If-Match': shown.headers.get('etag') });
    assert.equal(changed.status, 200, JSON.stringify(changed.body));
    errorOf(await request(server, 'PUT', path, { entries: [] }, { 'If-Match': shown.headers.get('etag') }), 412);
    assert.deepEqual((await turn(id, 'the harbour again')).names, ['harbour', 'more']);
    const text = await (await fetch(`${server.url}/api/personas/${ida.id}/card.json`)).text();
    const book = JSON.parse(text).data.character_book;
    assert.equal(book.entries[0].content, 'new own lore');
    assert.match(text, /"odd":1\.0/);
    assert.equal(book.extensions.tool, 1);
    assert.equal((await request(server, 'DELETE', path)).status, 204);
    errorOf(await request(server, 'GET', path), 404);
    assert.deepEqual((await turn(id, 'the harbour?')).names, []);
});

test('what counts messages goes on counting after a restart', async () => {
    const book = await make({
        name: 'Weather',
        entries: [
            { name: 'sticky', keys: ['storm'], content: 'a', sticky: 5 },
            { name: 'cooling', keys: ['storm'], content: 'b', cooldown: 5 },
            { name: 'late', keys: ['storm'], content: 'c', delay: 6 },
        ],
    });
    const skipper = await persona({ name: 'Skipper', greeting: 'Ahoy.', lorebooks: [book.id] });
    const room = await openRoom(server, [skipper.slug]);
    const first = await turn(room, 'a storm'); // message 2, after the greeting
    assert.deepEqual(first.names, ['cooling', 'sticky']);
    assert.deepEqual(first.lore_dropped.map((hit) => [hit.name, hit.dropped]), [['late', 'delay']]);
    assert.equal(first.lore_state.messages, 2);
    await server.stop();
    server = await startServer({ data });
    const second = await turn(room, 'calm'); // 4
    assert.deepEqual(second.names, ['sticky']);
    assert.equal(second.lore[0].why, 'sticky');
    assert.equal(second.lore_state.messages, 4);
    await server.kill();
    server = await startServer({ data });
    const third = await turn(room, 'another storm'); // 6
    assert.deepEqual(third.names, ['late', 'sticky']);
    assert.deepEqual(third.lore_dropped.map((hit) => [hit.name, hit.dropped]), [['cooling', 'cooldown']]);
    const fourth = await turn(room, 'calm'); // 8: six messages later
    assert.deepEqual(fourth.names, []);
    /* Another answer to an older message starts from what was true there. */
    const events = await allEvents(server, room);
    const answer = events.filter((event) => event.kind === 'message' && event.author.type === 'persona').at(2);
    const retried = await request(server, 'POST', `/api/rooms/${room}/messages/${answer.data.id}/retry`, {});
    assert.equal(retried.status, 201, JSON.stringify(retried.body));
    const again = (await settled(server, room)).filter((event) => event.kind === 'turn.ended').at(-1);
    assert.deepEqual(again.data.lore.map((hit) => hit.name), ['sticky']);
});
