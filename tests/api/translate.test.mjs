// A room between two languages, with a local model that translates, well and badly: the original always stays, a turn never
// waits longer than room.translate_timeout.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { allEvents, removeFolder, request, startServer } from '../lib/server.mjs';
import { listen } from './lib/listener.mjs';
import { openMic } from './lib/microphone.mjs';
import { addEngine, errorOf, openRoom, say, settled } from './lib/talk.mjs';
import { startTranslator } from './lib/translator.mjs';

const PATIENCE_MS = 700; /* room.translate_timeout */
const BOTH = { to: 'de', mine: 'en', engine: 'translator' };
let server, model;

async function until(what, ms = 8000) {
    for (const end = Date.now() + ms; Date.now() < end; ) {
        const got = await what();
        if (got) return got;
        await new Promise((r) => setTimeout(r, 20));
    }
    assert.fail(`it did not come within ${ms} ms: ${what}`);
}

/** A room with a persona who talks German, and a translator. */
async function open(translate = BOTH) {
    const room = await openRoom(server, ['greta'], 'Zwei Sprachen');
    if (translate) {
        const set = await request(server, 'PATCH', `/api/rooms/${room}`, { translate });
        assert.equal(set.status, 200, JSON.stringify(set.body));
        assert.deepEqual(set.body.translate, translate);
    }
    model.requests.length = 0;
    return room;
}

const of = (events, kind) => events.filter((e) => e.kind === kind);
const translations = async (room, count) => until(async () => {
    const all = of(await allEvents(server, room), 'translation');
    return all.length >= count && all;
});

before(async () => {
    server = await startServer({ args: [`--room.translate_timeout=${PATIENCE_MS}ms`] });
    model = await startTranslator();
    for (const name of ['translator', 'talker']) await addEngine(server, model.url, name, name, { settings: { retries: '0' } });
    const made = await request(server, 'POST', '/api/personas', { name: 'Greta', slug: 'greta', engine: 'talker' });
    assert.equal(made.status, 201, JSON.stringify(made.body));
});
after(async () => {
    await server.stop();
    await model.close();
    removeFolder(server.data);
});

test('what the person says is shown translated, what the persona says gets a translation; the originals stay', async () => {
    const room = await open();
    const said = await say(server, room, 'Good *evening*, Greta.');
    await settled(server, room);
    const [mine, hers] = await translations(room, 2);
    const events = await allEvents(server, room);
    const [asked, answer] = of(events, 'message');
    assert.equal(asked.data.text, 'Good *evening*, Greta.');
    assert.equal(answer.data.text, 'Ich höre: <German> Good *evening*, Greta.', 'she was shown the translation');
    assert.deepEqual(mine.data, { of: said.id, text: '<German> Good *evening*, Greta.', from: 'en', to: 'de' });
    assert.equal(mine.cause, asked.seq);
    assert.deepEqual(hers.data, { of: answer.data.id, text: `<English> ${answer.data.text}`, from: 'de', to: 'en' });
    assert.equal(mine.author.type, 'system');
    const [order] = model.of('translator');
    assert.match(order.system, /from English into German/);
    assert.equal(order.text, 'Good *evening*, Greta.');
    assert.match(model.of('talker')[0].system + JSON.stringify(model.of('talker')[0].messages), /Write in German\./);
    assert.equal(order.messages.length, 2, 'nothing else of the room goes to the translator');

    await say(server, room, 'Once more.');
    const next = of(await settled(server, room), 'message').at(-1);
    assert.equal(next.data.text, 'Ich höre: <German> Once more.');
    const shown = model.of('talker').at(-1).messages.map((m) => m.content).join('\n');
    assert.match(shown, /<German> Good/, 'what was said before is shown translated as well');
    assert.doesNotMatch(shown, /<English>/, 'she is shown her own words as she said them');
});

