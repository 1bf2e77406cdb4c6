// The conformance suite of character cards (tests/conformance/cards) against this server.
import { after, before, test } from 'node:test';
import { checkCase } from '../conformance/cards/check.mjs';
import { suite } from '../conformance/cards/make.mjs';
import { overHttp } from '../conformance/cards/run.mjs';
import { removeFolder, startServer } from '../lib/server.mjs';

const { cases, files } = suite();
let server, program;
before(async () => {
    server = await startServer();
    program = overHttp({
        importUrl: `${server.url}/api/personas/import`, exportUrl: `${server.url}/api/personas/{id}/card.{form}`,
        forms: { v1: 'json?spec=v1', v2: 'json?spec=v2', v3: 'json', png: 'png', charx: 'charx' }
    });
});
after(async () => {
    await server.stop();
    removeFolder(server.data);
});

for (const which of cases) test(`${which.name}: ${which.about}`, () => checkCase(program, which, files[which.file]));
