// `eidolon chat` in a real terminal: editing, streaming, cancelling, resuming, the same room elsewhere, hostile texts.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { allEvents, makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';
import { Terminal } from '../lib/terminal.mjs';
import { startEngine } from './engine.mjs';

let server, engine;
before(async () => {
    engine = await startEngine();
    server = await startServer();
    for (const [kind, body] of [['providers', { base_url: engine.url }], ['engines', { provider: 'test', model: 'm' }]]) {
        const made = await request(server, 'PUT', `/api/${kind}/test`, body);
        assert.equal(made.status, 200, JSON.stringify(made.body));
    }
    await request(server, 'PUT', '/api/config', { 'engine.default': 'test' });
});
after(async () => {
    await server.stop();
    await engine.stop();
    removeFolder(server.data);
});

/** A persona of the test's own, so that tests share no rooms. */
async function persona(name) {
    const made = await request(server, 'POST', '/api/personas', { name, engine: 'test', greeting: `This is ${name}.` });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    return made.body;
}
const roomOf = async (who) => (await request(server, 'GET', '/api/rooms?limit=200')).body.data.find((r) => r.members.some((m) => m.id === who.id));

async function open(who, size = {}, args = [], options = {}) {
    const terminal = new Terminal(size);
    terminal.start(['chat', who.slug, '--data', server.data, ...args], options);
    await terminal.until(/›/, 'the prompt');
    return terminal;
}

