// Voice in the page, in Chromium against the real server: conversations through a fake microphone that plays human
// recordings and this server's own voice, with everything that may stand in the way. What is heard is measured in the
// page, where the sound goes to the loudspeaker (hearing.mjs).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { allEvents, makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';
import { startOpenaiServer } from './model.mjs';
import { PHONE, accessible, closePage, composer, enterRoom, launch, mine, openPage, quiet, say, shoot, theirs } from './browser.mjs';
import { flite, heardIn, human, humanThere, microphoneFlags, putEars, putEcho, putMouth, recording, silence, softer, speakInto, toldOf, untilTold } from './hearing.mjs';

/* A story of a minute, so that there is something to interrupt. */
const STORY = `Once there was a lighthouse at the end of the harbour. Its keeper was called Ansel, and he wrote letters to the ships.
Every evening he climbed the stairs with his lamp and a pencil. He told the sailors about the weather and about the gulls.
Nobody ever answered, but he did not mind that very much. One night a small boat came in without any light at all.
The woman in it had kept every letter that he had written. She read them to him until the morning came over the water.
After that the lamp was never alone again on that coast. And the ships knew the way home by the sound of two voices.`;
const data = makeFolder();
let server, model;

before(async () => {
    server = await startServer({ data });
    model = await startOpenaiServer(STORY.replaceAll('\n', ' ').split(/(?<= )/));
    await request(server, 'PUT', '/api/providers/story', { type: 'openai', base_url: model.url });
    await request(server, 'PUT', '/api/engines/story', { provider: 'story', model: 'small' });
    await request(server, 'PUT', '/api/config', { 'engine.default': 'scripted' });
});
after(async () => {
    await server?.stop();
    await model?.stop();
    removeFolder(data);
});

const sound = (page) => page.getByRole('button', { name: /^Sound/ });
const microphone = (page) => page.locator('#main').getByRole('button', { name: /^(Speak with|Turn the microphone off)/ });
const state = (page) => page.locator('[data-voice]');

/** A page in a room, with ears in it; the sound on if asked. */
async function enter(browser, { on = false, who = 'Mia', mouth = false, echo = 0, ...options } = {}) {
    const page = await openPage(browser, server, options);
    await putEars(page);
    if (mouth) await putMouth(page);
    if (echo) await putEcho(page, echo);
    await enterRoom(page, who);
    if (on) {
        await sound(page).click();
        await page.getByRole('switch', { name: 'Hear them speak' }).check();
        await sound(page).click();
        await page.waitForFunction(() => globalThis.told.some(([, one]) => one.sent?.audio));
    }
    return page;
}
const roomOf = (page) => new URL(page.url()).pathname.split('/').at(-1);
const highlighted = (page, name) => page.evaluate((name) => [...(CSS.highlights.get(name) ?? [])].map(String).join(' '), name);

/* Most words of “tell me about the sea”, in the last thing that one said; pocketsphinx takes one for another at times. */
async function understoodSea(page) {
    const words = ['tell', 'me', 'about', 'the', 'sea'];
    await page.waitForFunction(
        (words) => {
            const said = [...document.querySelectorAll('article.row.mine .bubble')].at(-1)?.textContent.toLowerCase().split(/\W+/) ?? [];
            return words.filter((word) => said.includes(word)).length >= 3;
        },
        words,
        { timeout: 45000 },
    );
}

async function withStory(what) {
    await request(server, 'PUT', '/api/config', { 'engine.default': 'story' });
    try {
        await what();
    } finally {
        await request(server, 'PUT', '/api/config', { 'engine.default': 'scripted' });
    }
}

