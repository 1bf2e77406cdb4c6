// After `vite build`: makes the page fit a Content-Security-Policy without 'unsafe-inline' and quicker to paint.
//  - SvelteKit's inline bootstrap becomes a file of its own, named after its content.
//  - The style attribute of SvelteKit's route announcer goes; app.css hides it.
//  - The two fonts of the first page are preloaded.
// A build in which one of these is not found any more fails, rather than shipping a page that does not start.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const build = fileURLToPath(new URL('build', import.meta.url));
const immutable = join(build, '_app/immutable');

function replaceOnce(text, what, by, where) {
    const parts = text.split(what);
    if (parts.length !== 2) throw new Error(`${where}: expected ${what} once, found it ${parts.length - 1} times`);
    return parts.join(by);
}

let page = readFileSync(join(build, 'index.html'), 'utf8');

const inline = /<script>([\s\S]*?)<\/script>/.exec(page);
if (!inline) throw new Error('index.html: the inline bootstrap is not there');
const code = inline[1].trim().replace(/\n\t+/g, '\n') + '\n';
const name = `entry/boot.${createHash('sha256').update(code).digest('base64url').slice(0, 8)}.js`;
writeFileSync(join(immutable, name), code);
page = replaceOnce(page, inline[0], `<script src="/_app/immutable/${name}"></script>`, 'index.html');

const fonts = readdirSync(join(immutable, 'assets')).filter((file) => /-latin-wght-normal\..*\.woff2$/.test(file));
if (fonts.length !== 2) throw new Error(`expected two fonts of the first page, found ${fonts.join(', ') || 'none'}`);
const preloads = fonts.map((file) => `<link href="/_app/immutable/assets/${file}" rel="preload" as="font" type="font/woff2" crossorigin>`);
page = replaceOnce(page, '</head>', `${preloads.join('\n')}\n</head>`, 'index.html');
page = page.replace(/\n\s+/g, '\n').replace(/\n+/g, '\n');
if (/<style|\sstyle=|<script>|https?:\/\//.test(page)) throw new Error('index.html: inline code, inline style or another host is left');
writeFileSync(join(build, 'index.html'), page);

const entries = readdirSync(join(immutable, 'entry')).filter((file) => file.startsWith('app.'));
for (const file of entries) {
    const path = join(immutable, 'entry', file);
    writeFileSync(path, replaceOnce(readFileSync(path, 'utf8'), / style="position: absolute; left: 0;[^"]*"/, '', file));
}
