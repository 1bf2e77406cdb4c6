// Lorebooks in the page: made, imported, edited, tried out, given to rooms and personas, and shown in an answer's details.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { request, startServer, makeFolder, removeFolder } from '../lib/server.mjs';
import { PHONE, accessible, closePage, enterRoom, launch, openPage, quiet, say, shoot, theirs } from './browser.mjs';

let browser;
let server;
const data = makeFolder();

before(async () => {
    server = await startServer({ data });
    browser = await launch();
});
after(async () => {
    await browser?.close();
    await server?.stop();
    removeFolder(data);
});

const read = async (id) => (await request(server, 'GET', `/api/lorebooks/${id}`)).body;

test('a lorebook is made, gets an entry, is tried out and saved', async () => {
    const page = await openPage(browser, server);
    await page.goto('/lorebooks');
    await page.getByText('No lorebook yet').waitFor();
    await accessible(page, 'lorebooks, empty');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByLabel('Name', { exact: true }).fill('The Coast');
    await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click();
    await page.waitForURL(/\/lorebooks\/[0-9a-f-]+$/);
    const id = page.url().split('/').at(-1);
    await page.getByRole('button', { name: 'Add an entry' }).click();
    const entry = page.getByRole('region', { name: 'The entry', exact: true });
    await entry.getByLabel('Brought up by', { exact: true }).fill('Aldermoor\n/tide ?council/i');
    await entry.getByLabel('What there is to know').fill('Aldermoor: a harbour town ruled by the Tide Council');
    await entry.getByLabel('Where it stands').selectOption('at_depth');
    await entry.getByLabel('Messages behind it').fill('2');
    await entry.getByText('Chance, time and company').click();
    await entry.getByLabel('Stays for (messages)').fill('3');
    await page.getByLabel('Something that could be said').fill('Who rules aldermoor?');
    await page.getByRole('button', { name: 'Try', exact: true }).click();
    await page.getByText('“Aldermoor” was said; 2 messages from the end').waitFor();
    await accessible(page, 'a lorebook');
    await shoot(page, 'lorebook');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').waitFor();
    const book = await read(id);
    assert.deepEqual(book.entries[0].keys, ['Aldermoor', '/tide ?council/i']);
    assert.equal(book.entries[0].position, 'at_depth');
    assert.equal(book.entries[0].depth, 2);
    assert.equal(book.entries[0].sticky, 3);
    await page.goto('/lorebooks');
    await page.getByRole('link', { name: /The Coast/ }).waitFor();
    await shoot(page, 'lorebooks');
    await closePage(page);
});

test('a lorebook of two thousand entries stays quick, and what the page does not know is kept', async () => {
    const entries = {};
    for (let i = 0; i < 2000; i++) entries[i] = { uid: i, key: [`place${i}`], comment: `Place ${i}`, content: `This is place ${i}.`, order: i, newThing: [i] };
    const page = await openPage(browser, server);
    await page.goto('/lorebooks');
    await page.getByText('can be dropped anywhere').waitFor();
    const transfer = await page.evaluateHandle((text) => {
        const given = new DataTransfer();
        given.items.add(new File([text], 'World.json', { type: 'application/json' }));
        return given;
    }, JSON.stringify({ entries }));
    await page.getByRole('region', { name: 'Lorebooks' }).dispatchEvent('drop', { dataTransfer: transfer });
    await page.getByText('“World” is there, with 2,000 entries.').waitFor();
    await page.getByRole('link', { name: /World/ }).click();
    await page.getByRole('button', { name: /^Place 0/ }).waitFor();
    const id = page.url().split('/').at(-1);
    const rows = page.getByRole('group', { name: 'Entries' });
    assert.ok((await rows.getByRole('button').count()) < 60);
    await page.getByLabel('Find an entry').fill('place1999');
    await rows.getByRole('button', { name: /^Place 1999/ }).click();
    const content = page.getByLabel('What there is to know');
    const began = Date.now();
    await content.pressSequentially(' And it rains.');
    assert.ok(Date.now() - began < 3000, `typing 14 letters took ${Date.now() - began} ms`);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').waitFor();
    const back = await request(server, 'GET', `/api/lorebooks/${id}/export?format=sillytavern`);
    assert.equal(Object.keys(back.body.entries).length, 2000);
    assert.match(back.body.entries[1999].content, /And it rains/);
    assert.deepEqual(back.body.entries[1999].newThing, [1999]);
    assert.equal(back.body.entries[7].content, 'This is place 7.');
    /* Somebody else saves meanwhile. */
    await request(server, 'PATCH', `/api/lorebooks/${id}`, { name: 'World two' });
    await content.press('End');
    await content.pressSequentially(' Often.');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Somebody else changed this lorebook').waitFor();
    await page.getByRole('button', { name: 'Take theirs' }).click();
    await page.getByRole('heading', { level: 1, name: 'World two' }).waitFor();
    await request(server, 'DELETE', `/api/lorebooks/${id}`);
    page.problems = page.problems.filter((text) => !/412/.test(text));
    await closePage(page);
});

