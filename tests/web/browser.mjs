// What the page's tests share: a real server, Debian's Chromium driven by playwright-core, pages that fail a test when
// something is written to their console as an error, axe, and screenshots under build/screenshots.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const shots = join(root, 'build', 'screenshots');
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const executablePath = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

export const WIDE = { width: 1440, height: 900 };
export const PHONE = { width: 360, height: 740 };

export async function launch(flags = []) {
    assert.ok(executablePath, 'Chromium is not installed: apt-get install chromium, or name one in CHROMIUM.');
    return chromium.launch({ executablePath, headless: true, args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', ...flags] });
}

/** A page of its own profile. `page.problems` gathers console errors and uncaught ones; `allow` says which are expected. */
export async function openPage(browser, server, { viewport = WIDE, scheme = 'light', allow = [], motion = 'no-preference', ...rest } = {}) {
    const context = await browser.newContext({ viewport, colorScheme: scheme, reducedMotion: motion, locale: 'en-GB', baseURL: server.url, ...rest });
    const page = await context.newPage();
    page.setDefaultTimeout(15000);
    page.problems = [];
    const keep = (text) => allow.some((pattern) => pattern.test(text)) || page.problems.push(text);
    page.on('console', (message) => message.type() === 'error' && keep(message.text()));
    page.on('pageerror', (error) => keep(error.stack ?? String(error)));
    page.on('request', (request) => {
        if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).host !== new URL(server.url).host) keep(`asked another host: ${request.url()}`);
    });
    return page;
}

/** Closes a page; fails if it complained. */
export async function closePage(page) {
    await page.context().close();
    assert.deepEqual(page.problems, []);
}

export async function shoot(page, name) {
    mkdirSync(shots, { recursive: true });
    await page.screenshot({ path: join(shots, `${name}.png`) });
}

/** axe over the whole page; serious and critical findings fail. Animations are over before it looks at colours. */
export async function accessible(page, where) {
    await page.waitForTimeout(400);
    await page.evaluate(axeSource);
    const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
    const bad = found.violations
        .filter((violation) => ['serious', 'critical'].includes(violation.impact))
        .map((violation) => `${where}: ${violation.id} (${violation.help}) at ${violation.nodes.map((node) => `${node.target} ${node.any[0]?.message ?? ''}`).join('; ')}`);
    assert.deepEqual(bad, []);
}

export const composer = (page) => page.getByRole('textbox', { name: /^(Message to|Edit your message)/ });

export async function say(page, text) {
    await composer(page).fill(text);
    await composer(page).press('Enter');
}

/** The rows that personas have finished, and those of the person. */
export const theirs = (page) => page.locator('article.row:not(.mine)');
export const mine = (page) => page.locator('article.row.mine');

/** Waits until nobody is answering. */
export async function quiet(page) {
    await page.waitForFunction(() => !document.querySelector('.writing, .thinking'));
}

export async function enterRoom(page, who = 'Mia') {
    await page.goto('/');
    await page.locator('.cast').getByRole('button', { name: new RegExp(`^${who}`) }).click();
    await page.waitForURL(/\/rooms\//);
    await composer(page).waitFor();
}
