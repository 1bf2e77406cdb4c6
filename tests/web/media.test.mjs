// Media in the page: the hub (upload, find, play, words, delete) and the conversation (attach, paste, look large, draw).
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';
import { png, wav, tone } from '../lib/mediafiles.mjs';
import { PHONE, accessible, closePage, composer, launch, openPage, shoot } from './browser.mjs';

const data = makeFolder();
let browser, server, painter, room;

/* Hills under a sky: something to look at in screenshots. */
const hills = (width, height, shift) =>
    png(width, height, {
        paint: (x, y) => {
            const ridge = height * (0.55 + 0.1 * Math.sin(x / (width / 7) + shift) + 0.05 * Math.sin(x / (width / 23) + 2 * shift));
            return y < ridge ? [90 + (120 * y) / height + 20 * shift, 150 + (70 * y) / height, 235 - 30 * shift] : [40 + 25 * shift, 110 - (40 * (y - ridge)) / height, 70];
        }
    });

before(async () => {
    painter = createServer((req, res) => res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data: [{ b64_json: hills(512, 384, 2.2).toString('base64') }] })));
    painter.listen(0, '127.0.0.1');
    await once(painter, 'listening');
    server = await startServer({ data });
    await request(server, 'PUT', '/api/providers/painter', { type: 'openai', base_url: `http://127.0.0.1:${painter.address().port}/v1` });
    await request(server, 'PUT', '/api/config', { 'media.images_provider': 'painter' });
    room = (await request(server, 'POST', '/api/rooms', { personas: ['mia'], title: 'Holiday' })).body.id;
    browser = await launch();
});
after(async () => {
    await browser?.close();
    await server?.stop();
    painter?.close();
    removeFolder(data);
});

const speech = async (text) => {
    const response = await fetch(`${server.url}/v1/audio/speech`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'flite', voice: 'slt', input: text, response_format: 'wav' }) });
    return Buffer.from(await response.arrayBuffer());
};

test('the hub: add, find by what is said, play from a word, keep, delete', async () => {
    const page = await openPage(browser, server, { viewport: { width: 1280, height: 860 }, allow: [/415/] });
    await page.goto('/media-hub');
    await page.getByText('Nothing is kept yet.').waitFor();
    await accessible(page, 'media, empty');
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.getByRole('button', { name: 'Add' }).click()]);
    await chooser.setFiles([
        { name: 'Morning over the hills.png', mimeType: 'image/png', buffer: hills(960, 640, 0.4) },
        { name: 'Evening.png', mimeType: 'image/png', buffer: hills(640, 800, 1.6) },
        { name: 'Note to myself.wav', mimeType: 'audio/wav', buffer: await speech('The quick brown fox jumps over the lazy dog. Then it sleeps in the warm sun.') },
        { name: 'Tone.wav', mimeType: 'audio/wav', buffer: wav(tone(3)) },
        { name: 'letter.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.4 hello') }
    ]);
    await page.getByText(/This is a PDF document/).waitFor();
    await page.getByRole('button', { name: 'Leave letter.pdf out' }).click();
    await page.getByText('4 files').waitFor();
    const note = page.locator('.card', { hasText: 'Note to myself' });
    await note.getByRole('button', { name: 'Write down what is said' }).click();
    await note.getByRole('button', { name: 'fox', exact: true }).waitFor({ timeout: 60000 });
    await accessible(page, 'media');
    await shoot(page, 'media-hub');
    /* Found by its words; a word plays from where it is said, and is marked while it is heard. */
    await page.getByRole('searchbox', { name: 'Find' }).fill('lazy dog');
    await page.locator('.card', { hasText: 'Evening' }).waitFor({ state: 'detached' });
    await note.getByRole('button', { name: 'lazy', exact: true }).click();
    await page.waitForFunction(() => (document.querySelector('audio')?.currentTime ?? 0) > 0.5);
    await page.locator('.words button.now').first().waitFor();
    await shoot(page, 'media-hub-words');
    await note.getByRole('button', { name: 'Pause' }).click().catch(() => {}); // it may be over
    await page.getByRole('searchbox', { name: 'Find' }).fill('');
    const evening = page.locator('.card', { hasText: 'Evening' });
    await evening.getByRole('button', { name: 'Keep Evening.png' }).click();
    await evening.getByRole('button', { name: 'Do not keep Evening.png' }).waitFor();
    await evening.getByRole('button', { name: 'Show Evening.png large' }).click();
    await page.locator('dialog img').waitFor();
    await shoot(page, 'media-large');
    await page.keyboard.press('Escape');
    const tones = page.locator('.card', { hasText: 'Tone.wav' });
    await tones.getByRole('button', { name: 'More about Tone.wav' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await page.getByText('3 files').waitFor();
    await page.setViewportSize(PHONE);
    await page.waitForTimeout(300);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing lies beside the phone');
    await accessible(page, 'media, phone');
    await shoot(page, 'media-hub-phone');
    await closePage(page);
});

test('in a conversation: attach, paste, send, look large, have one drawn', async () => {
    const page = await openPage(browser, server, { viewport: { width: 1280, height: 860 } });
    await page.goto(`/rooms/${room}`);
    await composer(page).waitFor();
    await page.getByRole('button', { name: 'Attach' }).click();
    await shoot(page, 'media-attach');
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.getByRole('menuitem', { name: 'Picture or recording' }).click()]);
    await chooser.setFiles([{ name: 'From the train.png', mimeType: 'image/png', buffer: hills(900, 600, 0.9) }]);
    const list = page.getByRole('list', { name: 'What goes along' });
    await list.getByText('From the train.png').waitFor();
    /* A pasted picture, as a browser hands it over. */
    await composer(page).evaluate((field, bytes) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(bytes)], 'image.png', { type: 'image/png' }));
        field.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true }));
    }, [...hills(300, 300, 1.3)]);
    await list.getByText('Pasted picture.png').waitFor();
    await composer(page).fill('Two views from today.');
    await shoot(page, 'media-attached');
    await page.waitForFunction(() => !document.querySelector('[aria-label="Send"]')?.disabled);
    await page.getByRole('button', { name: 'Send' }).click();
    await list.waitFor({ state: 'detached' });
    const shown = page.getByRole('button', { name: 'Show From the train.png large' });
    await shown.waitFor();
    await page.getByRole('button', { name: 'Show Pasted picture.png large' }).waitFor();
    const stored = (await request(server, 'GET', `/api/rooms/${room}/messages`)).body.data.find((m) => m.data.media);
    assert.equal(stored.data.media.length, 2);
    await page.getByRole('button', { name: 'Attach' }).click();
    await page.getByRole('menuitem', { name: 'Have a picture drawn' }).click();
    await page.getByRole('textbox', { name: 'What is to be seen on it?' }).fill('Hills at dusk');
    await page.getByRole('button', { name: 'Draw', exact: true }).click();
    await page.getByRole('button', { name: 'Show Hills at dusk large' }).waitFor();
    await accessible(page, 'media in a conversation');
    await page.waitForTimeout(1500);
    await shoot(page, 'media-conversation');
    await shown.click();
    await page.locator('dialog img').waitFor();
    await page.keyboard.press('Escape');
    await page.setViewportSize(PHONE);
    await page.waitForTimeout(400);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing lies beside the phone');
    await shoot(page, 'media-conversation-phone');
    await closePage(page);
});