test('every way to fail keeps the original, says why, and never holds a turn', async () => {
    const room = await open();
    const cases = [
        ['STALL', /took longer than room\.translate_timeout/],
        ['CUT', /closed the connection/],
        ['FAIL', /No such luck|refused/],
        ['EMPTY', /without/],
        ['LONG', /cut/]
    ];
    for (const [word, why] of cases) {
        const began = Date.now();
        const said = await say(server, room, `This is ${word}.`);
        const events = await settled(server, room);
        assert.ok(Date.now() - began < PATIENCE_MS + 2500, `${word}: ${Date.now() - began} ms`);
        const failed = of(events, 'translation').find((e) => e.data.of === said.id);
        assert.ok(failed, word);
        assert.equal('text' in failed.data, false, word);
        assert.match(failed.data.error, why, word);
        assert.match(failed.data.error, /\.$/, 'a sentence');
        assert.equal(of(events, 'turn.ended').at(-1).data.outcome, 'done', word);
        assert.ok(of(events, 'message').some((e) => e.data.text === `Ich höre: This is ${word}.`), `${word}: she was shown the original`);
    }
    await until(() => model.of('translator').every((one) => one.closed));
});

test('a message whose translation failed is translated when it is answered once more', async () => {
    const room = await open({ ...BOTH, engine: 'nobody' }).catch((cause) => cause);
    assert.match(String(room), /There is no engine 'nobody'/);
    const other = await open();
    const said = await say(server, other, 'HOLD on.');
    await settled(server, other); /* too late: failed */
    model.release();
    model.requests.length = 0;
    const retry = request(server, 'POST', `/api/rooms/${other}/messages/${said.id}/retry`, {});
    await until(() => model.held.length);
    model.release();
    assert.equal((await retry).status, 201);
    const events = await settled(server, other);
    assert.equal(of(events, 'message').at(-1).data.text, 'Ich höre: <German> HOLD on.');
});

test('an edit is translated anew, and a translation of what it said before counts for nothing', async () => {
    const room = await open();
    const said = await say(server, room, 'HOLD the first text.');
    await until(() => model.held.length);
    await request(server, 'PATCH', `/api/rooms/${room}/messages/${said.id}`, { text: 'The second text.' });
    model.release();
    const events = await settled(server, room);
    assert.equal(of(events, 'message').at(-1).data.text, 'Ich höre: <German> The second text.');
    const mine = of(events, 'translation').filter((e) => e.data.of === said.id);
    assert.deepEqual(mine.map((e) => e.data.text), ['<German> The second text.']);
    assert.equal(mine[0].cause, of(events, 'message.edited')[0].seq);
    await until(() => model.of('translator')[0].closed);
});

test('deleted: the job ends; forgotten: its translations go with it', async () => {
    const room = await open();
    let said = await say(server, room, 'HOLD what is deleted.');
    await until(() => model.held.length);
    assert.equal((await request(server, 'DELETE', `/api/rooms/${room}/messages/${said.id}`)).status, 204);
    model.release();
    await settled(server, room);
    assert.equal(of(await allEvents(server, room), 'translation').filter((e) => e.data.of === said.id).length, 0);

    said = await say(server, room, 'HOLD the secret.');
    await until(() => model.held.length);
    assert.equal((await request(server, 'DELETE', `/api/rooms/${room}/messages/${said.id}?forget=true`)).status, 204);
    model.release();
    await settled(server, room);

    said = await say(server, room, 'Another secret.');
    await settled(server, room);
    const before = await until(async () => of(await allEvents(server, room), 'translation').find((e) => e.data.of === said.id));
    assert.equal((await request(server, 'DELETE', `/api/rooms/${room}/messages/${said.id}?forget=true`)).status, 204);
    const events = await allEvents(server, room);
    assert.deepEqual(events.find((e) => e.seq === before.seq).data, { erased: true });
    assert.ok(!JSON.stringify(of(events, 'translation')).includes('the secret'), 'no translation came after it was forgotten');
});