test('an answer is heard as it is written, with captions on its clock, and its waterfall is told', async (t) => {
    const browser = await launch();
    t.after(() => browser.close());
    const page = await enter(browser, { on: true });
    await say(page, 'Hello Mia, I am Ada and I play the cello.');
    await page.locator('.caption mark').waitFor();
    await page.waitForFunction(() => [...(CSS.highlights.get('spoken') ?? [])].length > 0);
    const [word, line] = [await highlighted(page, 'spoken'), await page.locator('.caption').innerText()];
    assert.ok(line.toLowerCase().includes(word.toLowerCase()), `“${word}” is in the caption “${line}”`);
    await shoot(page, 'voice-speaking');
    await page.getByRole('button', { name: 'Stop speaking' }).first().waitFor();
    await accessible(page, 'while speaking');
    await page.locator('.caption').waitFor({ state: 'detached', timeout: 30000 });
    const heard = await heardIn(page);
    const spoken = (await allEvents(server, roomOf(page))).filter((event) => event.kind === 'speech');
    const whole = spoken.reduce((sum, event) => sum + event.data.duration_ms, 0);
    assert.ok(spoken.length > 0 && heard.seconds > 0.3, `${heard.seconds} s of sound`);
    assert.ok(heard.last - heard.first < whole + 400, `${Math.round(heard.last - heard.first)} ms from first to last sound of ${whole} ms`);
    assert.deepEqual(await page.evaluate(() => performance.getEntriesByName('voice-underrun').length), 0, 'no underruns');
    const played = await toldOf(page, 'played');
    const [asked] = (await toldOf(page, 'say')).slice(-1);
    t.diagnostic(`first sound ${Math.round(heard.first - asked.at)} ms after the text was sent`);
    assert.ok(played.length >= 3 && played.at(-1).index === spoken.at(-1).data.index);
    const row = theirs(page).last();
    await row.hover();
    await row.getByRole('button', { name: 'Why this answer' }).click();
    await row.getByText('First sound', { exact: true }).waitFor();
    await row.getByText('Heard here').waitFor();
    await accessible(page, 'waterfall');
    await shoot(page, 'voice-waterfall');

    /* Once more, from what the log kept: no frame of sound comes for it. */
    await page.evaluate(() => (globalThis.loudness.length = globalThis.told.length = 0));
    await row.getByRole('button', { name: 'Speak', exact: true }).click();
    await page.locator('.caption mark').waitFor();
    await page.locator('.caption').waitFor({ state: 'detached', timeout: 30000 });
    assert.ok((await heardIn(page)).seconds > 0.3);
    assert.equal(await page.evaluate(() => globalThis.told.filter(([, one]) => one.sound).length), 0);
    /* A greeting was never spoken: the server speaks it. */
    await theirs(page).first().hover();
    await theirs(page).first().getByRole('button', { name: 'Speak', exact: true }).click();
    await untilTold(page, 'caption');
    await page.locator('.caption mark').waitFor();
    await page.getByRole('button', { name: 'Stop speaking' }).first().click();
    await page.locator('.caption').waitFor({ state: 'detached' });
    await closePage(page);
});

test('volume, mute, captions and stopping work while a persona speaks; a room may be silent', async (t) => {
    const browser = await launch();
    t.after(() => browser.close());
    await withStory(async () => {
        const page = await enter(browser, { on: true, who: 'Kimi' });
        await say(page, 'Tell me a story');
        await page.locator('.caption mark').waitFor();
        await sound(page).click();
        await page.getByLabel('Mute').check();
        /* Half a second of nothing, while it goes on speaking. */
        await page.waitForFunction(() => {
            const lately = globalThis.loudness.filter(([at]) => at > performance.now() - 500);
            return lately.length > 10 && lately.every(([, rms]) => rms < 0.001);
        });
        assert.equal(await state(page).getAttribute('data-voice'), 'speaking');
        await accessible(page, 'sound menu');
        await shoot(page, 'voice-sound');
        await page.getByLabel(/^Volume/).fill('1');
        assert.equal(await page.getByLabel('Mute').isChecked(), false);
        await page.waitForFunction(() => globalThis.loudness.some(([at, rms]) => at > performance.now() - 500 && rms > 0.01));
        await page.getByLabel('Captions').uncheck();
        await page.locator('.caption').waitFor({ state: 'detached' });
        await page.getByLabel('Captions').check();
        await page.locator('.caption mark').waitFor();
        await page.keyboard.press('Escape');
        await page.getByRole('button', { name: 'Stop speaking' }).first().click();
        await untilTold(page, 'message.heard');
        await page.waitForTimeout(300);
        const [pressed] = await toldOf(page, 'interrupt');
        assert.ok((await heardIn(page)).last - pressed.at < 100, 'silent at once');
        const [heard] = await toldOf(page, 'message.heard');
        const whole = (await allEvents(server, roomOf(page))).find((event) => event.data?.id === heard.data.of);
        assert.ok(heard.data.text.length > 0 && heard.data.text.length < whole.data.text.length && whole.data.text.startsWith(heard.data.text));
        await page.getByText('You interrupted; the rest was not heard.').waitFor();
        assert.ok((await highlighted(page, 'unheard')).endsWith('two voices.'));
        await shoot(page, 'voice-unheard');
        await page.getByRole('button', { name: 'Room', exact: true }).click();
        await page.getByRole('menuitemcheckbox', { name: 'They may speak aloud' }).click();
        await page.evaluate(() => (globalThis.told.length = 0));
        await say(page, 'And now quietly');
        await quiet(page);
        await page.waitForTimeout(500);
        assert.equal((await toldOf(page, 'caption')).length, 0);
        await closePage(page);
    });
});

