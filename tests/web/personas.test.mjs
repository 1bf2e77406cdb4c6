// The persona pages in Chromium against the real server: the gallery with many, the import of a whole folder, the
// editor with portrait, versions, prompt and files, profiles, content limits, greetings.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { request, startServer, makeFolder, removeFolder } from '../lib/server.mjs';
import { PHONE, accessible, closePage, composer, launch, openPage, quiet, say, shoot, theirs } from './browser.mjs';
import { card, makeFolderOfCards, picture, pngCard } from './cards.mjs';

let browser;
let server;
const data = makeFolder();
const cards = mkdtempSync(join(tmpdir(), 'eidolon-cards-'));
const gallery = (page) => page.getByRole('grid', { name: 'Personas' });
const named = (page, name) => gallery(page).locator('.name', { hasText: name });
const search = (page) => page.getByRole('searchbox', { name: 'Find a persona' });
const count = (page) => page.locator('p.count');

before(async () => {
    server = await startServer({ data });
    browser = await launch();
});
after(async () => {
    await browser?.close();
    await server?.stop();
    removeFolder(data);
    rmSync(cards, { recursive: true, force: true });
});

/** What a person does who drags files from elsewhere: real paths, so that folders are folders. */
async function drop(page, paths) {
    const client = await page.context().newCDPSession(page);
    const event = (type) => client.send('Input.dispatchDragEvent', { type, x: 700, y: 420, data: { items: [], files: paths, dragOperationsMask: 1 } });
    await event('dragEnter');
    await event('dragOver');
    await page.getByText('Let go, and they move in').waitFor();
    await shoot(page, 'import-drop');
    await event('drop');
    await client.detach();
}

test('a folder of three hundred cards is dropped: progress, a report, and nobody twice', async () => {
    const good = makeFolderOfCards(cards, 300);
    const page = await openPage(browser, server, { allow: [/40[09]|413|415|422/] });
    await page.goto('/personas');
    await gallery(page).waitFor();
    await drop(page, [cards]);
    const panel = page.getByRole('region', { name: 'Import' });
    await panel.getByRole('progressbar').waitFor();
    /* It goes on elsewhere. */
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByRole('heading', { name: 'Settings' }).waitFor();
    await panel.getByRole('heading', { name: 'Import finished' }).waitFor({ timeout: 60000 });
    assert.match(await panel.innerText(), new RegExp(`Imported\\s+${good}\\b`));
    assert.match(await panel.innerText(), /Refused\s+2\b/);
    assert.match(await panel.innerText(), /Other files\s+2\b/);
    await panel.getByText('broken.json').waitFor();
    await panel.getByText('picture only.png').waitFor();
    await accessible(page, 'import report');
    await shoot(page, 'import-report');
    const saved = page.waitForEvent('download');
    await panel.getByRole('button', { name: 'Save the report' }).click();
    const report = readFileSync(await (await saved).path(), 'utf8');
    assert.match(report, /300 imported, 0 already here, 2 refused/);
    assert.match(report, /broken\.json\n {4}\S/);
    await panel.getByRole('button', { name: 'Show them' }).click();
    await page.waitForURL(/\/personas/);
    await named(page, /^Folder \d/).first().waitFor();
    await page.locator('.cell .face img').first().waitFor();
    await shoot(page, 'gallery-imported');

    await drop(page, [cards]);
    await panel.getByRole('heading', { name: 'Import finished' }).waitFor({ timeout: 60000 });
    assert.match(await panel.innerText(), /Imported\s+0\b/);
    assert.match(await panel.innerText(), new RegExp(`Already here\\s+${good}\\b`));
    await panel.getByRole('button', { name: 'Close the import' }).click();
    const all = await request(server, 'GET', '/api/personas?fields=summary&limit=1&total=true');
    assert.equal(all.body.total, 307);

    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await page.getByRole('menuitem', { name: 'From an address' }).click();
    await page.getByLabel('Address of the card').fill(`${server.url}/favicon.svg`);
    await page.getByRole('dialog').getByRole('button', { name: 'Import' }).click();
    await page.getByRole('dialog').getByRole('alert').getByText(/private network/).waitFor();
    await accessible(page, 'import from an address');
    await closePage(page);
});

