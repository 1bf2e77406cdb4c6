// Chats of other programs: in as rooms, remembered, and out again as they came.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { zipSync } from './lib/zip.mjs';
import { allEvents, makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';
import { errorOf, openRoom, say, settled } from './lib/talk.mjs';

let server;
before(async () => {
    server = await startServer();
});
after(async () => {
    await server.stop();
    removeFolder(server.data);
});

async function upload(bytes, { name = 'chat.jsonl', fields = {}, headers = {}, at = server } = {}) {
    const form = new FormData();
    form.append('file', new Blob([bytes]), name);
    for (const [key, value] of Object.entries(fields)) form.append(key, value);
    const response = await fetch(`${at.url}/api/rooms/import`, { method: 'POST', body: form, headers });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: text.startsWith('{') ? JSON.parse(text) : text };
}

const messagesOf = async (room) => (await request(server, 'GET', `/api/rooms/${room}/messages?order=asc&limit=200`)).body.data;
const exportOf = async (room, format) => {
    const response = await fetch(`${server.url}/api/rooms/${room}/export?format=${format}`);
    return { status: response.status, type: response.headers.get('content-type'), name: response.headers.get('content-disposition'), text: await response.text() };
};
const lines = (text) => text.trim().split('\n').map((line) => JSON.parse(line));

const TAVERN = [
    { user_name: 'Ana', character_name: 'Mia', create_date: '2023-03-04 @14h 22m 33s 12ms', chat_metadata: { note_prompt: 'calm', tainted: true } },
    { name: 'Mia', is_user: false, is_system: false, send_date: 'March 4, 2023 2:22pm', mes: 'Hello.', swipes: ['Hi there.', 'Hello.', 'Good day.'], swipe_id: 1, swipe_info: [{ gen: 1 }], extra: { api: 'x', reasoning: 'think' } },
    { name: 'Ana', is_user: true, is_system: false, send_date: 1677940000123, mes: 'My brother Tomas plays the cello in Coimbra.', extra: {}, force_avatar: 'a.png' },
    { name: 'Mia', is_user: false, is_system: false, send_date: '2023-03-04T14:30:00.000Z', mes: 'How lovely!\nTell me more.', extra: { gen_id: 7 } },
    { name: 'Ana', is_user: true, is_system: true, send_date: '2023-03-04T14:31:00.000Z', mes: 'a hidden note', extra: {} },
    { name: 'Mia', is_user: false, is_system: false, send_date: '2023-03-04T14:32:00.000Z', mes: 'last, second', swipes: ['last, first', 'last, second', 'last, third'], swipe_id: 1, extra: {} }
];
const tavernFile = TAVERN.map((line) => JSON.stringify(line)).join('\n');

test('a SillyTavern chat becomes a room with its times, alternatives and authors', async () => {
    const made = await upload(`${tavernFile}\nnot json\n`, { name: 'Mia - 2023-03-04.jsonl' });
    assert.equal(made.status, 201, made.text);
    assert.equal(made.body.format, 'sillytavern');
    assert.equal(made.body.messages, 9);
    assert.deepEqual(made.body.skipped.map((s) => s.line), [7]);
    assert.deepEqual(made.body.personas.map((p) => [p.slug, p.made]), [['mia', false]]);
    const room = made.body.rooms[0];
    assert.equal(room.title, 'Mia - 2023-03-04');
    const said = await messagesOf(room.id);
    const brother = said.find((m) => m.text.includes('Tomas'));
    assert.equal(brother.at, new Date(1677940000123).toISOString());
    assert.equal(brother.author.type, 'user');
    assert.equal(brother.author.name, 'Ana');
    assert.deepEqual(brother.data.imported.sillytavern.force_avatar, 'a.png');
    assert.equal(said.find((m) => m.text === 'a hidden note').author.type, 'system');
    const [hi, good, hello] = said;
    assert.deepEqual([hi.text, good.text, hello.text], ['Hi there.', 'Good day.', 'Hello.']);
    assert.equal(good.data.retry_of, hi.id);
    assert.equal(hello.data.retry_of, hi.id);
    assert.equal(brother.parent, hello.seq, 'what follows stands behind the current swipe');
    assert.equal(said.at(-1).text, 'last, second', 'the current swipe of the last message is where the chat goes on');
});

test('what was said there is remembered at once, with its own date', async () => {
    const room = await openRoom(server);
    await say(server, room, 'Where does my brother Tomas play the cello?');
    const events = await settled(server, room);
    const ended = events.find((e) => e.kind === 'turn.ended');
    const recalled = ended.data.recalled.find((r) => JSON.stringify(r).includes('Coimbra') || r.reason?.includes('Tomas') || r.reason?.includes('cello'));
    assert.ok(recalled, JSON.stringify(ended.data.recalled));
    assert.match(JSON.stringify(events.filter((e) => e.kind === 'message').at(-1).data.text), /Coimbra/);
});

test('an export to SillyTavern gives back what came', async () => {
    const { body } = await upload(tavernFile);
    const out = await exportOf(body.rooms[0].id, 'sillytavern');
    assert.match(out.type, /ndjson/);
    assert.match(out.name, /attachment; filename="chat-\d{4}-\d\d-\d\d\.jsonl"/);
    assert.deepEqual(lines(out.text), TAVERN);
});