test('an answer streams, is laid out by words, and stays', async () => {
    const who = await persona('Ada');
    const t = await open(who);
    await t.until(/This is Ada\./);
    engine.next({ words: 'one two **three** `four` *five* six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen'.split(' '), delay: 20 });
    t.line('count for me');
    await t.until(/is thinking|Ada/);
    await t.until(/one two three four five six/);
    await t.until((s) => /seventeen\n\n›$/.test(s), 'the end');
    assert.match(t.screen(), /› count for me\n\nAda.*\n {2}one two three four five six seven eight nine ten eleven twelve thirteen\n {2}fourteen fifteen sixteen seventeen\n\n›$/);
    assert.match(t.screen({ colors: true }), /\u001b\[1m[^\u001b]*three/);
    t.keys('C-d');
    assert.equal(await t.ended(), 0);
    t.close();
});

test('what is typed while an answer streams is not disturbed, and the arrows, words and history work', async () => {
    const who = await persona('Bea');
    const t = await open(who);
    engine.next({ words: Array.from({ length: 60 }, (_, i) => `word${i}`), delay: 30 });
    t.line('go');
    await t.until(/word3 /);
    t.type('helo world');
    t.keys('Home', 'Right', 'Right', 'Right');
    t.type('l');
    await t.until(/word30/);
    await t.until(/› hello world$/);
    await t.until(/word59/);
    await t.until(/word59[^]*\n› hello world$/);
    t.keys('End', 'C-w');
    t.type('wörld 世界');
    await t.until(/› hello wörld 世界$/);
    t.keys('Enter');
    await t.until(/› hello wörld 世界\n[^]*Bea[^]*yes\.\n\n›$/);
    t.keys('Up');
    await t.until(/› hello wörld 世界$/);
    t.keys('Up');
    await t.until(/› go$/);
    t.keys('C-c');
    await t.until(/›$/);
    t.keys('C-d');
    await t.ended();
    const history = join(server.data, 'terminal', 'history');
    assert.equal(statSync(history).mode & 0o777, 0o600);
    assert.match(readFileSync(history, 'utf8'), /hello wörld 世界\n/);
    t.close();
});

test('Ctrl-C ends the running answer, then leaves', async () => {
    const who = await persona('Cleo');
    const t = await open(who);
    engine.next({ words: Array.from({ length: 400 }, (_, i) => `w${i}`), delay: 25 });
    t.line('long please');
    await t.until(/w10 /);
    t.keys('C-c');
    await t.until(/\(stopped\)/);
    const events = await allEvents(server, (await roomOf(who)).id);
    assert.equal(events.findLast((e) => e.kind === 'turn.ended').data.outcome, 'cancelled');
    assert.equal(t.exit(), null);
    t.keys('C-c');
    assert.equal(await t.ended(), 0);
    t.close();
});

test('the same room elsewhere: messages appear above the line that is being edited', async () => {
    const who = await persona('Dora');
    const t = await open(who);
    t.type('half a thou');
    engine.next({ words: ['from', 'elsewhere'], delay: 5 });
    const said = await request(server, 'POST', `/api/rooms/${(await roomOf(who)).id}/messages`, { text: 'I am the page' });
    assert.equal(said.status, 201);
    await t.until(/I am the page[^]*from elsewhere[^]*› half a thou$/);
    t.type('ght');
    await t.until(/› half a thought$/);
    t.close();
});

test('resumes the room, shows what was said, and what was missed when the server was away', async () => {
    const own = await startServer();
    let t = new Terminal();
    t.start(['chat', 'mia', '--data', own.data]);
    await t.until(/›$/);
    t.line('remember the blue door');
    await t.until((s) => (s.match(/Mia/g) ?? []).length >= 3 && /›$/.test(s), 'an answer');
    t.keys('C-d');
    await t.ended();
    t.start(['chat', 'mia', '--data', own.data]);
    await t.until(/remember the blue door[^]*›$/);
    assert.equal((await request(own, 'GET', '/api/rooms')).body.data.length, 1, 'no second room');
    t.type('unfinished');
    await own.stop();
    await t.until(/does not answer[^]*› unfinished$/);
    const again = await startServer({ data: own.data });
    const room = (await request(again, 'GET', '/api/rooms')).body.data[0].id;
    await request(again, 'POST', `/api/rooms/${room}/messages`, { text: 'said while you waited' });
    await t.until(/said while you waited[^]*› unfinished$/);
    t.close();
    await again.stop();
    removeFolder(own.data);
});

test('several lines: backslash, Alt-Enter, quotes, paste', async () => {
    const who = await persona('Eve');
    const t = await open(who);
    const lastSaid = async () => (await allEvents(server, (await roomOf(who)).id)).findLast((e) => e.kind === 'message' && e.author.type === 'user').data.text;
    const says = async (expected) => {
        for (let i = 0; i < 200; i++) {
            if ((await lastSaid().catch(() => '')) === expected) return;
            await new Promise((r) => setTimeout(r, 25));
        }
        assert.equal(await lastSaid(), expected);
    };
    t.line('one\\');
    t.line('two');
    await says('one\ntwo');
    t.type('three');
    t.keys('M-Enter');
    t.line('four');
    await says('three\nfour');
    t.line('"""');
    t.line('five');
    t.line('six"""');
    await says('five\nsix');
    t.paste('seven\neight\nnine');
    await t.until(/nine$/);
    t.keys('Enter');
    await says('seven\neight\nnine');
    t.close();
});

test('hostile texts do not reach the terminal', async () => {
    const who = await persona('Mallory');
    const t = await open(who);
    const evil = '\u001b]0;owned\u0007\u001b[2J\u001b[31mred\u009b5n \u202eesrever &#27;[5m \u001bP1$r\u001b\\ \u0007\b\r';
    engine.next({ words: ['begin', evil, 'end'], delay: 5 });
    t.line('attack');
    await t.until(/begin[^]*end[^]*›$/);
    const shown = t.raw().slice(t.raw().indexOf('begin'));
    for (const bad of ['\u001b]', '\u001bP', '\u0007', '\u009b', '\u202e', '\u001b[2J', '\u001b[5m', '\u001b[31m', '\b\b']) assert.ok(!shown.includes(bad), JSON.stringify(bad));
    assert.match(t.screen(), /begin/);
    t.close();
});

test('narrow windows, wide characters, resizing', async () => {
    const who = await persona('Fay');
    const t = await open(who, { columns: 40, rows: 20 });
    engine.next({ words: ['日本語の文章はどこでも折り返すことができます。', '한국어', '🎉🎉🎉', 'plain', 'words', 'after', 'that'], delay: 5 });
    t.line('go');
    await t.until(/that[^]*›$/);
    for (const line of t.screen().split('\n')) {
        const width = [...line].reduce((n, ch) => n + (/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uff00-\uff60\u{1f300}-\u{1faff}]/u.test(ch) ? 2 : 1), 0);
        assert.ok(width <= 40, `${width}: ${line}`);
    }
    t.type('still here');
    t.resize(60, 25);
    await t.until(/› still here$/);
    engine.next({ words: Array.from({ length: 14 }, (_, i) => `after${i}`), delay: 5 });
    t.keys('Enter');
    await t.until(/after13[^]*›$/);
    assert.match(t.screen(), /after0 after1 after2 after3 after4 after5 after6/);
    t.close();
});