test('one searches as one types, filters by tags, sorts, marks favourites and walks by keyboard', async () => {
    const page = await openPage(browser, server);
    await page.goto('/personas');
    await named(page, 'Folder 000').waitFor();
    assert.match(await count(page).innerText(), /307 personas/);
    assert.ok((await page.locator('.cell').count()) < 60, 'only what is seen is in the document');
    await page.keyboard.press('/');
    await page.keyboard.type('folder 01');
    await page.waitForFunction(() => /^10 of 307/.test(document.querySelector('p.count').innerText));
    await search(page).fill('');
    await page.getByRole('group', { name: 'Tags' }).getByRole('button', { name: /^odd/ }).click();
    await page.waitForFunction(() => /^150 of 307/.test(document.querySelector('p.count').innerText));
    assert.match(page.url(), /tag=odd/);
    await page.getByLabel('Order').selectOption('-name');
    await named(page, 'Folder 299').waitFor();
    await accessible(page, 'gallery filtered');

    await search(page).press('ArrowDown');
    assert.equal(await page.evaluate(() => document.activeElement.dataset.index), '0');
    await page.keyboard.press('ArrowRight');
    assert.equal(await page.evaluate(() => document.activeElement.dataset.index), '1');
    await page.keyboard.press('Control+End');
    await page.waitForFunction(() => document.activeElement.dataset?.index === '149');
    await named(page, 'Folder 001').waitFor();
    await page.keyboard.press('f');
    await page.getByRole('button', { name: 'Favourite: Folder 001' }).and(page.locator('[aria-pressed=true]')).waitFor();
    await page.keyboard.press('Control+Home');
    await page.waitForFunction(() => document.activeElement.dataset?.index === '0');
    await page.keyboard.press('Enter');
    await page.waitForURL(/folder-299/);
    await page.goBack();
    await named(page, 'Folder 299').waitFor();
    assert.match(page.url(), /tag=odd/);

    await page.waitForFunction(() => /^150 of 307/.test(document.querySelector('p.count').innerText));
    await page.getByRole('button', { name: 'Only favourites' }).click();

    await page.waitForFunction(() => /^1 of 307/.test(document.querySelector('p.count').innerText));
    await search(page).fill('no such person');
    await page.getByRole('heading', { name: 'Nobody here matches that' }).waitFor();
    await accessible(page, 'gallery empty');
    await shoot(page, 'gallery-nobody');
    await page.getByRole('button', { name: 'Show everybody' }).click();
    await page.waitForFunction(() => /^307 personas/.test(document.querySelector('p.count').innerText));
    await page.getByRole('button', { name: 'Show as a list' }).click();
    await shoot(page, 'gallery-list');
    await accessible(page, 'gallery list');
    await closePage(page);
});

test('several are selected: tagged, exported as one zip, deleted and brought back', async () => {
    const page = await openPage(browser, server);
    await page.goto('/personas?find=folder+00');
    await named(page, 'Folder 009').waitFor();
    await page.getByLabel('Select Folder 000').check({ force: true });
    await page.getByLabel('Select Folder 003').click({ modifiers: ['Shift'], force: true });
    const bar = page.getByRole('region', { name: 'Selection' });
    await bar.getByText('4 selected').waitFor();
    await bar.getByRole('button', { name: 'Tag' }).click();
    await page.getByRole('combobox', { name: 'Add' }).fill('chosen');
    await page.getByRole('combobox', { name: 'Add' }).press('Enter');
    await accessible(page, 'bulk tags');
    await page.getByRole('button', { name: 'Change tags' }).click();
    await page.getByText('4 personas tagged.').waitFor();
    assert.deepEqual((await request(server, 'GET', '/api/personas?tag=chosen&fields=summary')).body.data.map((one) => one.name).sort(), ['Folder 000', 'Folder 001', 'Folder 002', 'Folder 003']);

    await bar.getByRole('button', { name: 'Export' }).click();
    await page.getByText('JSON cards').click();
    const saved = page.waitForEvent('download');
    await page.getByRole('dialog').getByRole('button', { name: 'Export' }).click();
    const zip = readFileSync(await (await saved).path());
    assert.equal(zip.readUInt32LE(0), 0x04034b50);
    assert.equal(zip.readUInt16LE(zip.length - 22 + 10), 4, 'four files in the directory');
    assert.ok(zip.includes(Buffer.from('folder-002.json')) && zip.includes(Buffer.from('"chara_card_v3"')));

    await bar.getByRole('button', { name: 'Delete' }).click();
    await page.getByText('4 personas were deleted.').waitFor();
    await page.waitForFunction(() => /^6 of/.test(document.querySelector('p.count').innerText));
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.waitForFunction(() => /^10 of/.test(document.querySelector('p.count').innerText));
    await closePage(page);
});

