// Chats that come in and go out, and personas from templates, in Chromium against the real server.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { request, startServer, makeFolder, removeFolder } from '../lib/server.mjs';
import { PHONE, accessible, closePage, composer, enterRoom, launch, openPage, quiet, say, shoot, theirs } from './browser.mjs';

let browser;
let server;
const data = makeFolder();
const chat = [
    { user_name: 'Ana', character_name: 'Mia', chat_metadata: {} },
    { name: 'Mia', is_user: false, send_date: '2023-03-04T14:22:00.000Z', mes: 'Hello there.', swipes: ['Hi.', 'Hello there.'], swipe_id: 1 },
    { name: 'Ana', is_user: true, send_date: '2023-03-04T14:23:00.000Z', mes: 'My cousin Bruno builds violins.' },
    { name: 'Mia', is_user: false, send_date: '2023-03-04T14:24:00.000Z', mes: 'Violins! Out of **spruce**?' }
];
const file = { name: 'Evening with Mia.jsonl', mimeType: 'application/json', buffer: Buffer.from(chat.map((line) => JSON.stringify(line)).join('\n')) };

before(async () => {
    server = await startServer({ data });
    browser = await launch();
});
after(async () => {
    await browser?.close();
    await server?.stop();
    removeFolder(data);
});