test('an answer longer than the screen is there once, from its beginning', async () => {
    const who = await persona('Gwen');
    const t = await open(who, { columns: 50, rows: 12 });
    const paragraphs = Array.from({ length: 30 }, (_, i) => `Paragraph ${i} has some words.\n\n`);
    engine.next({ words: paragraphs, delay: 10, glue: '' });
    t.line('long');
    await t.until(/Paragraph 29 has some words\.\n\n›$/);
    const seen = [...t.screen().matchAll(/Paragraph (\d+) has/g)].map((m) => Number(m[1]));
    assert.deepEqual(seen, Array.from({ length: 30 }, (_, i) => i));
    t.close();
});

test('commands: Tab, rooms, titles, moods, why, edit, retry, forget', async () => {
    const who = await persona('Hal');
    const t = await open(who);
    engine.next({ words: ['first', 'answer'] });
    t.line('original words');
    await t.until(/first answer\n\n›$/);
    t.type('/he');
    t.keys('Tab', 'Enter');
    await t.until(/\/quit .*leave/);
    engine.next({ words: ['second', 'answer'] });
    t.line('/retry');
    await t.until(/second answer\n\n›$/);
    t.line('/edit changed words');
    await t.until(/it says now: changed words/);
    t.line('/why');
    await t.until(/Answered by test/);
    t.line('/title Tea for two');
    await t.until(/called "Tea for two" now/);
    t.line('/room new Elsewhere');
    await t.until(/Elsewhere, with Hal/);
    t.type('/room Te');
    t.keys('Tab');
    await t.until(/\/room Tea for two/);
    t.keys('Enter');
    await t.until(/Tea for two, with Hal\.[^]*›$/);
    const rooms = (await request(server, 'GET', '/api/rooms?limit=200')).body.data;
    const elsewhere = rooms.find((r) => r.title === 'Elsewhere');
    engine.next({ words: ['over', 'here'] });
    await request(server, 'POST', `/api/rooms/${elsewhere.id}/messages`, { text: 'psst' });
    await t.until(/Hal in "Elsewhere": over here +\(\/room 2\)/);
    t.line('/rooms');
    await t.until(/2\s+2 new\s+Elsewhere/);
    t.line('/nonsense');
    await t.until(/no command \/nonsense/);
    t.line('/forget');
    await t.until(/forgotten for good/);
    t.line('/state pause');
    await t.until(/The room is paused now/);
    t.line('/quit');
    assert.equal(await t.ended(), 0);
    t.close();
});

test('dumb terminals, NO_COLOR and --plain get no sequences', async () => {
    const who = await persona('Ivy');
    for (const [env, args] of [[{ TERM: 'dumb' }, []], [{}, ['--plain']]]) {
        const t = new Terminal();
        t.start(['chat', who.slug, '--data', server.data, ...args], { env });
        await t.until(/This is Ivy/);
        engine.next({ words: ['plain', '**text**'] });
        t.line('hello');
        await t.until(/plain \*\*text\*\*/);
        const own = t.raw().slice(t.raw().lastIndexOf('This is Ivy'));
        assert.ok(!own.includes('\u001b'), JSON.stringify(own));
        t.keys('C-d');
        assert.equal(await t.ended(), 0);
        t.close();
    }
    const t = await open(who, {}, [], { env: { NO_COLOR: '1' } });
    engine.next({ words: ['no', '**colour**'] });
    t.line('hello');
    await t.until(/no colour\n\n›$/);
    assert.ok(!/\u001b\[[\d;]*[1-9]m/.test(t.raw().slice(t.raw().indexOf('hello'))), 'no colours');
    t.close();
});

test('a failed answer says why', async () => {
    const who = await persona('Jo');
    const t = await open(who);
    engine.next({ status: 401 });
    t.line('fail');
    await t.until(/Jo is thinking|key|auth|401/i);
    await t.until((s) => /› fail\n\n[^›]*\.\n\n›$/.test(s) && !/thinking/.test(s), 'a sentence');
    t.close();
});

test('without a server the command opens the data folder itself', async () => {
    const data = makeFolder();
    const t = new Terminal();
    t.start(['chat', 'mia', '--data', data]);
    await t.until(/Come in[^]*›$|›$/);
    t.line('hello');
    await t.until((s) => (s.match(/^Mia/gm) ?? []).length >= 2 && /›$/.test(s), 'an answer');
    assert.ok(!/info|warn/.test(t.screen()), 'no log lines');
    t.keys('C-d');
    assert.equal(await t.ended(), 0);
    assert.ok(!existsSync(join(data, 'eidolon.sock')));
    t.close();
    removeFolder(data);
});
