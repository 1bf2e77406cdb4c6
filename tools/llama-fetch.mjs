// Fetches llama.cpp: `node tools/llama-fetch.mjs build/llama`. Run by mk/llama.mk.
//
// Two npm packages, pinned by version and SHA-512 in llama/package.json: the prebuilt libraries of this machine's
// architecture, and node-llama-cpp, of which only the git bundle is used: llama.cpp's source at the very release of those
// libraries (headers and libraries must agree to the byte). `npm pack` and not `npm ci`, because node-llama-cpp would
// bring some hundred megabytes of packages that nothing here uses. Afterwards:
//
//   FOLDER/lib   libllama, libggml, one CPU back-end per kind of processor, licences/
//   FOLDER/src   llama.cpp's source
//
// It fails with one sentence on standard error.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

const folder = resolve(process.argv[2] ?? 'build/llama');
const pins = JSON.parse(readFileSync(new URL('../llama/package.json', import.meta.url), 'utf8'));
const libraries = `@node-llama-cpp/linux-${process.arch}`;

function fail(sentence) {
    console.error(sentence);
    process.exit(1);
}

const quiet = { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' };

/** The package's tarball, checked against its pin; the last fetch's is used again. */
function tarball(name, version) {
    const kept = join(folder, 'npm', `${name.replace('@', '').replace('/', '-')}-${version}.tgz`);
    const whole = (file) => 'sha512-' + createHash('sha512').update(readFileSync(file)).digest('base64') === pins.integrity[name];
    if (existsSync(kept) && whole(kept)) return kept;
    mkdirSync(join(folder, 'npm'), { recursive: true });
    const scratch = mkdtempSync(join(folder, 'npm', '.pack-'));
    try {
        execFileSync('npm', ['pack', `${name}@${version}`, '--fetch-retries=0', '--pack-destination', scratch], { ...quiet, cwd: scratch });
        const packed = join(scratch, readdirSync(scratch).find((entry) => entry.endsWith('.tgz')));
        if (!whole(packed)) throw new Error(`${basename(packed)} is not the file that llama/package.json pins.`);
        renameSync(packed, kept);
    } catch (error) {
        const code = /npm (?:error|ERR!) code (\S+)/.exec(error.stderr ?? '')?.[1];
        fail(`npm could not give ${name} ${version}: ${code ?? error.message.trim().split('\n').pop()}`);
    } finally {
        rmSync(scratch, { recursive: true, force: true });
    }
    return kept;
}

/** The tarball's files below `package/PATH`, in a folder of their own. */
function unpack(file, path, to) {
    rmSync(to, { recursive: true, force: true });
    mkdirSync(to, { recursive: true });
    const depth = path.split('/').length + 1;
    execFileSync('tar', ['-xzf', file, '-C', to, `--strip-components=${depth}`, `package/${path}`], quiet);
}

if (!pins.optionalDependencies[libraries]) {
    fail(`llama.cpp is not prebuilt for this machine (${process.platform} ${process.arch}); models run elsewhere then.`);
}
const built = tarball(libraries, pins.optionalDependencies[libraries]);
const source = tarball('node-llama-cpp', pins.dependencies['node-llama-cpp']);

const lib = join(folder, 'lib');
unpack(built, `bins/linux-${process.arch}`, lib);
rmSync(join(lib, 'llama-addon.node'), { force: true });
if (!existsSync(join(lib, `libllama.${pins.release}.so`))) fail(`${basename(built)} does not hold llama.cpp ${pins.release}.`);

const scratch = join(folder, '.bundle');
const clone = join(folder, 'src');
unpack(source, 'llama', scratch);
rmSync(clone, { recursive: true, force: true });
try {
    execFileSync('git', ['clone', '--quiet', join(scratch, 'gitRelease.bundle'), clone], { ...quiet, env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null' } });
} catch (error) {
    fail(`git could not read llama.cpp's source: ${(error.stderr || error.message).trim().split('\n').pop()}`);
}
const licences = join(lib, 'licences');
mkdirSync(licences, { recursive: true });
cpSync(join(clone, 'LICENSE'), join(licences, 'llama.cpp'));
for (const name of existsSync(join(clone, 'licenses')) ? readdirSync(join(clone, 'licenses')) : []) {
    cpSync(join(clone, 'licenses', name), join(licences, name));
}
execFileSync('tar', ['-xzf', built, '-C', licences, '--strip-components=1', '--transform=s/LICENSE/node-llama-cpp/', 'package/LICENSE'], quiet);
rmSync(scratch, { recursive: true, force: true });