test('a chosen chat becomes a room with its past, and is remembered', async () => {
    const page = await openPage(browser, server);
    await page.goto('/');
    await page.getByRole('button', { name: 'Import a chat' }).click();
    const dialog = page.getByRole('dialog', { name: 'Import a chat' });
    await dialog.getByRole('button', { name: 'Choose a file' }).waitFor();
    await accessible(page, 'chat import');
    await shoot(page, 'chat-import');
    await dialog.getByLabel('Chat file').setInputFiles(file);
    await dialog.getByText('Evening with Mia.jsonl').waitFor();
    await dialog.getByRole('button', { name: 'Bring it in' }).click();
    await page.waitForURL(/\/rooms\//);
    await page.getByText('3 messages came in').or(page.getByText('4 messages came in')).waitFor();
    await page.getByText('My cousin Bruno builds violins.').waitFor();
    assert.match(await page.locator('main').innerText(), /2023/);
    await page.getByRole('heading', { level: 1, name: 'Evening with Mia' }).waitFor();
    await shoot(page, 'chat-imported');
    await say(page, 'What does my cousin Bruno build?');
    await page.waitForTimeout(300);
    await quiet(page);
    assert.match(await theirs(page).last().innerText(), /violins/i);
    await closePage(page);
});

test('a dropped log says who was taken for whom, and what was left out', async () => {
    const page = await openPage(browser, server, { viewport: PHONE });
    await page.goto('/');
    await page.getByRole('button', { name: 'Open navigation' }).click();
    const transfer = await page.evaluateHandle(() => {
        const data = new DataTransfer();
        data.items.add(new File(['31.12.23, 21:40 - Messages are encrypted.\n31.12.23, 21:41 - Ana: Happy new year\n1.1.24, 0:02 - Zoltan: You too!\n'], 'WhatsApp Chat.txt', { type: 'text/plain' }));
        return data;
    });
    for (const type of ['dragenter', 'dragover', 'drop']) await page.locator('div.side').dispatchEvent(type, { dataTransfer: transfer });
    const dialog = page.getByRole('dialog');
    await dialog.getByText('WhatsApp Chat.txt').waitFor();
    await dialog.getByText('Who is who').click();
    await dialog.getByLabel('Your name in the chat').fill('Ana');
    await accessible(page, 'chat import on a phone');
    await shoot(page, 'chat-import-phone');
    await dialog.getByRole('button', { name: 'Bring it in' }).click();
    await dialog.getByText('The chat is here').waitFor();
    await dialog.getByText("A new persona was made for 'Zoltan'.").waitFor();
    await dialog.getByText('1 place of the file left out').click();
    await dialog.getByText('Line 1:').waitFor();
    await accessible(page, 'chat import report');
    await shoot(page, 'chat-import-report-phone');
    await dialog.getByRole('button', { name: 'Done' }).click();
    await theirs(page).getByText('You too!').waitFor();
    await closePage(page);
});

test('a file that is no chat is refused in words, and the form stays', async () => {
    const page = await openPage(browser, server);
    await page.goto('/');
    await page.getByRole('button', { name: 'Import a chat' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Chat file').setInputFiles({ name: 'prose.txt', mimeType: 'text/plain', buffer: Buffer.from('Just a story about nobody.') });
    await dialog.getByRole('button', { name: 'Bring it in' }).click();
    await dialog.getByRole('alert').getByText('No message was found').waitFor();
    assert.ok(await dialog.getByRole('button', { name: 'Choose another' }).isVisible());
    await closePage(page);
});

test('a room is saved as a page to print', async () => {
    const page = await openPage(browser, server, { acceptDownloads: true });
    await enterRoom(page);
    await theirs(page).first().waitFor();
    await page.getByRole('button', { name: 'Room', exact: true }).click();
    await page.getByRole('menuitem', { name: 'Save as a file' }).click();
    const dialog = page.getByRole('dialog', { name: 'Save as a file' });
    await dialog.getByRole('link', { name: /A page to print/ }).waitFor();
    await accessible(page, 'export');
    await shoot(page, 'room-export');
    const [download] = await Promise.all([page.waitForEvent('download'), dialog.getByRole('link', { name: /A page to print/ }).click()]);
    assert.match(download.suggestedFilename(), /^mia-\d{4}-\d\d-\d\d\.html$/);
    const html = readFileSync(await download.path(), 'utf8');
    assert.match(html, /<article class="persona"><h2>Mia<\/h2>/);
    const sheet = await openPage(browser, server);
    await sheet.setContent(html);
    await accessible(sheet, 'exported page');
    await shoot(sheet, 'room-export-page');
    await closePage(sheet);
    await closePage(page);
});

test('a template asks, shows a conversation, and becomes a persona', async () => {
    const page = await openPage(browser, server);
    await page.goto('/personas');
    await page.goto('/templates');
    for (const name of ['Education', 'Customer service', 'Sales', 'Training', 'Healthcare', 'Companions']) await page.getByRole('heading', { level: 2, name }).waitFor();
    await accessible(page, 'templates');
    await shoot(page, 'templates');
    await page.getByRole('link', { name: /^Support agent/ }).click();
    await page.getByLabel('What is the company called?').fill('Lumen & Co');
    await page.getByText("I'm Robin, the support assistant of Lumen & Co").waitFor();
    await page.getByLabel('Name', { exact: true }).fill('Robin of Lumen');
    await accessible(page, 'template');
    await shoot(page, 'template');
    await page.getByRole('button', { name: 'Create Robin of Lumen' }).click();
    await page.waitForURL(/\/personas\/robin-of-lumen/);
    const made = await request(server, 'GET', '/api/personas/robin-of-lumen');
    assert.match(made.body.greeting, /Lumen & Co/);
    await closePage(page);
});

test('templates fit a phone', async () => {
    const page = await openPage(browser, server, { viewport: PHONE, scheme: 'dark' });
    for (const [path, shot] of [['/templates', 'templates-phone'], ['/templates/wellbeing-companion', 'template-phone']]) {
        await page.goto(path);
        await page.getByRole('heading', { level: 2 }).first().waitFor();
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= PHONE.width, `${path} is ${wide} wide`);
        await accessible(page, path);
        await shoot(page, shot);
    }
    await page.goto('/templates/nobody');
    await page.getByRole('alert').getByText('There is no template').waitFor();
    page.problems.length = 0; /* the 404 itself */
    await closePage(page);
});
