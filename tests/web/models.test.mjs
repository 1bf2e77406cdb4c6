// The page of models: from "no model" to a persona that speaks with one, what is junk, and what is on its way. The
// child program is a stand-in (tests/api/lib/llama-child.mjs), the hub a server of our own.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';
import { startFiles } from '../api/lib/file-server.mjs';
import { gguf } from '../api/lib/gguf.mjs';
import { PHONE, accessible, closePage, composer, launch, openPage, quiet, say, shoot, theirs } from './browser.mjs';

const child = fileURLToPath(new URL('../api/lib/llama-child.mjs', import.meta.url));
const data = makeFolder();
let browser, server, files;

before(async () => {
    files = await startFiles();
    server = await startServer({ data, args: [`--llama.program=${child}`, `--llama.hub=${files.url}`, '--llama.pull_private=on', '--llama.memory=6G', '--llama.pull_tries=2'] });
    browser = await launch();
});
after(async () => {
    await browser?.close();
    await server?.stop();
    files?.close();
    removeFolder(data);
});

test('from no model to a persona that speaks with one', async () => {
    const page = await openPage(browser, server);
    await page.goto('/');
    await page.getByRole('link', { name: 'Get one for this machine' }).click();
    await page.getByRole('heading', { name: 'A mind of your own, on this machine' }).waitFor();
    await page.locator('[data-catalogue="kimi-k2"]').getByText('Not at home').waitFor();
    await page.locator('[data-catalogue="mythomax-l2-13b-q4"]').getByText('Too large for this machine').waitFor();
    await page.locator('[data-catalogue="qwen2-7b-instruct-q4"]').getByText('Just fits').waitFor();
    await accessible(page, 'models, none');
    await shoot(page, 'models-none');
    await page.getByRole('button', { name: /^Get Llama 3\.2 3B Instruct and use it$/ }).click();
    /* It comes, is checked, loaded, and the voice of everybody, without another click. */
    const card = page.locator('[data-model="Tiny-Q4_K_M"]');
    await card.getByText('Loaded', { exact: true }).waitFor();
    await card.getByText('Personas without an engine of their own speak with it.').waitFor();
    await page.locator('[data-pull="Tiny-Q4_K_M"]').getByText(/whole and checked/).waitFor();
    await accessible(page, 'models, one');
    await shoot(page, 'models-one');
    await page.getByRole('button', { name: 'Mia', exact: true }).click();
    await composer(page).waitFor();
    await say(page, 'hello from the page');
    await quiet(page);
    await theirs(page).getByText('You said: hello from the page').waitFor();
    await closePage(page);
});

test('junk shows its sentence; a download its progress, its wait and its failure', async () => {
    mkdirSync(join(data, 'models'), { recursive: true });
    writeFileSync(join(data, 'models', 'junk.gguf'), 'this is no model');
    writeFileSync(join(data, 'models', 'Embedder.gguf'), gguf({ keys: { 'general.architecture': 'nomic-bert' } }));
    const page = await openPage(browser, server);
    await page.goto('/models');
    await page.locator('[data-model="junk"]').getByText(/is no GGUF model/).waitFor();
    await page.locator('[data-model="Embedder"]').getByRole('button', { name: 'Use for embeddings' }).click();
    await page.locator('[data-model="Embedder"]').getByText(/Makes the embeddings/).waitFor();
    await page.getByLabel('An address').fill(`${files.url}/always-stall/Slow.gguf`);
    await page.getByRole('button', { name: 'Get it' }).click();
    const slow = page.locator('[data-pull="Slow"]');
    await slow.getByText(/ of 600 KB/).waitFor();
    await page.getByLabel('An address').fill(`${files.url}/html/Page.gguf`);
    await page.getByRole('button', { name: 'Get it' }).click();
    await page.locator('[data-pull="Page"]').getByText(/web page, not with a model/).waitFor();
    await shoot(page, 'models-busy');
    await page.setViewportSize(PHONE);
    await accessible(page, 'models, phone');
    await shoot(page, 'models-phone');
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await slow.getByRole('button', { name: 'Cancel' }).click();
    await slow.getByText('Cancelled; nothing of it is left.').waitFor();
    await page.getByRole('button', { name: 'Take Page off the list' }).click();
    await page.locator('[data-pull="Page"]').waitFor({ state: 'detached' });
    await closePage(page);
});

test('one persona, unloading, deleting', async () => {
    const page = await openPage(browser, server, { scheme: 'dark' });
    page.on('dialog', (dialog) => dialog.accept());
    await page.goto('/models');
    const card = page.locator('[data-model="Tiny-Q4_K_M"]');
    await card.getByLabel(/Let one persona speak/).selectOption({ label: 'Lyra' });
    await card.getByText(/Lyra/).filter({ hasText: 'own speak with it' }).waitFor();
    assert.equal((await request(server, 'GET', '/api/personas/lyra')).body.engine, 'tiny-q4_k_m');
    await card.getByRole('button', { name: 'Unload' }).click();
    await card.getByText('On disk').waitFor();
    await accessible(page, 'models, dark');
    await shoot(page, 'models-dark');
    await page.getByRole('button', { name: 'Delete junk' }).click();
    await page.locator('[data-model="junk"]').waitFor({ state: 'detached' });
    await closePage(page);
});
