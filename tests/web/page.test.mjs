// The page in Chromium against the real server: the first visit, a conversation, personas, settings, phone width, and
// what a person must never lose. Answers come from the scripted engine, and from an OpenAI-format server of our own
// where a test must decide how fast and how badly one answers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { request, startServer, makeFolder, removeFolder } from '../lib/server.mjs';
import { startOpenaiServer } from './model.mjs';
import { PHONE, accessible, closePage, composer, enterRoom, launch, mine, openPage, quiet, say, shoot, theirs } from './browser.mjs';

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

test('a first visit says what this is, that no model is there, and leads into a conversation with one click', async () => {
    const page = await openPage(browser, server);
    await page.goto('/');
    await page.getByRole('heading', { level: 1 }).waitFor();
    assert.match(await page.locator('main').innerText(), /home for AI personas/);
    await page.getByText('No language model is connected yet').waitFor();
    assert.equal(await page.locator('.cast button.persona').count(), 7);
    await accessible(page, 'welcome');
    await shoot(page, 'welcome');
    await page.getByLabel('What shall they call you?').fill('Ada');
    await page.locator('.cast').getByRole('button', { name: /^Mia/ }).click();
    await page.waitForURL(/\/rooms\//);
    await composer(page).waitFor();
    await theirs(page).first().waitFor();
    const session = await request(server, 'GET', '/api/session');
    assert.equal(session.body.name, 'Ada');
    await shoot(page, 'room-fresh');
    await closePage(page);
});

test('an answer comes as a stream, is announced, and stays after a reload', async () => {
    const page = await openPage(browser, server);
    await enterRoom(page);
    await theirs(page).first().waitFor();
    const before = await theirs(page).count();
    await page.evaluate(() => {
        globalThis.seen = new Set();
        new MutationObserver(() => {
            for (const row of document.querySelectorAll('.bubble .writing')) globalThis.seen.add(row.textContent);
        }).observe(document.body, { subtree: true, childList: true, characterData: true });
    });
    await say(page, 'Hello Mia, my name is Ada and I play the cello.');
    assert.equal(await composer(page).inputValue(), '');
    await mine(page).getByText('I play the cello').waitFor();
    await page.waitForFunction((count) => document.querySelectorAll('article.row:not(.mine)').length > count, before);
    await quiet(page);
    const answer = await theirs(page).last().locator('.bubble').innerText();
    assert.ok(answer.length > 10);
    const steps = await page.evaluate(() => globalThis.seen.size);
    assert.ok(steps >= 3, `the answer grew in ${steps} steps`);
    assert.ok((await page.locator('[aria-live=polite]').first().innerText()).length > 0);
    await page.getByRole('region', { name: 'Stage' }).getByRole('img').waitFor();
    await accessible(page, 'conversation');
    await shoot(page, 'room-light');
    await page.reload();
    await mine(page).getByText('I play the cello').waitFor();
    assert.equal(await theirs(page).last().locator('.bubble').innerText(), answer);
    await closePage(page);
});

test('another answer stands beside the first; one can page between them and see why', async () => {
    const page = await openPage(browser, server);
    await enterRoom(page, 'Kimi');
    await say(page, 'What do you read on rainy days?');
    await page.waitForFunction(() => document.querySelectorAll('article.row:not(.mine)').length >= 2);
    await quiet(page);
    const row = theirs(page).last();
    const first = await row.locator('.bubble').innerText();
    await row.hover();
    await row.getByRole('button', { name: 'Another answer' }).click();
    await row.getByText('2 of 2').waitFor();
    await quiet(page);
    await row.getByRole('button', { name: 'Previous answer' }).click();
    await row.getByText('1 of 2').waitFor();
    assert.equal(await row.locator('.bubble').innerText(), first);
    await row.getByRole('button', { name: 'Answers side by side' }).click();
    assert.equal(await row.locator('.beside .bubble').count(), 2);
    await shoot(page, 'answers-beside');
    await row.getByRole('button', { name: 'Answers side by side' }).click();
    await row.getByRole('button', { name: 'Why this answer' }).click();
    await row.getByText('Remembered for this answer').waitFor();
    await shoot(page, 'why');
    await closePage(page);
});

test('one edits the last message with the arrow key, deletes one, and Markdown stays harmless', async () => {
    const page = await openPage(browser, server);
    await enterRoom(page, 'The Scientist');
    await say(page, 'The erth is round');
    await mine(page).getByText('The erth is round').waitFor();
    await quiet(page);
    await composer(page).press('ArrowUp');
    assert.equal(await composer(page).inputValue(), 'The erth is round');
    await composer(page).fill('The earth is round');
    await composer(page).press('Enter');
    await mine(page).getByText('The earth is round').waitFor();
    await mine(page).getByText('edited').waitFor();
    await say(page, '<img src=x onerror="window.hacked=1"> **bold** [link](javascript:alert(1)) ![pic](https://example.org/a.png)');
    const row = mine(page).last();
    await row.locator('strong', { hasText: 'bold' }).waitFor();
    assert.equal(await row.locator('img').count(), 0);
    assert.equal(await row.locator('a[href^=javascript]').count(), 0);
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    await quiet(page);
    await row.hover();
    await row.getByRole('button', { name: 'Delete' }).click();
    await page.waitForFunction(() => ![...document.querySelectorAll('article.mine')].some((one) => one.textContent.includes('bold')));
    await page.reload();
    await mine(page).getByText('The earth is round').waitFor();
    assert.equal(await mine(page).count(), 1);
    await closePage(page);
});

test('a model is connected from the page; a slow answer can be stopped, a failing one says why and is tried again', async (t) => {
    const model = await startOpenaiServer();
    t.after(() => model.stop());
    const page = await openPage(browser, server);
    await page.goto('/settings');
    await page.getByRole('button', { name: 'Connect a model' }).click();
    await page.getByLabel('Name', { exact: true }).fill('test');
    await page.getByLabel('Model', { exact: true }).fill('small');
    await page.getByLabel('Address').fill(model.url);
    await page.getByLabel('Key', { exact: true }).fill('sk-secret-of-the-test');
    await shoot(page, 'settings');
    await page.getByRole('button', { name: 'Save and test' }).click();
    await page.getByText(/It answered in/).waitFor();
    assert.ok(!(await page.content()).includes('sk-secret-of-the-test'));
    const providers = await request(server, 'GET', '/api/providers');
    assert.ok(!JSON.stringify(providers.body).includes('sk-secret'));
    await accessible(page, 'settings');

    await enterRoom(page, 'Lyra');
    model.pace = 150;
    await say(page, 'Tell me something long');
    await page.locator('.bubble .writing').waitFor();
    await shoot(page, 'streaming');
    await page.getByRole('button', { name: 'Stop the answer' }).click();
    await page.getByText(/Stopped/).waitFor();
    const kept = await theirs(page).last().locator('.bubble').innerText();
    await page.waitForTimeout(600);
    assert.equal(await theirs(page).last().locator('.bubble').innerText(), kept);

    model.pace = 5;
    model.fail = 401;
    await say(page, 'And now?');
    await page.locator('.outcome.bad').waitFor();
    assert.ok((await page.locator('.outcome.bad').innerText()).length > 20);
    await shoot(page, 'failed');
    model.fail = 0;
    await page.locator('.outcome.bad').getByRole('button', { name: 'Try again' }).click();
    await page.locator('.outcome.bad').waitFor({ state: 'detached' });
    await quiet(page);
    await closePage(page);
    await request(server, 'DELETE', '/api/engines/test');
    await request(server, 'DELETE', '/api/providers/test');
});

test('a persona is created, changed, refused when somebody else changed it, duplicated, deleted and restored', async () => {
    const page = await openPage(browser, server, { allow: [/412/] });
    await page.goto('/personas/new');
    await page.getByLabel('Name', { exact: true }).fill('Orla');
    await page.getByLabel('Who is it?').fill('Keeps the lighthouse and counts the ships.');
    await page.getByLabel('Humour').fill('0.9');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.waitForURL(/\/personas\/orla$/);
    await page.getByLabel('Personality').fill('Quiet, exact, kind.');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').waitFor();
    let stored = await request(server, 'GET', '/api/personas/orla');
    assert.equal(stored.body.personality, 'Quiet, exact, kind.');
    assert.equal(stored.body.traits.humor, 0.9);
    await accessible(page, 'persona editor');
    await shoot(page, 'persona-editor');

    await request(server, 'PATCH', '/api/personas/orla', { scenario: 'Changed elsewhere.' });
    await page.getByLabel('Personality').fill('Mine.');
    await page.getByRole('button', { name: 'Save' }).click();
    /* Each changed another field: both changes stay. */
    await page.getByText('Somebody changed this persona').waitFor();
    await page.getByText('Changed there only, and taken over: Scenario.').waitFor();
    await page.getByRole('button', { name: 'Save it so' }).click();
    await page.getByText('Saved.').last().waitFor();
    await page.waitForFunction(() => document.querySelector('#p-scenario').value === 'Changed elsewhere.');

    stored = await request(server, 'GET', '/api/personas/orla');
    assert.equal(stored.body.personality, 'Mine.');
    assert.equal(stored.body.scenario, 'Changed elsewhere.');
    await request(server, 'PATCH', '/api/personas/orla', { personality: 'Theirs.' });
    await page.getByLabel('Personality').fill('Mine again.');
    await page.getByRole('button', { name: 'Save' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Theirs.').waitFor();
    await dialog.getByText('Mine again.').waitFor();
    await accessible(page, 'conflict');
    await shoot(page, 'persona-conflict');
    await dialog.getByLabel('Theirs').check();
    await dialog.getByRole('button', { name: 'Take theirs' }).click();
    await page.waitForFunction(() => document.querySelector('#p-personality').value === 'Theirs.');

    await page.getByLabel('Personality').fill('Unsaved.');
    const asked = page.waitForEvent('dialog').then((dialog) => dialog.dismiss());
    await page.getByRole('link', { name: 'Settings' }).click();
    await asked;
    assert.match(page.url(), /orla$/);
    await page.getByRole('button', { name: 'Discard' }).click();

    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await page.waitForURL(/\/personas$/);
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByRole('grid', { name: 'Personas' }).getByText('Orla', { exact: true }).waitFor();
    stored = await request(server, 'GET', '/api/personas/orla');
    assert.equal(stored.status, 200);

    const card = await request(server, 'GET', '/api/personas/orla/card.json');
    await page.getByLabel('Card files').setInputFiles({ name: 'orla.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(card.body)) });
    await page.getByText('moved in').waitFor();
    await page.waitForURL(/\/personas\/orla-/);
    await page.goto('/personas');
    await page.getByRole('grid', { name: 'Personas' }).getByText('Orla', { exact: true }).first().waitFor();
    await accessible(page, 'gallery');
    await shoot(page, 'personas');
    await closePage(page);
});

test('the theme changes at once, is kept, and dark is as readable', async () => {
    const page = await openPage(browser, server, { scheme: 'light' });
    await page.goto('/settings');
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await page.getByRole('radio', { name: 'Dark' }).check({ force: true });
    const dark = await ground();
    assert.notEqual(light, dark);
    await page.reload();
    await page.getByRole('heading', { name: 'Settings' }).waitFor();
    assert.equal(await ground(), dark);
    await page.locator('nav a[href^="/rooms/"]').last().click();
    await composer(page).waitFor();
    await theirs(page).first().waitFor();
    await accessible(page, 'dark conversation');
    await shoot(page, 'room-dark');
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox').fill('lyr');
    await shoot(page, 'switcher');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/rooms\//);
    await closePage(page);
});

test('at 360 pixels everything is within reach and nothing runs over the edge', async () => {
    const page = await openPage(browser, server, { viewport: PHONE, hasTouch: true, isMobile: true });
    const fits = async (where) => {
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(over <= 0, `${where} is ${over} px too wide`);
    };
    for (const path of ['/', '/personas', '/personas/mia', '/personas/mia/versions', '/personas/mia/card', '/profiles', '/settings', '/settings/content', '/personas/new']) {
        await page.goto(path);
        await page.getByRole('heading', { level: 1 }).first().waitFor();
        await page.waitForTimeout(200);
        await fits(path);
    }
    await page.goto('/');
    await shoot(page, 'phone-home');
    await page.getByRole('button', { name: 'Open navigation' }).click();
    await page.waitForTimeout(400);
    await shoot(page, 'phone-drawer');
    await page.locator('nav a[href^="/rooms/"]').last().click();
    await composer(page).waitFor();
    await theirs(page).first().waitFor();
    await say(page, 'I am writing this on the train.');
    await mine(page).getByText('on the train').waitFor();
    await page.waitForTimeout(500);
    await quiet(page);
    await fits('a room');
    await accessible(page, 'phone');
    await shoot(page, 'phone-room');
    await closePage(page);
});

test('rooms: several personas, renamed, paused, cleared, deleted and back again', async () => {
    const page = await openPage(browser, server);
    await page.goto('/');
    await page.getByRole('button', { name: 'New room', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Solene').click();
    await dialog.getByText('The Comedian').click();
    await dialog.getByRole('button', { name: 'Bring them together' }).click();
    await page.waitForURL(/\/rooms\//);
    await composer(page).waitFor();
    await say(page, 'Who of you is funnier?');
    await page.waitForFunction(() => document.querySelectorAll('article.row:not(.mine)').length >= 1);
    await quiet(page);
    await shoot(page, 'room-group');
    await page.getByRole('button', { name: 'Room', exact: true }).click();
    await page.getByRole('menuitem', { name: 'Rename' }).click();
    await page.getByRole('dialog').getByRole('textbox').fill('The duel');
    await page.getByRole('button', { name: 'Rename', exact: true }).click();
    await page.getByRole('heading', { name: 'The duel' }).waitFor();
    await page.getByRole('button', { name: /Who speaks/ }).click();
    await page.getByRole('menuitemradio', { name: /Pause/ }).click();
    await page.getByText('Paused: no new answer begins').waitFor();
    await page.getByRole('button', { name: 'Room', exact: true }).click();
    await page.getByRole('menuitem', { name: 'Clear the conversation' }).click();
    await page.waitForFunction(() => document.querySelectorAll('article.row').length === 0);
    await page.getByRole('button', { name: 'Room', exact: true }).click();
    await page.getByRole('menuitem', { name: 'Delete the room' }).click();
    await page.getByText('was deleted').waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByRole('heading', { name: 'The duel' }).waitFor();
    await closePage(page);
});

test('a restart of the server while one writes loses neither the draft nor what was sent meanwhile', async (t) => {
    const folder = makeFolder();
    let house = await startServer({ data: folder });
    t.after(async () => {
        await house.stop();
        removeFolder(folder);
    });
    const address = new URL(house.url).host;
    const page = await openPage(browser, house, { allow: [/WebSocket|ERR_|Failed to load/] });
    await enterRoom(page, 'Mia');
    await theirs(page).first().waitFor();
    await say(page, 'Before the restart.');
    await mine(page).getByText('Before the restart.').waitFor();
    await quiet(page);
    await composer(page).pressSequentially('Half a thou');
    await house.kill();
    await page.getByText('The connection is interrupted').waitFor();
    await composer(page).pressSequentially('ght');
    await shoot(page, 'reconnecting');
    await say(page, 'Sent into the silence.');
    await page.getByText('it is sent as soon as the connection is back').waitFor();
    await composer(page).fill('And a draft');

    /* Even the page may go meanwhile: what it had not sent is still there when it comes back. */
    house = await startServer({ data: folder, listen: address });
    await mine(page).getByText('Sent into the silence.').waitFor();
    assert.equal(await composer(page).inputValue(), 'And a draft');
    await page.reload();
    await mine(page).getByText('Sent into the silence.').waitFor();
    assert.equal(await composer(page).inputValue(), 'And a draft');
    assert.equal(await mine(page).count(), 2);
    await closePage(page);
});

test('what was said long ago is paged in above, without moving what one reads; another tab sees new things live', async () => {
    const room = (await request(server, 'POST', '/api/rooms', { title: 'Long', personas: ['kimi'] })).body.id;
    await request(server, 'POST', `/api/rooms/${room}/pause`);
    for (let i = 1; i <= 110; i++) await request(server, 'POST', `/api/rooms/${room}/messages`, { text: `Line number ${i}.` });
    const page = await openPage(browser, server);
    await page.goto(`/rooms/${room}`);
    await mine(page).getByText('Line number 110.').waitFor();
    assert.equal(await mine(page).getByText('Line number 5.', { exact: true }).count(), 0);
    const box = page.getByRole('log');
    for (let i = 0; i < 40 && (await mine(page).getByText('Line number 5.', { exact: true }).count()) === 0; i++) {
        await box.evaluate((element) => element.scrollBy(0, -600));
        await page.waitForTimeout(60);
    }
    await mine(page).getByText('Line number 1.', { exact: true }).waitFor();
    const order = await mine(page).locator('.bubble').allInnerTexts();
    assert.deepEqual(order.map((text) => text.trim()), Array.from({ length: 110 }, (_, i) => `Line number ${i + 1}.`));
    await request(server, 'POST', `/api/rooms/${room}/messages`, { text: 'From another tab.' });
    await mine(page).getByText('From another tab.').waitFor();
    await closePage(page);
});

test('from another machine one signs in with the token, and signs out again', async (t) => {
    const house = await startServer({ args: ['--server.token=open-sesame'] });
    t.after(async () => {
        await house.stop();
        removeFolder(house.data);
    });
    /* What a reverse proxy adds makes the caller a stranger. */
    const page = await openPage(browser, house, { allow: [/401/, /WebSocket/], extraHTTPHeaders: { 'X-Forwarded-For': '203.0.113.7' } });
    await page.goto('/');
    const token = page.getByLabel('Access token');
    await token.waitFor();
    await accessible(page, 'sign-in');
    await shoot(page, 'sign-in');
    await token.fill('wrong');
    await page.getByRole('button', { name: 'Come in' }).click();
    await page.getByRole('alert').waitFor();
    await token.fill('open-sesame');
    await page.getByRole('button', { name: 'Come in' }).click();
    await page.locator('.cast button.persona').first().waitFor();
    await page.goto('/settings');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await token.waitFor();
    await closePage(page);
});

test('the first page is small and quick, and its policy allows nothing inline', async () => {
    const page = await openPage(browser, server);
    const client = await page.context().newCDPSession(page);
    await client.send('Network.enable');
    let bytes = 0;
    client.on('Network.loadingFinished', (event) => (bytes += event.encodedDataLength));
    await page.addInitScript(() => {
        globalThis.paints = [];
        new PerformanceObserver((list) => globalThis.paints.push(...list.getEntries().map((entry) => entry.startTime))).observe({ type: 'largest-contentful-paint', buffered: true });
        globalThis.shift = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((entry) => (globalThis.shift += entry.value))).observe({ type: 'layout-shift', buffered: true });
    });
    const response = await page.goto('/');
    await page.locator('.cast button.persona').first().waitFor();
    await page.waitForTimeout(800);
    const { paint, shift } = await page.evaluate(() => ({ paint: Math.max(...globalThis.paints), shift: globalThis.shift }));
    console.log(`# page ${Math.round(bytes / 1024)} KB, largest paint ${Math.round(paint)} ms, layout shift ${shift.toFixed(4)}`);
    assert.ok(bytes < 200 * 1024, `${bytes} bytes`);
    assert.ok(shift < 0.1, `layout shift ${shift}`);
    const policy = response.headers()['content-security-policy'] ?? '';
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe-inline|https?:/);
    await closePage(page);
});