test('a conversation by voice: understood, answered aloud, "yeah" goes on, an interruption stops', { skip: humanThere ? false : 'asterisk-core-sounds-en-wav is not installed' }, async (t) => {
    const browser = await launch(microphoneFlags(recording(data, 'conversation', [silence(2.5), softer(human('cannot-complete-as-dialed')), silence(120)])));
    t.after(() => browser.close());
    const [yeah, sea] = [await flite(server, 'Yeah.'), await flite(server, 'Stop, please tell me about the sea.')];
    await withStory(async () => {
        const page = await enter(browser, { who: 'Lyra', mouth: true });
        await microphone(page).click();
        await state(page).and(page.locator('[data-voice=listening]')).waitFor();
        await state(page).and(page.locator('[data-voice=hearing]')).waitFor();
        await shoot(page, 'voice-hearing');
        /* Understood, and shown as what one said. */
        await mine(page).first().waitFor({ timeout: 45000 });
        const understood = (await mine(page).first().locator('.bubble').innerText()).toLowerCase().split(/\W+/);
        const words = ['your', 'call', 'cannot', 'be', 'completed', 'as', 'dialed'].filter((word) => understood.includes(word));
        t.diagnostic(`of “your call cannot be completed as dialed” the page shows “${understood.join(' ')}”`);
        /* The telephone's bandwidth and pocketsphinx: most of the words, not always all. */
        assert.ok(words.length >= 4, `only ${words} understood`);
        await mine(page).getByText('Said by voice').first().waitFor({ state: 'attached' });
        /* Answered aloud. */
        await page.locator('.caption mark').waitFor({ timeout: 30000 });
        await state(page).and(page.locator('[data-voice=speaking]')).waitFor();
        await shoot(page, 'voice-conversation');
        await accessible(page, 'conversation by voice');
        /* "Yeah" only holds it up: silent at once, and on again. */
        void speakInto(page, yeah);
        await untilTold(page, 'speech.pause');
        await untilTold(page, 'speech.resume');
        const [pause] = await toldOf(page, 'speech.pause');
        const [resume] = await toldOf(page, 'speech.resume');
        const loudAfter = (at, until) => page.evaluate(([at, until]) => Math.max(0, ...globalThis.loudness.filter(([when, rms]) => when > at && when < until && rms > 0.003).map(([when]) => when - at)), [at, until]);
        const hush = await loudAfter(pause.at, Math.min(pause.at + 400, resume.at));
        t.diagnostic(`silence ${Math.round(hush)} ms after the pause was told, on again ${Math.round(resume.at - pause.at)} ms later`);
        assert.ok(hush < 100, `sound until ${hush} ms after the pause`);
        await page.waitForFunction((at) => globalThis.loudness.some(([when, rms]) => when > at && rms > 0.003), resume.at);
        await page.waitForFunction(() => globalThis.told.filter(([, one]) => one.type === 'mic.final').length >= 2);
        assert.equal((await toldOf(page, 'mic.final')).at(-1).seq, null, 'and no message');
        assert.equal((await toldOf(page, 'speech.stop')).length, 0, 'a sign of listening is no interruption');
        assert.equal(await mine(page).count(), 1);
        /* Real words stop it. */
        await speakInto(page, sea);
        await untilTold(page, 'speech.stop');
        const [stop] = await toldOf(page, 'speech.stop');
        const last = (await toldOf(page, 'speech.pause')).filter((one) => one.at <= stop.at).at(-1);
        await page.waitForTimeout(500);
        assert.ok((await loudAfter(last.at, last.at + 400)) < 100);
        await untilTold(page, 'message.heard');
        const [heard] = await toldOf(page, 'message.heard');
        const events = await allEvents(server, roomOf(page));
        const whole = events.find((event) => event.data?.id === heard.data.of);
        assert.ok(heard.data.text.length > 0 && heard.data.text.length < whole.data.text.length, 'part of it was heard');
        assert.ok(whole.data.text.startsWith(heard.data.text), `“${heard.data.text}” is how it begins`);
        await page.getByText('You interrupted; the rest was not heard.').waitFor();
        assert.ok((await highlighted(page, 'unheard')).length > 10);
        await understoodSea(page);
        await microphone(page).click();
        await closePage(page);
    });
});