test('a single card opens its persona; the portrait stands wherever the aura stood', async () => {
    const page = await openPage(browser, server);
    await page.goto('/personas');
    await page.getByLabel('Card files').setInputFiles({ name: 'odile.png', mimeType: 'image/png', buffer: pngCard('Odile', 200) });
    await page.waitForURL(/\/personas\/odile$/);
    await page.locator('.portrait image').waitFor();
    assert.equal(await page.getByLabel('Greeting', { exact: true }).inputValue(), '{{user}}? Odile looks up. "You are late."');
    assert.equal(await page.getByLabel('Greeting 2', { exact: true }).inputValue(), '"Sit down," says {{char}}.');
    await page.locator('aside .avatar img').first().waitFor();
    await accessible(page, 'persona with portrait');
    await shoot(page, 'persona-portrait');

    await page.getByRole('link', { name: 'Card and files' }).click();
    await page.getByText('after dark').waitFor();
    await page.getByText('a test', { exact: true }).waitFor();
    await accessible(page, 'card');
    await shoot(page, 'persona-card');
    const png = page.waitForEvent('download');
    await page.getByRole('link', { name: /^PNG card/ }).click();
    const bytes = readFileSync(await (await png).path());
    assert.ok(bytes.includes(Buffer.from('tEXtchara')) && bytes.includes(Buffer.from('tEXtccv3')));

    await page.getByRole('link', { name: 'Character', exact: true }).click();
    await page.getByLabel('Picture').setInputFiles({ name: 'new.png', mimeType: 'image/png', buffer: picture(90) });
    await page.getByText('The portrait was changed.').waitFor();
    const before = await fetch(`${server.url}/api/personas/odile/portrait`);
    assert.ok(before.ok);
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByRole('button', { name: 'Choose a picture' }).waitFor();
    assert.equal((await fetch(`${server.url}/api/personas/odile/portrait`)).status, 404);
    await closePage(page);
});

test('greetings are ordered and seen, tags suggested, versions compared and brought back', async () => {
    const page = await openPage(browser, server);
    await page.goto('/personas/odile');
    await page.getByRole('button', { name: 'Move Greeting 3 up' }).click();
    await page.getByRole('button', { name: 'Move Greeting 2 up' }).click();
    assert.match(await page.getByLabel('Greeting', { exact: true }).inputValue(), /asleep/);
    await page.getByRole('button', { name: 'Preview Greeting', exact: true }).click();
    await page.locator('.greetings em', { hasText: 'Odile is asleep behind the counter.' }).waitFor();
    await page.getByRole('combobox', { name: 'Tags' }).fill('fol');
    await page.getByRole('option', { name: /^folder/ }).click();
    await page.getByRole('combobox', { name: 'Tags' }).press('Escape');
    await page.getByLabel('Who is it?').fill('Odile keeps a large shop of maps that nobody else would ever draw.');
    await page.keyboard.press('Control+s');
    await page.getByText('Saved.').waitFor();
    const stored = (await request(server, 'GET', '/api/personas/odile')).body;
    assert.match(stored.greeting, /asleep/);
    assert.equal(stored.greetings.length, 2);
    assert.ok(stored.tags.includes('folder'));

    await page.getByRole('link', { name: 'Versions' }).click();
    await page.locator('ins', { hasText: 'large' }).waitFor();
    await page.locator('del', { hasText: 'small' }).waitFor();
    await accessible(page, 'versions');
    await shoot(page, 'persona-versions');
    await page.getByRole('button', { name: /^Version 1\b/ }).click();
    await page.getByRole('button', { name: 'Bring this one back' }).click();
    await page.getByText('is back, as a new version').waitFor();
    assert.match((await request(server, 'GET', '/api/personas/odile')).body.description, /small shop/);
    await page.getByRole('link', { name: 'Character', exact: true }).click();
    assert.match(await page.getByLabel('Who is it?').inputValue(), /small shop/);
    await closePage(page);
});

