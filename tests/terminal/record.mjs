// Records docs/terminal-session.md: five minutes in a real terminal with the real program, beside a client of the page's
// API in the same room. Everything in the page's record is read back from that API.
//
//   node tests/terminal/record.mjs FILE [--quick]
//
// The pauses are those of somebody who reads and thinks; --quick leaves them out.
import { writeFileSync } from 'node:fs';
import { allEvents, makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';
import { Terminal } from '../lib/terminal.mjs';

export async function session({ quick = true } = {}) {
    const server = await startServer({ data: makeFolder() });
    const t = new Terminal({ columns: 88, rows: 40 });
    const started = Date.now();
    const marks = [];
    const mark = (what) => marks.push({ at: Date.now() - started, what });
    const pause = (seconds) => new Promise((r) => setTimeout(r, quick ? 50 : seconds * 1280));
    const prompt = () => t.until((s) => /›$/.test(s) && !/is thinking/.test(s), 'the prompt');
    const type = async (text) => {
        if (quick) return t.type(text);
        for (const ch of text) {
            t.type(ch);
            await new Promise((r) => setTimeout(r, 45 + Math.random() * 60));
        }
    };
    const answered = async (before) => {
        await t.until(async () => true);
        for (let i = 0; i < 800; i++) {
            const all = await allEvents(server, await roomId());
            const open = new Set(all.filter((e) => e.kind === 'turn.started').map((e) => e.turn));
            for (const e of all) if (e.kind === 'turn.ended') open.delete(e.turn);
            if (all.length > before && !open.size) break;
            await new Promise((r) => setTimeout(r, 50));
        }
        await prompt();
    };
    let current = 'mia';
    const roomId = async () => {
        const rooms = (await request(server, 'GET', '/api/rooms?limit=200')).body.data;
        return (rooms.find((r) => r.title === current) ?? rooms.find((r) => r.members.some((m) => m.slug === current)) ?? rooms[0]).id;
    };
    const say = async (text, seconds = 6) => {
        const before = (await allEvents(server, await roomId())).length;
        await type(text);
        t.keys('Enter');
        await answered(before);
        await pause(seconds);
    };
    const command = async (text, seen, seconds = 5) => {
        await type(text);
        t.keys('Enter');
        await t.until(seen);
        await prompt();
        await pause(seconds);
    };
    try {
        t.start(['chat', 'mia', '--data', server.data], { env: { COLUMNS: '88' } });
        await prompt();
        mark('eidolon chat mia');
        await pause(9);
        await say('Hello Mia! My name is Ana.', 12);
        await say('My sister Eva lives in Porto, and she is ill. I worry about her.', 16);
        await say('She has an operation on Thursday.', 14);
        mark('moods, and why');
        await command('/mood', /Mia is/, 10);
        await say('What is my sister called, and where does she live?', 14);
        await command('/why', /Answered by/, 16);
        mark('the page, in the same room');
        const room = await roomId();
        await type('I was just thi');
        const before = (await allEvents(server, room)).length;
        await request(server, 'POST', `/api/rooms/${room}/messages`, { text: 'I write this in the page. Tea?' });
        await t.until(/I write this in the page/);
        for (let i = 0; i < 400 && (await allEvents(server, room)).length < before + 3; i++) await new Promise((r) => setTimeout(r, 50));
        await pause(8);
        await type('nking the same.');
        t.keys('Enter');
        await answered(before + 3);
        await pause(10);
        mark('another answer, another room');
        await command('/retry', (s) => /› \/retry[^]*\nMia[^]*›$/.test(s), 12);
        await command('/title An evening', /called "An evening" now/, 6);
        await command('/persona philosopher', /The Philosopher/, 10);
        current = 'philosopher';
        await say('Is it right to worry about what cannot be changed?', 18);
        await command('/rooms', /An evening/, 10);
        await command('/room An evening', /An evening, with Mia/, 10);
        current = 'An evening';
        mark('several lines, and a long answer stopped');
        await type('Two things:');
        t.keys('M-Enter');
        await say('thank you, and good night.', 12);
        await type('Tell me a long story about the sea.');
        t.keys('Enter');
        await t.until(/about the sea\.[^]*Mia/);
        await pause(0.2);
        t.keys('C-c');
        await prompt();
        await pause(10);
        await command('/export evening.md', /The room is in evening\.md/, 6);
        await type('/quit');
        t.keys('Enter');
        const code = await t.ended();
        mark('/quit');
        const screen = t.screen().replace(/\n+Pane is dead[^]*$/, '').trimEnd();
        const events = await allEvents(server, room);
        const page = (await request(server, 'GET', `/api/rooms/${room}/messages?order=asc&limit=200`)).body.data;
        return { code, screen, events, page, room, marks, elapsed: Date.now() - started };
    } finally {
        t.close();
        await server.stop();
        removeFolder(server.data);
    }
}

const time = (ms) => `${Math.floor(ms / 60000)}:${String(Math.floor((ms / 1000) % 60)).padStart(2, '0')}`;

function document({ screen, page, events, marks, elapsed }) {
    const kinds = {};
    for (const event of events) kinds[event.kind] = (kinds[event.kind] ?? 0) + 1;
    return `# Five minutes in the terminal
Made by \`make session\` (tests/terminal/record.mjs) from the real program: \`eidolon chat\` on a server of its own, in a terminal of 88
columns, with the scripted responder. The session took ${time(elapsed)}. Below it is the same room as the page's API has it: it **is** the
same room, and \`tests/terminal/session.test.mjs\` checks that everything said in one is in the other.

${marks.map((m) => `- ${time(m.at)} ${m.what}`).join('\n')}

## The terminal
\`\`\`text
$ eidolon chat mia
${screen.replaceAll('```', "'''")}
$
\`\`\`

## The same room in the page
\`GET /api/rooms/{room}/messages\`, which the page shows:

${page.map((m) => `- ${m.seq} **${m.author.name || 'You'}**: ${m.text.replaceAll('\n', ' / ')}`).join('\n')}

All its events by kind: ${Object.entries(kinds).sort(([a], [b]) => (a < b ? -1 : 1)).map(([kind, n]) => `${n} ${kind}`).join(', ')}.
`;
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
    const got = await session({ quick: process.argv.includes('--quick') });
    writeFileSync(process.argv[2], document(got));
    console.log(`${process.argv[2]}: ${time(got.elapsed)}, ${got.events.length} events, exit code ${got.code}`);
}
