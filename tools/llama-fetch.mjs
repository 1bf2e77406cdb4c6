// Fetches llama.cpp: `node tools/llama-fetch.mjs build/llama`. Run by mk/llama.mk.
//
// Two npm packages, pinned by version and SHA-512 in llama/package.json: the prebuilt libraries of this machine's
// architecture, and node-llama-cpp, of which only the git bundle is used: llama.cpp's source at the very release of those
// libraries (headers and libraries must agree to the byte). Afterwards:
//
//   FOLDER/lib   libllama, libggml, one CPU back-end per kind of processor, licences/
//   FOLDER/src   llama.cpp's source
//
// It fails with one sentence on standard error.
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fail, readPins, run, tarball, take, unpack } from './npm-pinned.mjs';

const folder = resolve(process.argv[2] ?? 'build/llama');
const pins = readPins(new URL('../llama/package.json', import.meta.url));
const libraries = `@node-llama-cpp/linux-${process.arch}`;

if (!pins.optionalDependencies[libraries]) {
    fail(`llama.cpp is not prebuilt for this machine (${process.platform} ${process.arch}); models run elsewhere then.`);
}
const built = tarball(pins, folder, libraries);
const source = tarball(pins, folder, 'node-llama-cpp');

const lib = join(folder, 'lib');
unpack(built, `bins/linux-${process.arch}`, lib);
rmSync(join(lib, 'llama-addon.node'), { force: true });
if (!existsSync(join(lib, `libllama.${pins.release}.so`))) fail(`${basename(built)} does not hold llama.cpp ${pins.release}.`);

const scratch = join(folder, '.bundle');
const clone = join(folder, 'src');
unpack(source, 'llama', scratch);
rmSync(clone, { recursive: true, force: true });
try {
    run('git', ['clone', '--quiet', join(scratch, 'gitRelease.bundle'), clone], { env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null' } });
} catch (error) {
    fail(`git could not read llama.cpp's source: ${(error.stderr || error.message).trim().split('\n').pop()}`);
}
const licences = join(lib, 'licences');
mkdirSync(licences, { recursive: true });
cpSync(join(clone, 'LICENSE'), join(licences, 'llama.cpp'));
for (const name of existsSync(join(clone, 'licenses')) ? readdirSync(join(clone, 'licenses')) : []) {
    cpSync(join(clone, 'licenses', name), join(licences, name));
}
take(built, { LICENSE: 'node-llama-cpp' }, licences);
rmSync(scratch, { recursive: true, force: true });
