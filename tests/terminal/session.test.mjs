// The session of docs/terminal-session.md, in short: the terminal and the page's API show the same room.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { session } from './record.mjs';

const flat = (text) => text.replace(/[*_`>#]/g, '').replace(/[\s│•]+/g, ' ').trim();

test('what the page has of the room is what the terminal shows', async () => {
    const { code, screen, page, events } = await session();
    assert.equal(code, 0);
    const shown = flat(screen);
    assert.ok(page.length >= 12, `${page.length} messages`);
    for (const message of page) assert.ok(shown.includes(flat(message.text)), `${message.seq}: ${message.text}`);
    for (const event of events.filter((e) => e.kind === 'turn.ended')) assert.ok(['done', 'cancelled'].includes(event.data.outcome));
    assert.ok(events.some((e) => e.kind === 'message' && e.data.text.startsWith('I write this in the page')));
});
