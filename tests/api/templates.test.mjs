// Templates: every one makes a persona that holds its own sample conversation, with the embedded engine, in a real room.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { removeFolder, request, startServer } from '../lib/server.mjs';
import { errorOf, openRoom, say, settled } from './lib/talk.mjs';

const INDUSTRIES = ['education', 'customer service', 'sales', 'training', 'healthcare'];
const CAST = ['philosopher', 'comedian', 'scientist', 'mia', 'solene', 'lyra', 'kimi'];

let server, templates;
before(async () => {
    server = await startServer();
    const list = await request(server, 'GET', '/api/templates?limit=200');
    assert.equal(list.status, 200);
    templates = [];
    for (const { id } of list.body.data) templates.push((await request(server, 'GET', `/api/templates/${id}`)).body);
});
after(async () => {
    await server.stop();
    removeFolder(server.data);
});

test('every industry has two at least, and the cast is there', async () => {
    for (const industry of INDUSTRIES) {
        assert.ok(templates.filter((t) => t.industry === industry).length >= 2, industry);
        const some = await request(server, 'GET', `/api/templates?industry=${encodeURIComponent(industry)}`);
        assert.deepEqual(some.body.data.map((t) => t.id), templates.filter((t) => t.industry === industry).map((t) => t.id));
    }
    for (const slug of CAST) assert.ok(templates.some((t) => t.id === slug), slug);
    const paged = await request(server, 'GET', '/api/templates?limit=5');
    assert.equal(paged.body.data.length, 5);
    assert.equal((await request(server, 'GET', `/api/templates?limit=5&after=${paged.body.next}`)).body.data[0].id, templates[5].id);
});

test('every template is whole', () => {
    for (const t of templates) {
        assert.ok(t.summary && t.persona.name && t.persona.greeting && t.persona.system_prompt, t.id);
        assert.ok(t.starters.length >= 3 && t.boundaries.length >= 3, t.id);
        assert.ok(t.sample.some((line) => line.expect?.length), `${t.id} expects something`);
        assert.ok(CAST.includes(t.id) || t.boundaries.some((b) => /\bAI\b/.test(b)), `${t.id} says that it is an AI`);
        const text = JSON.stringify(t);
        const asked = new Set(t.variables.map((v) => v.name));
        for (const [, name] of text.matchAll(/\{\{([a-z_]+)\}\}/g))
            assert.ok(asked.has(name) || ['char', 'user', 'original'].includes(name), `${t.id} has {{${name}}} and does not ask for it`);
        for (const v of t.variables) assert.ok(v.default && /[?)]$/.test(v.question) && text.includes(`{{${v.name}}}`), `${t.id}: ${v.name}`);
        if (INDUSTRIES.includes(t.industry)) assert.ok(t.lorebook.entries.length >= 4 && t.knowledge.length >= 2 && t.variables.length >= 1, t.id);
        if (t.industry === 'healthcare') assert.match(t.persona.greeting, /\{\{emergency\}\}/);
    }
});

test('the sample conversation of every template holds', async (context) => {
    for (const t of templates)
        await context.test(t.id, async () => {
            const made = await request(server, 'POST', `/api/templates/${t.id}/create`, {});
            assert.equal(made.status, 201, JSON.stringify(made.body));
            const room = await openRoom(server, [made.body.id]);
            for (const line of t.sample) {
                if (line.from === 'user') {
                    await say(server, room, line.text);
                    continue;
                }
                const said = (await settled(server, room)).filter((e) => e.kind === 'message').at(-1);
                assert.equal(said.author.type, 'persona');
                for (const words of line.expect ?? [])
                    assert.ok(words.split('|').some((word) => said.data.text.toLowerCase().includes(word.toLowerCase())), `"${said.data.text}" has no ${words}`);
            }
        });
});

test('what is asked is filled in everywhere; the lorebook lies in the card', async () => {
    const made = await request(server, 'POST', '/api/templates/support-agent/create', {
        name: 'Max "the" Helper',
        variables: { company: 'Ärger & "Söhne"', escalation: 'line 7' }
    });
    assert.equal(made.status, 201);
    assert.equal(made.body.name, 'Max "the" Helper');
    assert.match(made.body.greeting, /Ärger & "Söhne"/);
    assert.ok(!JSON.stringify(made.body).includes('{{company}}'));
    assert.ok(made.body.boundaries.length >= 5 && made.body.starters.length >= 3);
    const card = (await request(server, 'GET', `/api/personas/${made.body.id}/card.json`)).body;
    const book = card.data.character_book;
    assert.match(book.entries[0].content, /line 7/);
    assert.ok(book.entries.every((entry) => entry.keys.length && entry.enabled));
    assert.match(card.data.creator_notes, /Give it to know:\n- Product manual: How our product/);
    const again = await request(server, 'POST', '/api/templates/support-agent/create', {});
    assert.notEqual(again.body.slug, made.body.slug);
});

test('a key makes one; what is not asked for is refused', async () => {
    const headers = { 'Idempotency-Key': 'one' };
    const first = await request(server, 'POST', '/api/templates/mia/create', {}, headers);
    const second = await request(server, 'POST', '/api/templates/mia/create', {}, headers);
    assert.equal(second.body.id, first.body.id);
    assert.match(errorOf(await request(server, 'POST', '/api/templates/mia/create', { variables: { company: 'x' } }), 400).message, /company/);
    errorOf(await request(server, 'POST', '/api/templates/tutor/create', { variables: { subject: 7 } }), 400);
    errorOf(await request(server, 'POST', '/api/templates/tutor/create', { variables: { subject: 'x'.repeat(3000) } }), 400);
    errorOf(await request(server, 'GET', '/api/templates/nobody'), 404);
    errorOf(await request(server, 'GET', '/api/templates/cast'), 404);
    errorOf(await request(server, 'POST', '/api/templates/..%2Fpersonas%2Fmia/create', {}), 404);
});