test('the prompt is shown with its tokens part by part, and nothing is said by it', async () => {
    const page = await openPage(browser, server);
    await page.goto('/personas/odile/prompt');
    await page.getByRole('heading', { name: /^[\d,]+ tokens$/ }).waitFor();
    assert.ok((await page.locator('.bar span').count()) >= 3);
    await page.getByLabel('If you said').fill('Do you sell a map of the moon?');
    await page.locator('.messages').getByText('a map of the moon').waitFor();
    await page.locator('.legend button').first().click();
    await page.locator('.part pre').waitFor();
    await accessible(page, 'prompt');
    await shoot(page, 'persona-prompt');
    assert.equal((await request(server, 'GET', '/api/rooms')).body.data.length, 0);
    await closePage(page);
});

test('a profile says who I am; a room takes it, and one chooses how the persona begins', async () => {
    const page = await openPage(browser, server);
    await page.goto('/profiles');
    await page.getByRole('button', { name: 'Describe yourself' }).click();
    await page.getByLabel('Name', { exact: true }).fill('Ada');
    await page.getByLabel('About you').fill('Plays the cello. Is afraid of spiders.');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('the usual one').waitFor();
    await page.getByRole('button', { name: 'New profile' }).click();
    await page.getByLabel('Name', { exact: true }).fill('Captain Ada');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Captain Ada').waitFor();
    await accessible(page, 'profiles');
    await shoot(page, 'profiles');

    await page.getByRole('button', { name: 'New room', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Find a persona').fill('odile');
    await dialog.getByText('Odile', { exact: true }).click();
    await dialog.getByText('1 of 3').waitFor();
    await dialog.getByRole('button', { name: 'Next greeting' }).click();
    await dialog.getByText('Sit down').waitFor();
    await dialog.getByLabel('Who you are in it').selectOption({ label: 'Captain Ada' });
    await accessible(page, 'new room');
    await shoot(page, 'new-room');
    await dialog.getByRole('button', { name: 'Open the room' }).click();
    await page.waitForURL(/\/rooms\//);
    await theirs(page).getByText('Sit down').waitFor();
    const room = page.url().split('/').pop();
    const profiles = (await request(server, 'GET', '/api/profiles')).body.data;
    assert.equal((await request(server, 'GET', `/api/rooms/${room}`)).body.profile, profiles.find((one) => one.name === 'Captain Ada').id);

    await theirs(page).getByRole('button', { name: 'Next greeting' }).click();
    await theirs(page).getByText('asleep').waitFor();
    await theirs(page).getByText('3 of 3').waitFor();
    await page.reload();
    await theirs(page).getByText('asleep').waitFor();
    await theirs(page).getByText('3 of 3').waitFor();
    await theirs(page).getByRole('button', { name: 'Previous greeting' }).click();
    await theirs(page).getByText('Sit down').waitFor();
    await shoot(page, 'room-greeting');
    await say(page, 'Good evening.');
    await page.waitForFunction(() => document.querySelectorAll('article.row').length >= 3);
    await quiet(page);
    assert.equal(await page.getByRole('button', { name: 'Next greeting' }).count(), 0);

    await page.getByRole('button', { name: 'Room', exact: true }).click();
    await page.getByRole('menuitem', { name: 'Who is in it' }).click();
    await page.getByRole('dialog').getByLabel('Who you are in it').selectOption({ label: 'Your usual self (Ada)' });
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    assert.equal((await request(server, 'GET', `/api/rooms/${room}`)).body.profile, null);
    await closePage(page);
});

test('who is for adults is veiled until one says to be one; romance is a choice of its own', async () => {
    await request(server, 'POST', '/api/personas/import', card('Vesper', { tags: ['nsfw'], description: 'Words that are veiled.' }));
    const page = await openPage(browser, server);
    await page.goto('/personas?find=vesper');
    await gallery(page).getByText('18+').waitFor();
    assert.equal(await gallery(page).getByText('Words that are veiled').count(), 0);
    await shoot(page, 'gallery-veiled');
    await gallery(page).getByRole('link', { name: /Vesper/ }).click();
    const dialog = page.getByRole('dialog', { name: 'Meant for adults' });
    await accessible(page, 'veil');
    await dialog.getByRole('button', { name: 'I am an adult' }).click();
    await gallery(page).getByText('Words that are veiled').waitFor();

    await page.goto('/settings/content');
    const romance = page.getByLabel('Personas may be romantic with me');
    assert.equal(await romance.isChecked(), false);
    await romance.check();
    await page.getByRole('combobox', { name: 'Themes' }).fill('spiders');
    await page.getByRole('combobox', { name: 'Themes' }).press('Enter');
    await accessible(page, 'content limits');
    await shoot(page, 'content-limits');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('It holds from the next answer on').waitFor();
    const limits = (await request(server, 'GET', '/api/content-limits')).body;
    assert.deepEqual([limits.adult, limits.romance, limits.avoid_themes], [true, true, ['spiders']]);
    await page.getByLabel(/I am an adult/).uncheck();
    assert.equal(await romance.isChecked(), false);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.waitForFunction(async () => !(await (await fetch('/api/content-limits')).json()).adult);
    await closePage(page);
});

test('at 360 pixels, by touch: gallery, a long press selects, the persona pages fit, in the dark too', async () => {
    const page = await openPage(browser, server, { viewport: PHONE, hasTouch: true, isMobile: true, scheme: 'dark' });
    const fits = async (where) => {
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(over <= 0, `${where} is ${over} px too wide`);
    };
    await page.goto('/personas?find=folder');
    const first = named(page, 'Folder 000');
    await first.waitFor();
    await fits('gallery');
    await accessible(page, 'gallery on a phone');
    await shoot(page, 'phone-gallery');
    const box = await first.boundingBox();
    const client = await page.context().newCDPSession(page);
    await client.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x: box.x + 8, y: box.y + 8 }] });
    await page.waitForTimeout(650);
    await client.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    await page.getByRole('region', { name: 'Selection' }).getByText('1 selected').waitFor();
    await fits('selection');
    await shoot(page, 'phone-selection');
    for (const path of ['/personas/odile', '/personas/odile/prompt', '/personas/odile/versions', '/personas/odile/card', '/profiles', '/settings/content']) {
        await page.goto(path);
        await page.getByRole('heading', { level: 1 }).first().waitFor();
        await page.waitForTimeout(500);
        await fits(path);
        await accessible(page, path);
        await shoot(page, `phone${path.replaceAll('/', '-')}`);
    }
    await closePage(page);
});

