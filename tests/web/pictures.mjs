// The pictures of docs/images, from the real page: `make pictures`. Look at them before they are committed. Those that
// are named after the command only: `node tests/web/pictures.mjs voice`. pngquant, where it is installed, makes them small.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';
import { pngCard } from './cards.mjs';
import { PHONE, composer, enterRoom, launch, mine, openPage, quiet, say, theirs } from './browser.mjs';
import { flite, microphoneFlags, putEars, putMouth, recording, silence, speakInto } from './hearing.mjs';

const out = fileURLToPath(new URL('../../docs/images', import.meta.url));
mkdirSync(out, { recursive: true });
const data = makeFolder();
const server = await startServer({ data });
const browser = await launch(microphoneFlags(recording(data, 'quiet', [silence(300)])));
const only = process.argv.slice(2);
const GUESTS = [
    ['Ansel', 'Tends the lighthouse of a harbour that silted up a century ago, and writes to the ships.', 'sailor', 'letters'],
    ['Bryndis', 'Reads ice cores aloud as if they were diaries; every summer has a voice.', 'scientist', 'calm'],
    ['The Cartographer', 'Draws maps of places you describe, and asks what lies behind the next hill.', 'game master', 'world-building'],
    ['Doro', 'Night baker. Talks while the dough rests, listens while it rises.', 'comfort', 'slice of life'],
    ['Emeka', 'Chess teacher who loses on purpose exactly once, and tells you why.', 'mentor', 'rival'],
    ['Fenna', 'Speaks four languages badly and charmingly; will teach you the fifth.', 'language tutor'],
    ['Guillem', 'Restores clocks, and cannot abide being asked for the time.', 'mystery', 'craft'],
    ['Hisa', 'A fox, or so she says. Keeps a tea house at the end of the line.', 'fantasy', 'poet'],
];
async function shoot(page, name) {
    const path = join(out, `${name}.png`);
    await page.screenshot({ path });
    try {
        execFileSync('pngquant', ['--force', '--skip-if-larger', '--strip', '--speed=1', '--output', path, '256', path]);
    } catch {
        /* It stays as it is. */
    }
}

/* A conversation by voice, at the moment in which the persona says a word in the midst of its answer. */
async function byVoice(page, who, words, name) {
    await putEars(page);
    await putMouth(page);
    await enterRoom(page, who);
    await page.locator('#main').getByRole('button', { name: /^Speak with/ }).click();
    await page.locator('[data-voice=listening]').waitFor();
    for (const [i, one] of words.entries()) {
        await speakInto(page, await flite(server, one));
        await mine(page).nth(i).waitFor({ timeout: 45000 });
        await page.locator('.caption mark').waitFor({ timeout: 30000 });
        if (i + 1 < words.length) await page.locator('.caption').waitFor({ state: 'detached', timeout: 30000 });
    }
    await page.waitForFunction(() => document.querySelector('.caption span')?.firstChild?.textContent?.length > 12);
    await shoot(page, name);
}

async function exchange(page, text) {
    const before = await theirs(page).count();
    await say(page, text);
    await page.waitForFunction((count) => document.querySelectorAll('article.row:not(.mine)').length > count, before);
    await quiet(page);
    await page.waitForTimeout(900);
}

async function voices() {
    const wide = await openPage(browser, server, { viewport: { width: 1280, height: 800 } });
    await byVoice(wide, 'Lyra', ['Good evening.', 'Tell me about the sea.'], 'voice');
    await wide.context().close();
    const small = await openPage(browser, server, { viewport: PHONE, scheme: 'dark', hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    await byVoice(small, 'Kimi', ['Tell me about the sea.'], 'voice-phone');
    await small.context().close();
}

async function others() {
    const light = await openPage(browser, server, { viewport: { width: 1360, height: 850 } });
    await light.goto('/');
    await light.waitForTimeout(900);
    await shoot(light, 'welcome');
    await request(server, 'PUT', '/api/config', { 'user.name': 'Ada' });
    await enterRoom(light, 'Mia');
    await exchange(light, 'Hello Mia, I am Ada. I play the cello, and today the rehearsal went badly.');
    await exchange(light, 'The conductor stopped me twice. I felt like a child again.');
    await exchange(light, 'Do you still know what I play?');
    await shoot(light, 'conversation');
    await light.goto('/personas/solene');
    await light.waitForTimeout(900);
    await shoot(light, 'persona');

    /* Cards whose pictures are painted here, as somebody would bring them from elsewhere. */
    for (const [i, [name, description, ...tags]] of GUESTS.entries()) {
        const answer = await fetch(`${server.url}/api/personas/import`, { method: 'POST', headers: { 'Content-Type': 'image/png' }, body: pngCard(name, i * 51 + 20, { description, tags }) });
        if (!answer.ok) throw new Error(await answer.text());
        if (i % 4 === 1) await request(server, 'PATCH', `/api/personas/${(await answer.json()).id}`, { favourite: true });
    }
    await light.goto('/personas?sort=-created');
    await light.locator('.cell .face img').nth(3).waitFor();
    await light.mouse.move(0, 0);
    await light.waitForTimeout(900);
    await shoot(light, 'gallery');
    await light.goto('/personas/mia/prompt');
    await light.locator('.bar span').first().waitFor();
    await light.waitForTimeout(600);
    await shoot(light, 'prompt');

    const dark = await openPage(browser, server, { viewport: { width: 1240, height: 780 }, scheme: 'dark' });
    await enterRoom(dark, 'The Philosopher');
    await exchange(dark, 'Is a promise still a promise if nobody remembers it?');
    await exchange(dark, 'I think it is. But then who is it made to?');
    await shoot(dark, 'conversation-dark');

    const phone = await openPage(browser, server, { viewport: PHONE, scheme: 'light', hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    await enterRoom(phone, 'Lyra');
    await composer(phone).waitFor();
    await exchange(phone, 'It rained on the way home and I did not mind.');
    await shoot(phone, 'phone');
}

try {
    if (!only.length) await others();
    if (!only.length || only.includes('voice')) await voices();
} finally {
    await browser.close();
    await server.stop();
    removeFolder(data);
}