test('what the loudspeaker gives back stops nobody; a person does', async (t) => {
    const browser = await launch(microphoneFlags(recording(data, 'echo', [silence(90)])));
    t.after(() => browser.close());
    const sea = await flite(server, 'Stop, please tell me about the sea.');
    await withStory(async () => {
        const page = await enter(browser, { who: 'Solene', mouth: true, echo: 0.15 });
        await microphone(page).click();
        await state(page).and(page.locator('[data-voice=listening]')).waitFor();
        await say(page, 'Tell me a story');
        await page.locator('.caption mark').waitFor();
        await page.waitForTimeout(5000);
        assert.equal((await toldOf(page, 'speech.pause')).length, 0, 'it does not hear itself');
        void speakInto(page, sea);
        await untilTold(page, 'speech.stop');
        await understoodSea(page);
        await closePage(page);
    });
});

test('silence stays silence', async (t) => {
    const browser = await launch(microphoneFlags(recording(data, 'silence', [silence(30)])));
    t.after(() => browser.close());
    const page = await enter(browser);
    await microphone(page).click();
    await state(page).and(page.locator('[data-voice=listening]')).waitFor();
    await page.waitForTimeout(7000);
    assert.equal(await mine(page).count(), 0);
    assert.deepEqual((await toldOf(page, 'mic.final')).filter((one) => one.text), []);
    await closePage(page);
});

test('held to talk: only what is said meanwhile is heard; Escape takes it back', async (t) => {
    const browser = await launch(microphoneFlags(recording(data, 'held', [silence(60)])));
    t.after(() => browser.close());
    const page = await enter(browser, { mouth: true });
    const asked = await flite(server, 'Tell me about the sea.');
    await page.evaluate(() => localStorage.setItem('eidolon.voice', JSON.stringify({ mode: 'push_to_talk' })));
    await page.reload();
    await composer(page).waitFor();
    await microphone(page).click();
    const hold = page.getByRole('button', { name: 'Hold to talk' });
    await hold.hover();
    await page.mouse.down();
    await page.getByText('Hearing you').waitFor();
    const said = speakInto(page, asked);
    await page.waitForTimeout(500);
    await shoot(page, 'voice-held');
    await said;
    await page.waitForTimeout(300);
    await page.mouse.up();
    await understoodSea(page);
    await page.getByRole('heading', { level: 1 }).click();
    await page.keyboard.down(' ');
    await page.getByText('Hearing you').waitFor();
    await page.waitForTimeout(400);
    await page.keyboard.press('Escape');
    await page.keyboard.up(' ');
    await untilTold(page, 'mic.discard');
    /* Where one writes, a space is a space. */
    await composer(page).focus();
    await page.keyboard.type('a b');
    assert.equal(await composer(page).inputValue(), 'a b');
    await page.setViewportSize(PHONE);
    await accessible(page, 'held to talk, phone');
    await shoot(page, 'voice-phone');
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await closePage(page);
});