test('a room is given a lorebook, and the details of an answer say what it brought up', async () => {
    const page = await openPage(browser, server);
    await enterRoom(page);
    await theirs(page).first().waitFor();
    await page.getByRole('button', { name: 'Room', exact: true }).click();
    await page.getByRole('menuitem', { name: 'Lorebooks' }).click();
    await page.getByLabel(/The Coast/).check();
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    const before = await theirs(page).count();
    await say(page, 'Who rules Aldermoor?');
    await page.waitForFunction((count) => document.querySelectorAll('article.row:not(.mine)').length > count, before);
    await quiet(page);
    assert.match(await theirs(page).last().locator('.bubble').innerText(), /Tide Council/);
    const row = theirs(page).last();
    await row.hover();
    await row.getByRole('button', { name: /why|details/i }).first().click();
    await page.getByRole('heading', { name: 'From lorebooks' }).waitFor();
    await page.getByText('“Aldermoor” was said; 2 messages from the end').waitFor();
    await accessible(page, 'details with lore');
    await shoot(page, 'lore-details');
    await closePage(page);
});

test("a persona is given a lorebook, and gets one in its card", async () => {
    const page = await openPage(browser, server);
    await page.goto('/personas/lyra/lore');
    await page.getByLabel(/The Coast/).check();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').waitFor();
    const lyra = (await request(server, 'GET', '/api/personas/lyra')).body;
    assert.equal(lyra.lorebooks.length, 1);
    await page.getByRole('button', { name: 'Begin one' }).click();
    const entry = page.getByRole('region', { name: 'The entry', exact: true });
    await entry.getByLabel('Brought up by', { exact: true }).fill('tower');
    await entry.getByLabel('What there is to know').fill('The tower leans.');
    await accessible(page, "a persona's lore");
    await shoot(page, 'persona-lore');
    await page.getByRole('region', { name: 'Changes to the lorebook' }).getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').last().waitFor();
    const card = (await request(server, 'GET', '/api/personas/lyra/card.json')).body;
    assert.equal(card.data.character_book.entries[0].content, 'The tower leans.');
    page.problems = page.problems.filter((text) => !/404/.test(text));
    await closePage(page);
});

test('lorebooks fit a phone', async () => {
    const page = await openPage(browser, server, { viewport: PHONE, scheme: 'dark', hasTouch: true, isMobile: true });
    await page.goto('/lorebooks');
    await page.getByRole('link', { name: /The Coast/ }).waitFor();
    await accessible(page, 'lorebooks, phone');
    await shoot(page, 'lorebooks-phone');
    await page.getByRole('link', { name: /The Coast/ }).click();
    await page.getByRole('button', { name: /^Aldermoor/ }).click();
    await page.getByLabel('What there is to know').waitFor();
    const right = await page.evaluate(() => Math.max(...[...document.querySelectorAll('main *')].map((one) => one.getBoundingClientRect().right)));
    assert.ok(right <= 360.5, `something reaches to ${right} px`);
    await accessible(page, 'a lorebook, phone');
    await shoot(page, 'lorebook-phone');
    await page.getByRole('button', { name: 'Back to the entries' }).click();
    await page.getByRole('button', { name: 'Add an entry' }).waitFor();
    await closePage(page);
});
