// node tools/webapp.mjs BUILD GEN: the files of the built web app as a C table, GEN/webapp.c, of `struct asset`
// (src/net/asset.h), sorted by path. Bodies come in by .incbin, with their gzip and Brotli variants where those are
// smaller by a tenth; they lie under GEN/webapp/. Hashed names (SvelteKit's immutable folder) may be cached for ever.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const [build, gen] = process.argv.slice(2);
const out = join(gen, 'webapp');
const WORTH = 0.9;
const TYPES = {
    '.html': 'text/html; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.json': 'application/json',
    '.svg': 'image/svg+xml',
    '.png': 'image/png',
    '.woff2': 'font/woff2',
    '.webmanifest': 'application/manifest+json',
    '.txt': 'text/plain; charset=utf-8'
};
/* Nothing inline, nothing from elsewhere: finish.mjs has made the page fit this. */
const CSP =
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; manifest-src 'self'; " +
    "img-src 'self' data: blob:; media-src 'self' blob:; worker-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

function files(folder) {
    return readdirSync(folder).flatMap((name) => {
        const path = join(folder, name);
        return statSync(path).isDirectory() ? files(path) : [path];
    });
}

const symbols = [];
/* A body as a C symbol; answers its `struct str` initializer. */
function include(path, size) {
    const symbol = `webapp_${symbols.length}`;
    symbols.push(
        `__asm__(".section .rodata; .balign 16; ${symbol}: .incbin \\"${path}\\"; .previous");\nextern const char ${symbol}[${size}];`
    );
    return `{${symbol}, ${size}}`;
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const total = { plain: 0, brotli: 0 };
const rows = files(build)
    .map((path) => ({ path, url: '/' + relative(build, path) }))
    .sort((a, b) => Buffer.compare(Buffer.from(a.url), Buffer.from(b.url)))
    .map(({ path, url }, number) => {
        const type = TYPES[extname(url)];
        if (!type) throw new Error(`${url}: what type is that? Say it in tools/webapp.mjs.`);
        const plain = readFileSync(path);
        const variant = (suffix, bytes) => {
            if (bytes.length > plain.length * WORTH) return '{NULL, 0}';
            const file = join(out, `${number}.${suffix}`);
            writeFileSync(file, bytes);
            return include(file, bytes.length);
        };
        const brotli = brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } });
        const etag = createHash('sha256').update(plain).digest('hex').slice(0, 16);
        total.plain += plain.length;
        total.brotli += Math.min(brotli.length, plain.length);
        return (
            `    {"${url}", "${type}", "\\"${etag}\\"", ${url.startsWith('/_app/immutable/')}, ` +
            `${extname(url) === '.html' ? JSON.stringify(CSP) : 'NULL'},\n     ` +
            [include(path, plain.length), variant('gz', gzipSync(plain, { level: 9 })), variant('br', brotli)].join(', ') +
            '},'
        );
    });

writeFileSync(
    join(gen, 'webapp.c'),
    `/* Written by tools/webapp.mjs. */
#include "net/asset.h"

${symbols.join('\n')}

static const struct asset list[] = {
${rows.join('\n')}
};
extern const struct assets webapp_assets;
const struct assets webapp_assets = {list, ${rows.length}};
`
);
console.log(`web app: ${rows.length} files, ${Math.round(total.plain / 1024)} KB, ${Math.round(total.brotli / 1024)} KB compressed`);