test('the microphone is explained before it is asked for; a refusal says how to undo it', async (t) => {
    const browser = await launch(microphoneFlags(null, { ask: true }));
    t.after(() => browser.close());
    const page = await enter(browser);
    await microphone(page).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Your browser will ask for the microphone next').waitFor();
    assert.equal(await page.evaluate(() => globalThis.told.some(([, one]) => one.sent?.type === 'mic')), false);
    await accessible(page, 'explanation');
    await shoot(page, 'voice-explained');
    await dialog.getByRole('button', { name: 'Not now' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await microphone(page).click();
    await dialog.getByRole('button', { name: 'Use the microphone' }).click();
    await dialog.getByText('The microphone is not allowed here').waitFor();
    await dialog.getByText('Set Microphone to “Allow”.').waitFor();
    await accessible(page, 'refused');
    await shoot(page, 'voice-refused');
    await page.context().grantPermissions(['microphone']);
    await dialog.getByRole('button', { name: 'Try again' }).click();
    await state(page).waitFor();
    await page.getByRole('button', { name: 'Microphone settings' }).click();
    await page.getByRole('dialog').getByLabel('Device').waitFor();
    await page.getByRole('dialog').getByLabel('Device').locator('option').nth(1).waitFor({ state: 'attached' });
    await accessible(page, 'microphone settings');
    await shoot(page, 'voice-settings');
    await page.keyboard.press('Escape');
    await microphone(page).click();
    await state(page).waitFor({ state: 'detached' });
    await closePage(page);
});

test('an address without https says why there is no microphone, and still speaks', async (t) => {
    const browser = await launch(['--host-resolver-rules=MAP eidolon.home 127.0.0.1']);
    const lan = await startServer({ args: ['--server.token=open-sesame'] });
    t.after(async () => {
        await browser.close();
        await lan.stop();
        removeFolder(lan.data);
    });
    const house = { url: lan.url.replace('127.0.0.1', 'eidolon.home') };
    const page = await openPage(browser, house, { allow: [/Cross-Origin-Opener-Policy/, /401/, /WebSocket/] });
    await putEars(page);
    await page.goto('/');
    await page.getByLabel('Access token').fill('open-sesame');
    await page.getByRole('button', { name: 'Come in' }).click();
    await enterRoom(page);
    await microphone(page).click();
    await page.getByRole('dialog').getByText('A microphone needs a secure address').waitFor();
    await page.getByRole('dialog').getByText(/eidolon serve --phone/).waitFor();
    await accessible(page, 'insecure');
    await shoot(page, 'voice-insecure');
    await page.keyboard.press('Escape');
    await sound(page).click();
    await page.getByRole('switch', { name: 'Hear them speak' }).check();
    await sound(page).click();
    await page.waitForFunction(() => globalThis.told.some(([, one]) => one.sent?.audio));
    await say(page, 'Hello there');
    await page.waitForFunction(() => globalThis.loudness.some(([, rms]) => rms > 0.01), null, { timeout: 30000 });
    await closePage(page);
});

test('of two tabs one plays', async (t) => {
    const browser = await launch();
    t.after(() => browser.close());
    const page = await enter(browser, { on: true });
    const second = await page.context().newPage();
    await second.goto(page.url());
    await second.getByText('Sound plays in another tab.').waitFor();
    await second.getByRole('button', { name: 'Play here' }).click();
    await page.getByText('Sound plays in another tab.').waitFor();
    await second.close();
    await page.getByText('Sound plays in another tab.').waitFor({ state: 'detached' });
    await closePage(page);
});

test('a voice is chosen, tried and kept; providers are added and tested', async (t) => {
    const browser = await launch();
    t.after(() => browser.close());
    const page = await openPage(browser, server);
    await putEars(page);
    await page.goto('/personas/solene');
    await page.getByLabel(/^Pitch/).fill('1.2');
    await page.getByRole('radio', { name: /^awb/ }).check();
    await page.getByRole('button', { name: 'Hear it', exact: true }).click();
    await page.waitForFunction(() => globalThis.loudness?.some(([, rms]) => rms > 0.01), null, { timeout: 20000 });
    await page.getByRole('button', { name: 'Hear the voice slt' }).click();
    await page.getByRole('button', { name: 'Copy a voice' }).click();
    await page.getByText(/None of the providers here can copy a voice/).waitFor();
    await page.locator('#p-voice-provider').scrollIntoViewIfNeeded();
    await accessible(page, 'voice of a persona');
    await shoot(page, 'voice-persona');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').waitFor();
    const { body } = await request(server, 'GET', '/api/personas/solene');
    assert.equal(body.voice.name, 'awb');
    assert.equal(body.voice.pitch, 1.2);

    await page.goto('/settings#speech');
    const speech = page.locator('#speech');
    await speech.getByRole('button', { name: 'Test', exact: true }).first().click();
    await speech.getByText(/It spoke: first sound after/).waitFor({ timeout: 20000 });
    await speech.getByRole('button', { name: 'Add a speech provider' }).click();
    await speech.getByRole('button', { name: 'Piper' }).click();
    await speech.getByLabel('Address').fill('http://127.0.0.1:9');
    await speech.getByRole('button', { name: 'Save and test' }).click();
    await speech.locator('.result:not(.ok)').waitFor({ timeout: 20000 });
    await speech.getByLabel('Who speaks, in this order').fill('piper, flite');
    await speech.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText('Saved.').waitFor();
    await accessible(page, 'speech settings');
    await shoot(page, 'voice-providers');
    page.once('dialog', (dialog) => dialog.accept());
    await request(server, 'PUT', '/api/config', { 'voice.chain': 'flite' });
    await speech.getByRole('button', { name: 'Remove piper' }).click();
    await speech.getByText('piper', { exact: true }).waitFor({ state: 'detached' });
    await closePage(page);
});
