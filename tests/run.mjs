// Runs test files with node's own runner, each for a limited time: a file whose test failed may have left something open
// (a socket, a timer), and would keep the whole suite from ending.
//
//   node tests/run.mjs [--at-once=N] [--minutes=M] FILE...
//
// Exit status 1 when a test failed or a file ran out of time.
import { availableParallelism } from 'node:os';
import { isAbsolute, resolve } from 'node:path';
import { run } from 'node:test';
import * as reporters from 'node:test/reporters';

const options = { 'at-once': 1, minutes: 8 };
const files = [];
for (const arg of process.argv.slice(2)) {
    const [, name, value] = /^--([a-z-]+)=(\d+)$/.exec(arg) ?? [];
    if (name in options) options[name] = Number(value);
    else files.push(isAbsolute(arg) ? arg : resolve(arg));
}
if (files.length === 0) {
    console.error('Name the test files to run.');
    process.exit(2);
}
const stream = run({ files, concurrency: Math.min(options['at-once'], availableParallelism()), timeout: options.minutes * 60_000 });
let failed = false;
stream.on('test:fail', (event) => (failed ||= event.todo === undefined || event.todo === false));
const reporter = process.stdout.isTTY ? reporters.spec : reporters.tap;
stream.compose(reporter === reporters.spec ? new reporters.spec() : reporter).pipe(process.stdout);
process.on('exit', () => (process.exitCode = failed ? 1 : 0));