test('our own export comes back as it was: texts, times, authors, edits', async () => {
    const { body } = await upload(tavernFile);
    const room = body.rooms[0].id;
    const brother = (await messagesOf(room)).find((m) => m.text.includes('Tomas'));
    await request(server, 'PATCH', `/api/rooms/${room}/messages/${brother.id}`, { text: 'My brother Tomas plays the viola.' });
    await request(server, 'DELETE', `/api/rooms/${room}/messages/${(await messagesOf(room)).at(-1).id}`);
    const whole = await exportOf(room, 'jsonl');
    const again = await upload(whole.text, { name: 'x.jsonl' });
    assert.equal(again.status, 201, again.text);
    assert.equal(again.body.format, 'eidolon');
    const same = (list) => list.map((m) => [m.text, m.at, m.author.type, m.author.id, m.author.name, m.edited_at, m.data.imported, !!m.data.retry_of]);
    assert.deepEqual(same(await messagesOf(again.body.rooms[0].id)), same(await messagesOf(room)));
});

test('text logs: speakers are found, the owner among them, and a new persona where nobody has the name', async () => {
    const made = await upload('31.12.23, 21:41 - Joana: Feliz\nano novo\n1.1.24, 0:02 - Dr. Novak: You too!\n', {
        name: 'WhatsApp Chat with Dr. Novak.txt',
        fields: { user: 'Joana', zone: '+01:00', title: 'New year' }
    });
    assert.equal(made.status, 201, made.text);
    assert.equal(made.body.rooms[0].title, 'New year');
    assert.deepEqual(made.body.personas.map((p) => [p.name, p.made]), [['Dr. Novak', true]]);
    const said = await messagesOf(made.body.rooms[0].id);
    assert.deepEqual(said.map((m) => [m.author.type, m.author.name, m.at, m.text]), [
        ['user', 'Joana', '2023-12-31T20:41:00.000Z', 'Feliz\nano novo'],
        ['persona', 'Dr. Novak', '2023-12-31T23:02:00.000Z', 'You too!']
    ]);
    const given = await upload('Ana: hi\nSomebody: hello\n', { name: 'a.txt', fields: { persona: 'kimi' } });
    assert.deepEqual(given.body.personas.map((p) => p.slug), ['kimi']);
    errorOf(await upload('Ana: hi\nMia: hello\n', { fields: { persona: 'nobody-here' } }), 422);
});

const node = (id, parent, role, text, at) => ({ id, parent, children: [], message: text === null ? null : { id, author: { role }, create_time: at, content: { content_type: 'text', parts: [text] } } });
const CONVERSATIONS = [
    {
        title: 'Bread', create_time: 1690000000.5, current_node: 'd',
        mapping: { r: node('r', null, '', null), a: node('a', 'r', 'user', 'How long does rye rise?', 1690000001), b: node('b', 'a', 'assistant', 'One hour.', 1690000002), c: node('c', 'a', 'assistant', 'About two hours.', 1690000003), d: node('d', 'b', 'user', 'Thanks', 1690000004) }
    },
    { title: 'Tea', create_time: 1690000100, current_node: 'x', mapping: { x: node('x', null, 'user', 'Which tea?', 1690000101) } }
];

test('an OpenAI export: many conversations, each a room with its branches; the zip as well', async () => {
    for (const [bytes, name] of [[JSON.stringify(CONVERSATIONS), 'conversations.json'], [zipSync({ 'chat.html': '<html></html>', 'conversations.json': JSON.stringify(CONVERSATIONS) }), 'export.zip']]) {
        const made = await upload(bytes, { name, fields: { persona: 'scientist' } });
        assert.equal(made.status, 201, made.text);
        assert.equal(made.body.format, 'openai');
        assert.deepEqual(made.body.rooms.map((r) => r.title), ['Bread', 'Tea']);
        const said = await messagesOf(made.body.rooms[0].id);
        assert.deepEqual(said.map((m) => m.text), ['How long does rye rise?', 'About two hours.', 'One hour.', 'Thanks']);
        assert.equal(said[2].data.retry_of, said[1].id);
        assert.equal(said[3].parent, said[2].seq);
        assert.equal(said[0].at, '2023-07-22T04:26:41.000Z');
        assert.ok(made.body.personas.every((p) => p.slug === 'scientist'));
    }
});

