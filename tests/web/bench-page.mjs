// The web page: how much it weighs compressed, how soon its largest content is painted, and how long one request takes.
import { chromium } from 'playwright-core';
import { makeFolder, removeFolder, startServer } from '../lib/server.mjs';

const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
const data = makeFolder();
const server = await startServer({ data });
const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
});
try {
    const paints = [], weights = [], requests = [];
    for (let i = 0; i < 5; i++) {
        const page = await (await browser.newContext()).newPage();
        let bytes = 0;
        const devtools = await page.context().newCDPSession(page);
        await devtools.send('Network.enable');
        devtools.on('Network.loadingFinished', (event) => (bytes += event.encodedDataLength));
        await page.goto(server.url);
        await page.getByRole('heading', { level: 1 }).waitFor();
        await page.waitForTimeout(1000);
        paints.push(
            await page.evaluate(
                () =>
                    new Promise((resolve) =>
                        new PerformanceObserver((list) => resolve(list.getEntries().at(-1).startTime)).observe({
                            type: 'largest-contentful-paint',
                            buffered: true
                        })
                    )
            )
        );
        weights.push(bytes);
        await page.context().close();
    }
    for (let i = 0; i < 200; i++) {
        const from = performance.now();
        await (await fetch(server.url)).arrayBuffer();
        requests.push(performance.now() - from);
    }
    console.log(`page compressed_kb=${(median(weights) / 1024).toFixed(0)} goal_kb=200`);
    console.log(`page largest_paint_ms=${median(paints).toFixed(0)} goal_ms=1000`);
    console.log(`page request_ms=${median(requests).toFixed(2)} goal_ms=10`);
} finally {
    await browser.close();
    await server.stop();
    removeFolder(data);
}
