// A phone comes in by the QR code that the computer shows, over HTTPS, under a name that makes nobody the local owner.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { removeFolder, startServer } from '../lib/server.mjs';
import { PHONE, accessible, closePage, launch, openPage, shoot } from './browser.mjs';

let browser, server;
before(async () => {
    server = await startServer({ args: ['--server.https=127.0.0.1:0'] });
    browser = await launch(['--host-resolver-rules=MAP phone.local 127.0.0.1']);
});
after(async () => {
    await browser?.close();
    await server?.stop();
    removeFolder(server?.data);
});

test('the code signs the phone in, once, and the page has a microphone there', async () => {
    const page = await openPage(browser, server);
    await page.goto('/settings');
    await page.getByRole('button', { name: 'Show a QR code' }).click();
    await page.getByRole('img', { name: /^QR code/ }).waitFor();
    await accessible(page, 'settings, phone');
    await shoot(page, 'settings-phone');
    const address = (await page.locator('#phone .address').textContent()).replace('127.0.0.1', 'phone.local');
    await closePage(page);

    const there = { url: new URL(address).origin };
    const phone = await openPage(browser, there, { viewport: PHONE, ignoreHTTPSErrors: true, allow: [/401/] });
    await phone.goto('/');
    await phone.getByRole('heading', { name: 'Who is there?' }).waitFor();
    await phone.goto(address);
    await phone.waitForURL((url) => url.pathname === '/');
    await phone.getByRole('heading', { level: 1 }).first().waitFor();
    assert.equal(await phone.getByRole('heading', { name: 'Who is there?' }).count(), 0);
    assert.equal(await phone.evaluate(() => isSecureContext && typeof navigator.mediaDevices.getUserMedia), 'function');
    await shoot(phone, 'phone-in');
    await closePage(phone);

    const late = await openPage(browser, there, { viewport: PHONE, ignoreHTTPSErrors: true, allow: [/401/] });
    await late.goto(address);
    await late.getByText('This code was used already or is too old').waitFor();
    await accessible(late, 'pair, refused');
    await closePage(late);
});