test('the same key and file give the same rooms; another file is refused', async () => {
    const headers = { 'Idempotency-Key': 'import-1' };
    const raw = (body) => fetch(`${server.url}/api/rooms/import?name=k.txt`, { method: 'POST', body, headers: { ...headers, 'Content-Type': 'text/plain' } });
    const first = await (await raw('Ana: once\nMia: only\n')).json();
    const second = await raw('Ana: once\nMia: only\n');
    assert.equal(second.headers.get('idempotency-replayed'), 'true');
    const again = await second.json();
    assert.deepEqual(again.rooms.map((r) => r.id), first.rooms.map((r) => r.id));
    assert.equal(again.messages, 2);
    assert.equal((await raw('Ana: something else\nMia: yes\n')).status, 409);
    const count = (await request(server, 'GET', '/api/rooms?find=k&limit=200')).body.data.filter((r) => r.title === 'k').length;
    assert.equal(count, 1);
    const both = await Promise.all([1, 2].map(() => fetch(`${server.url}/api/rooms/import?name=race.txt`, { method: 'POST', body: 'Ana: race\nMia: yes\n', headers: { 'Idempotency-Key': 'race' } }).then((r) => r.json())));
    assert.equal(both[0].rooms[0].id, both[1].rooms[0].id);
    assert.equal((await request(server, 'GET', '/api/rooms?find=race&limit=200')).body.data.length, 1);
});

test('nothing is left of an import that fails, and it says why', async () => {
    const before = (await request(server, 'GET', '/api/rooms?limit=200')).body.data.length;
    for (const [bytes, status] of [['', 400], ['Nothing that anybody says.', 400], ['[{"title":"x","mapping":{"a":', 400], ['\xff\xfeA\0', 415]])
        errorOf(await upload(Buffer.from(bytes, 'latin1')), status);
    errorOf(await upload('Ana: x\nMia: y\n', { fields: { format: 'odd' } }), 400);
    errorOf(await request(server, 'POST', '/api/rooms/import', undefined), 400);
    assert.equal((await request(server, 'GET', '/api/rooms?limit=200')).body.data.length, before);
    assert.ok(!(await request(server, 'GET', '/api/rooms?deleted=true&limit=200')).body.data.some((r) => r.title === 'chat'));
});

test('progress comes as events, then the report', async () => {
    const big = Array.from({ length: 3000 }, (_, k) => `${k % 2 ? 'Ana' : 'Mia'}: line ${k}`).join('\n');
    const made = await upload(big, { name: 'long.txt', headers: { Accept: 'text/event-stream' } });
    assert.match(made.headers.get('content-type'), /event-stream/);
    const done = JSON.parse(made.text.split('event: done\ndata: ')[1].split('\n')[0]);
    assert.equal(done.messages, 3000);
    assert.match(made.text, /event: progress/);
    const bad = await upload('prose', { headers: { Accept: 'text/event-stream' } });
    assert.match(bad.text, /event: error\ndata: {"error":{"message":"No message was found/);
});

test('a room that is exported reads well everywhere, and nothing in it becomes markup', async () => {
    const { body } = await upload('Ana: <script>alert(1)</script> & "more"\nMia: **bold**\n', { name: '<b>Öl & tea</b>.txt' });
    const room = body.rooms[0].id;
    const html = await exportOf(room, 'html');
    assert.match(html.type, /text\/html/);
    assert.ok(!html.text.includes('<script>') && html.text.includes('&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;more&quot;'));
    assert.ok(!/src=|href=|url\(/.test(html.text));
    assert.match((await exportOf(room, 'markdown')).text, /\*\*Mia\*\* · \d\d:\d\d\n\n\*\*bold\*\*/);
    const text = await exportOf(room, 'text');
    const back = await upload(text.text, { name: 'again.txt', fields: { user: 'Ana' } });
    assert.deepEqual((await messagesOf(back.body.rooms[0].id)).map((m) => m.text), (await messagesOf(room)).map((m) => m.text));
    assert.equal(JSON.parse((await exportOf(room, 'json')).text).messages.length, 2);
    const all = await allEvents(server, room);
    assert.equal(lines((await exportOf(room, 'jsonl')).text).length, all.length + 1);
    assert.equal((await exportOf(room, 'pdf')).status, 400);
    assert.equal((await exportOf('018f0000-0000-7000-8000-000000000000', 'html')).status, 404);
});

test('a server that dies in the middle leaves no half room', async () => {
    const data = makeFolder();
    let own = await startServer({ data });
    const words = 'alpha beta gamma delta epsilon zeta eta theta'.repeat(12);
    const big = Array.from({ length: 60000 }, (_, k) => `${k % 2 ? 'Ana' : 'Mia'}: ${k} ${words}`).join('\n');
    const cut = upload(big, { name: 'cut.txt', at: own }).catch(() => null);
    let storing = false;
    for (let tries = 0; tries < 2000 && !storing; tries++) {
        const metrics = await (await fetch(`${own.url}/metrics`)).text();
        storing = Number(metrics.match(/^eidolon_events_total (\d+)/m)?.[1]) > 600;
        await new Promise((r) => setTimeout(r, 5));
    }
    assert.ok(storing, 'the import had begun to store');
    await own.kill();
    await cut;
    own = await startServer({ data });
    const rooms = async (query) => (await request(own, 'GET', `/api/rooms?${query}`)).body.data.filter((r) => r.title === 'cut');
    assert.equal((await rooms('limit=200')).length, 0);
    for (let tries = 0; tries < 400 && !own.log.includes('the import of'); tries++) await new Promise((r) => setTimeout(r, 25));
    assert.match(own.log, /the import of 'cut' was cut by the last stop/);
    await own.stop();
    removeFolder(data);
});
