// A room between two languages in the page: set in its menu, translations under the originals, what failed says why.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addEngine } from '../api/lib/talk.mjs';
import { startTranslator } from '../api/lib/translator.mjs';
import { allEvents, makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';
import { PHONE, accessible, closePage, composer, launch, mine, openPage, quiet, say, shoot, theirs } from './browser.mjs';

const HELLO = 'I walked home along the river tonight. Do you know that light, just before the lamps come on?';
const HALLO = 'Ich bin heute Abend am Fluss entlang nach Hause gegangen. Kennst du dieses Licht, kurz bevor die Laternen angehen?';
const ANTWORT = 'Ja. Die **blaue Stunde** nennen wir sie. Mein Großvater sagte immer, da hole die Stadt noch einmal Luft.';
const ANSWER = 'Yes. We call it **the blue hour**. My grandfather always said that is when the city takes one more breath.';
const data = makeFolder();
let browser, server, model, room;

before(async () => {
    model = await startTranslator({ words: { [HELLO]: HALLO, [ANTWORT]: ANSWER, Mia: 'Mia' }, says: [ANTWORT, 'Wie bitte?', 'Mia'] });
    server = await startServer({ data });
    for (const name of ['talker', 'translator']) await addEngine(server, model.url, name, name, { settings: { retries: '0' } });
    await request(server, 'POST', '/api/personas', { name: 'Greta', slug: 'greta', engine: 'talker', description: 'A bookbinder in Leipzig.' });
    room = (await request(server, 'POST', '/api/rooms', { personas: ['greta'], title: 'By the river' })).body.id;
    browser = await launch();
});
after(async () => {
    await browser?.close();
    await server?.stop();
    await model?.close();
    removeFolder(data);
});

test('set in the menu, shown under the originals, and off again', async () => {
    const page = await openPage(browser, server, { viewport: { width: 1280, height: 860 } });
    await page.goto(`/rooms/${room}`);
    await composer(page).waitFor();
    await page.getByRole('button', { name: 'Room', exact: true }).click();
    await page.getByRole('menuitem', { name: 'Languages' }).click();
    assert.equal(await page.getByLabel('You write and speak').inputValue(), 'en');
    await page.getByLabel('Greta writes and speaks').selectOption('de');
    await page.getByLabel('Translated by').selectOption('translator');
    await accessible(page, 'languages of a room');
    await shoot(page, 'translate-settings');
    await page.getByRole('button', { name: 'Translate', exact: true }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.deepEqual((await request(server, 'GET', `/api/rooms/${room}`)).body.translate, { to: 'de', mine: 'en', engine: 'translator' });

    await say(page, HELLO);
    await mine(page).getByRole('group', { name: 'In German' }).getByText(HALLO).waitFor();
    const answer = theirs(page).filter({ hasText: 'blaue Stunde' });
    await answer.getByRole('group', { name: 'In English' }).getByText('the blue hour').waitFor();
    await say(page, 'FAIL this one.');
    await page.getByText(/^Not translated\./).waitFor();
    await say(page, 'And your name?');
    await quiet(page);
    await theirs(page).locator('.bubble', { hasText: /^\s*Mia\s*$/ }).waitFor();
    assert.equal(await theirs(page).last().getByRole('group', { name: 'In English' }).count(), 0, 'what is the same in both is not said twice');
    await page.mouse.move(0, 0);
    await accessible(page, 'translations');
    await shoot(page, 'translate');
    /* They stand after a reload too, and on a phone nothing lies beside it. */
    await page.setViewportSize(PHONE);
    await page.reload();
    await theirs(page).getByText('the blue hour').waitFor();
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing lies beside the phone');
    await theirs(page).getByText('the blue hour').scrollIntoViewIfNeeded();
    await accessible(page, 'translations, phone');
    await shoot(page, 'translate-phone');
    /* An edit takes the translation of what it said before away. */
    await request(server, 'PATCH', `/api/rooms/${room}/messages/${(await request(server, 'GET', `/api/rooms/${room}/messages?order=asc`)).body.data[0].data.id}`, { text: 'I took the tram.' });
    await mine(page).getByText('<German> I took the tram.').waitFor();
    assert.equal(await page.getByText(HALLO).count(), 0);

    await page.getByRole('button', { name: 'Room', exact: true }).click();
    await page.getByRole('menuitem', { name: 'Languages' }).click();
    await page.waitForTimeout(300);
    await shoot(page, 'translate-settings-phone');
    await page.getByRole('button', { name: 'Do not translate' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal((await request(server, 'GET', `/api/rooms/${room}`)).body.translate, null);
    await closePage(page);
});

test('what was said long ago is paged in with its translation, as it reads now', async () => {
    const long = (await request(server, 'POST', '/api/rooms', { personas: ['greta'], title: 'Long ago', translate: { to: 'de', mine: 'en', engine: 'translator' } })).body.id;
    await request(server, 'POST', `/api/rooms/${long}/pause`, {});
    const translated = async () => (await allEvents(server, long)).filter((event) => event.kind === 'translation').length;
    const ids = [];
    for (let i = 1; i <= 70; i++) {
        ids.push((await request(server, 'POST', `/api/rooms/${long}/messages`, { text: `Line ${i}.` })).body.data.id);
        while (i % 5 === 0 && (await translated()) < i) await new Promise((r) => setTimeout(r, 20));
    }
    await request(server, 'PATCH', `/api/rooms/${long}/messages/${ids[2]}`, { text: 'Another third.' });
    while ((await translated()) < 71) await new Promise((r) => setTimeout(r, 20));
    const page = await openPage(browser, server);
    await page.goto(`/rooms/${long}`);
    await mine(page).getByText('<German> Line 70.', { exact: true }).waitFor();
    assert.equal(await page.getByText('<German> Line 4.', { exact: true }).count(), 0);
    const box = page.getByRole('log');
    for (let i = 0; i < 60 && (await mine(page).getByText('Line 1.', { exact: true }).count()) === 0; i++) {
        await box.evaluate((element) => element.scrollBy(0, -600));
        await page.waitForTimeout(60);
    }
    await mine(page).getByText('<German> Line 1.', { exact: true }).waitFor();
    await mine(page).getByText('<German> Another third.', { exact: true }).waitFor();
    assert.equal(await page.getByText('<German> Line 3.', { exact: true }).count(), 0);
    assert.equal(await page.getByRole('group', { name: 'In German' }).count(), 70);
    await closePage(page);
});