test('a thousand refused and a server that goes away: the import says so and goes on', async (t) => {
    const folder = makeFolder();
    let house = await startServer({ data: folder });
    const files = mkdtempSync(join(tmpdir(), 'eidolon-cards-'));
    t.after(async () => {
        await house.stop();
        removeFolder(folder);
        rmSync(files, { recursive: true, force: true });
    });
    for (let i = 0; i < 1200; i++) writeFileSync(join(files, `${i}.json`), JSON.stringify(card(`Away ${i}`)));
    const address = new URL(house.url).host;
    const page = await openPage(browser, house, { allow: [/ERR_|WebSocket|Failed to load/] });
    await page.goto('/personas');
    await gallery(page).waitFor();
    await page.getByLabel('Card files').setInputFiles(readdirSync(files).map((name) => join(files, name)));
    const panel = page.getByRole('region', { name: 'Import' });
    await panel.getByRole('progressbar').waitFor();
    await house.kill();
    house = await startServer({ data: folder, listen: address });
    await panel.getByRole('heading', { name: 'Import finished' }).waitFor({ timeout: 60000 });
    const text = await panel.innerText();
    const told = (what) => Number((new RegExp(`${what}\\s+([\\d,]+)`).exec(text)?.[1] ?? '0').replace(',', ''));
    /* What was on its way when the server died may have been stored: then it is here already. */
    assert.equal(told('Imported') + told('Already here'), 1200);
    /* None is lost. Of the five that are sent at a time one may be there twice: stored, not answered, and sent again. */
    const { total } = (await request(house, 'GET', '/api/personas?fields=summary&limit=1&total=true')).body;
    assert.ok(total >= 1207 && total <= 1207 + 5, `${total} personas`);
    await closePage(page);
});
