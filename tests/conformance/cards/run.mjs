// Runs the suite against any program: over HTTP, or as a command. See README.md.
//
//   node run.mjs --import URL --export URL [--id FIELD] [--header 'Name: value']
//   node run.mjs --command 'program {in} {form} {out}'
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkCase } from './check.mjs';
import { suite } from './make.mjs';

/** `exportUrl` holds {id} and {form}; forms are named by `forms`, null where the program has none. */
export function overHttp({ importUrl, exportUrl, id = 'id', headers = {}, forms = {} }) {
    return {
        async read(bytes) {
            const answer = await fetch(importUrl, { method: 'POST', body: bytes, headers: { 'Content-Type': 'application/octet-stream', ...headers } });
            const text = await answer.text();
            if (!answer.ok) throw new Error(`${answer.status} ${text}`);
            return JSON.parse(text)[id];
        },
        async write(handle, form) {
            const name = form in forms ? forms[form] : form;
            if (name === null) return null;
            const answer = await fetch(exportUrl.replace('{id}', handle).replace('{form}', name), { headers });
            if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
            return Buffer.from(await answer.arrayBuffer());
        }
    };
}

/** A command that converts a file: {in}, {form} and {out} are filled in; a status other than 0 is a refusal. */
export function byCommand(command) {
    const folder = mkdtempSync(join(tmpdir(), 'cards-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    let number = 0;
    const convert = (from, form) => {
        const out = join(folder, `out-${number++}`);
        const words = command.split(' ').map((word) => word.replace('{in}', from).replace('{form}', form).replace('{out}', out));
        const { status, stderr } = spawnSync(words[0], words.slice(1));
        if (status !== 0) throw new Error(String(stderr));
        return readFileSync(out);
    };
    return {
        async read(bytes, name) {
            const path = join(folder, `${number++}-${name}`);
            writeFileSync(path, bytes);
            convert(path, 'v3');
            return path;
        },
        write: async (handle, form) => convert(handle, form)
    };
}

function option(name) {
    const at = process.argv.indexOf(`--${name}`);
    return at < 0 ? undefined : process.argv[at + 1];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const header = option('header')?.split(/:\s*/, 2);
    const program = option('command')
        ? byCommand(option('command'))
        : overHttp({ importUrl: option('import'), exportUrl: option('export'), id: option('id'), headers: header ? { [header[0]]: header[1] } : {} });
    const { cases, files } = suite();
    let failed = 0;
    for (const which of cases) {
        try {
            await checkCase(program, which, files[which.file]);
            console.log(`ok    ${which.name}`);
        } catch (why) {
            failed++;
            console.log(`FAIL  ${which.name}: ${String(why.message).split('\n').slice(0, 12).join('\n      ')}`);
        }
    }
    console.log(`${cases.length - failed} of ${cases.length} cases`);
    process.exitCode = failed ? 1 : 0;
}
