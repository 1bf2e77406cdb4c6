// Lists of personas: search, tags, orders, favourites, summaries, cursors.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { removeFolder, request, startServer } from '../lib/server.mjs';
import { errorOf } from './lib/talk.mjs';

let server;
const made = {};
before(async () => {
    server = await startServer();
    const people = [
        { name: 'Zoé Brandt', tags: ['Sea', 'calm'], description: 'A sailor of the cold north who mends {{user}}’s nets.' },
        { name: 'Adam', nickname: 'Addie', tags: ['bread'], description: 'A baker.' },
        { name: 'Élise', tags: ['sea', 'Art'], description: 'Paints the sea.' },
        { name: 'Night Visitor', tags: ['NSFW'], description: 'x'.repeat(400) }
    ];
    for (const person of people) {
        const answer = await request(server, 'POST', '/api/personas', person);
        assert.equal(answer.status, 201, JSON.stringify(answer.body));
        made[person.name] = answer.body;
    }
});
after(async () => {
    await server.stop();
    removeFolder(server.data);
});

const get = async (query) => {
    const { status, body } = await request(server, 'GET', `/api/personas?${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
};
const names = (page) => page.data.map((p) => p.name);

test('a summary says what a list shows', async () => {
    const [zoe] = (await get('fields=summary&find=zoe')).data;
    assert.deepEqual(Object.keys(zoe).sort(), ['adult', 'created_at', 'creator', 'engine', 'favourite', 'id', 'name', 'portrait', 'slug', 'tagline', 'tags', 'updated_at', 'version']);
    assert.equal(zoe.id, made['Zoé Brandt'].id);
    assert.equal(zoe.slug, 'zoe-brandt');
    assert.equal(zoe.tagline, 'A sailor of the cold north who mends you’s nets.');
    assert.deepEqual(zoe.tags, ['Sea', 'calm']);
    assert.equal(zoe.adult, false);
    assert.equal(zoe.version, 1);
    const [night] = (await get('fields=summary&find=night+visitor')).data;
    assert.equal(night.adult, true);
    assert.equal([...night.tagline].length, 161);
    assert.ok(night.tagline.endsWith('…'));
});

test('found by words and their beginnings, without case and accents, all of them', async () => {
    assert.deepEqual(names(await get('find=ZOE')), ['Zoé Brandt']);
    assert.deepEqual(names(await get('find=bra+sail')), ['Zoé Brandt']);
    assert.deepEqual(names(await get('find=bra+baker')), []);
    assert.deepEqual(names(await get('find=addie')), ['Adam']);
    assert.deepEqual(names(await get('find=elise')), ['Élise']);
    assert.deepEqual(names(await get('find=s%C3%A9a&tag=sea&sort=-name')), ['Zoé Brandt', 'Élise']);
    assert.deepEqual(names(await get('find=rand')), []);
    assert.deepEqual(names(await get('find=zoe+OR+addie')), [], 'what a search language would mean is only text');
    assert.deepEqual(names(await get('find=%22%29+%2A')), [], 'what holds no word finds nobody');
});

test('tags: several must all be there; all of them with their counts', async () => {
    assert.deepEqual(names(await get('tag=SEA')), ['Élise', 'Zoé Brandt']);
    assert.deepEqual(names(await get('tag=sea&tag=art')), ['Élise']);
    assert.equal((await get('tag=sea&total=true')).total, 2);
    const { body } = await request(server, 'GET', '/api/personas/tags');
    assert.equal(body.data.find((t) => t.tag.toLowerCase() === 'sea').count, 2);
    assert.equal(body.next, null);
    const counts = body.data.map((t) => t.count);
    assert.deepEqual(counts, [...counts].sort((a, b) => b - a));
});

test('orders, pages and totals', async () => {
    const all = names(await get('total=true'));
    assert.equal((await get('total=true&fields=summary')).total, all.length);
    assert.deepEqual(names(await get('sort=-name')), [...all].reverse());
    assert.deepEqual(names(await get('sort=-created&limit=4')), ['Night Visitor', 'Élise', 'Adam', 'Zoé Brandt']);
    const seen = [];
    for (let next = ''; next !== null; ) {
        const page = await get(`limit=3&fields=summary&sort=-created${next && `&after=${encodeURIComponent(next)}`}`);
        seen.push(...names(page));
        next = page.next;
        // What is made meanwhile stands before the cursor and moves nothing.
        await request(server, 'POST', '/api/personas', { name: `Later ${seen.length}` });
    }
    assert.deepEqual([...seen].sort(), [...all].sort());
    await request(server, 'PATCH', `/api/personas/${made.Adam.id}`, { description: 'A baker of bread.' });
    assert.equal(names(await get('sort=-updated&limit=1'))[0], 'Adam');
    for (const query of ['sort=age', 'fields=some', 'limit=0', 'after=rubbish', 'favourite=maybe']) {
        const answer = await request(server, 'GET', `/api/personas?${query}`);
        errorOf(answer, 400);
    }
});

test('favourites are the owner’s, and no change of the persona', async () => {
    const path = `/api/personas/${made['Élise'].id}`;
    const liked = await request(server, 'PATCH', path, { favourite: true });
    assert.equal(liked.body.favourite, true);
    assert.deepEqual(names(await get('favourite=true')), ['Élise']);
    assert.equal((await get('favourite=true&fields=summary')).data[0].favourite, true);
    const card = await request(server, 'GET', `${path}/card.json`);
    assert.equal(JSON.stringify(card.body).includes('favourite'), false);
    const wrong = await request(server, 'PATCH', path, { favourite: 'yes' });
    assert.equal(wrong.status, 400);
    assert.equal(wrong.body.error.param, 'favourite');
});

test('the deleted leave lists and tags, and come back', async () => {
    const path = `/api/personas/${made.Adam.id}`;
    await request(server, 'DELETE', path);
    assert.deepEqual(names(await get('find=addie')), []);
    assert.equal((await request(server, 'GET', '/api/personas/tags')).body.data.some((t) => t.tag === 'bread'), false);
    assert.ok(names(await get('deleted=true')).includes('Adam'));
    await request(server, 'POST', `${path}/restore`);
    assert.deepEqual(names(await get('find=addie')), ['Adam']);
});