test('cancelling a turn that waits for its translation ends it', async () => {
    const room = await open();
    await say(server, room, 'HOLD me.');
    await until(() => model.held.length);
    const started = of(await allEvents(server, room), 'turn.started').at(-1);
    const cancelled = await request(server, 'POST', `/api/rooms/${room}/turns/${started.turn}/cancel`, {});
    assert.ok(cancelled.status < 300, JSON.stringify(cancelled.body));
    assert.equal(of(await settled(server, room), 'turn.ended').at(-1).data.outcome, 'cancelled');
    model.release();
    await translations(room, 1);
    assert.equal(model.of('talker').length, 0);
});

test('said by voice: in the persona\'s language it needs none, in another one it is translated from that', async () => {
    const room = await open();
    for (const [language, text] of [['de', 'Guten Abend.'], ['fr', 'Bonsoir.']]) {
        const person = await listen(server, room, false);
        await openMic(person, room, { recogniser: 'browser', language });
        person.send({ type: 'mic.text', room, text, final: true, confidence: 0.9 });
        const message = await until(async () => of(await allEvents(server, room), 'message').find((e) => e.data.text === text));
        assert.equal(message.data.spoken.language, language);
        const events = await settled(server, room);
        const mine = of(events, 'translation').filter((e) => e.data.of === message.data.id);
        assert.equal(mine.length, language === 'de' ? 0 : 1);
        if (mine.length) assert.deepEqual(mine[0].data, { of: message.data.id, text: '<German> Bonsoir.', from: 'fr', to: 'de' });
        await person.close();
    }
    const answers = of(await allEvents(server, room), 'message').filter((e) => e.author.type === 'persona').map((e) => e.data.text);
    assert.deepEqual(answers, ['Ich höre: Guten Abend.', 'Ich höre: <German> Bonsoir.']);
});

test('after a restart translations are shown as before; what runs when the server stops ends in the log', async () => {
    const room = await open();
    await say(server, room, 'Remember me.');
    await settled(server, room);
    await translations(room, 2);
    const held = await say(server, room, 'HOLD until the end.');
    await until(() => model.held.length);
    await server.stop();
    model.release();
    server = await startServer({ data: server.data, args: [`--room.translate_timeout=${PATIENCE_MS}ms`] });
    const [ended] = of(await allEvents(server, room), 'translation').filter((e) => e.data.of === held.id);
    assert.match(ended.data.error, /stopped before|translate_timeout/);
    await say(server, room, 'And now?');
    await settled(server, room);
    assert.match(model.of('talker').at(-1).messages.map((m) => m.content).join('\n'), /<German> Remember me\./);
});

test('the setting: what it refuses, and off again', async () => {
    const room = await open(null);
    assert.equal((await request(server, 'GET', `/api/rooms/${room}`)).body.translate, null);
    const wrong = [
        [{ to: 'de', mine: 'de' }, /both languages are the same/i],
        [{ to: 'German', mine: 'en', engine: 'translator' }, /'German' is not a language/],
        [{ to: 'de', mine: 'en', engine: 'scripted' }, /scripted responder cannot translate/],
        [{ to: 'de', mine: 'en', engine: 'missing' }, /no engine 'missing'/i]
    ];
    for (const [translate, why] of wrong) assert.match(errorOf(await request(server, 'PATCH', `/api/rooms/${room}`, { translate }), 422).message, why);
    errorOf(await request(server, 'PATCH', `/api/rooms/${room}`, { translate: { to: 'de' } }), 400);
    errorOf(await request(server, 'PATCH', `/api/rooms/${room}`, { translate: { ...BOTH, speed: 1 } }), 400);

    const made = await request(server, 'POST', '/api/rooms', { personas: ['greta'], translate: { to: 'pt-BR', mine: 'en', engine: 'translator' } });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assert.equal(made.body.translate.to, 'pt-BR');
    const off = await request(server, 'PATCH', `/api/rooms/${made.body.id}`, { translate: null });
    assert.equal(off.body.translate, null);
    model.requests.length = 0;
    await say(server, made.body.id, 'As it is.');
    await settled(server, made.body.id);
    assert.equal(model.of('translator').length, 0);
});
