// How many words each recogniser that runs here gets wrong: on people (Debian's asterisk-core-sounds-en-wav, one speaker, 8 kHz,
// with the wording that Asterisk publishes for its prompts) and on flite's four voices.
//
//   node tests/bench/wer.mjs [--show] [NAME=SETTINGS...]
//
// pocketsphinx is always there. Others are named with their settings, as cloud=base_url:https://...,api_key:...,ear_model:whisper-1
// Errors are substitutions, insertions and deletions of words, over the words of the reference; spelling of case, punctuation
// and numbers aside.
import { existsSync, readFileSync } from 'node:fs';
import { removeFolder, startServer } from '../lib/server.mjs';

const PROMPTS = '/usr/share/asterisk/sounds/en_US_f_Allison';
const HUMAN = {
    'agent-incorrect': 'Login incorrect. Please enter your agent number followed by the pound key.',
    'agent-loggedoff': 'Agent logged off.',
    'agent-loginok': 'Agent logged in.',
    'agent-pass': 'Please enter your password followed by the pound key.',
    'agent-user': 'Agent login. Please enter your agent number followed by the pound key.',
    'auth-incorrect': 'Password incorrect. Please enter your password followed by the pound key.',
    'auth-thankyou': 'Thank you.',
    'conf-getconfno': 'Please enter your conference number followed by the pound key.',
    'conf-hasjoin': 'is now in the conference.',
    'conf-hasleft': 'has left the conference.',
    'conf-kicked': 'You have been kicked from this conference.',
    'conf-leaderhasleft': 'The leader has left the conference.',
    'conf-locked': 'This conference is locked.',
    'conf-muted': 'You are now muted.',
    'conf-onlyperson': 'You are currently the only person in this conference.',
    'conf-placeintoconf': 'You will now be placed into the conference.',
    'conf-unmuted': 'You are now unmuted.',
    'conf-waitforleader': 'The conference will begin when the leader arrives.',
    'hello-world': 'Hello world.',
    'queue-thankyou': 'Thank you for your patience.',
    'queue-youarenext': 'Your call is now first in line and will be answered by the next available representative.',
    'ss-noservice': 'The number you have dialed is not in service. Please check the number and try again.',
    transfer: 'Please hold while I try that extension.',
    'vm-goodbye': 'Goodbye.',
    'vm-intro': 'Please leave your message after the tone. When done hang up or press the pound key.',
    'vm-nomore': 'No more messages.'
};
const SPOKEN = [
    'Please open the window and the door.',
    'What will the weather be like tomorrow morning?',
    'I would like to talk about the book that you gave me.',
    'My brother lives in a small house near the river.',
    'Turn the music down and tell me a story.',
    'We should go for a walk before it gets dark.',
    'How many people came to the party last night?',
    'The train leaves in twenty minutes.'
];

const words = (text) => text.toLowerCase().replace(/good bye/g, 'goodbye').replace(/log[- ]?in/g, 'login').replace(/[^a-z' ]+/g, ' ').split(' ').filter(Boolean);

/** The least number of words to change, add or take away. */
function distance(a, b) {
    let row = b.map((_, j) => j).concat(b.length);
    for (let i = 1; i <= a.length; i++) {
        const next = [i];
        for (let j = 1; j <= b.length; j++) next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
        row = next;
    }
    return row[b.length];
}

const show = process.argv.includes('--show');
const others = process.argv.slice(2).filter((a) => a.includes('='));
const args = others.flatMap((other) => {
    const [name, ...rest] = other.split('=');
    return rest.join('=').split(',').map((s) => `--speech.${name}.${s.slice(0, s.indexOf(':'))}=${s.slice(s.indexOf(':') + 1)}`);
});
const server = await startServer({ args });
try {
    const clips = [];
    if (existsSync(PROMPTS)) for (const [name, text] of Object.entries(HUMAN)) clips.push({ set: 'people', text, file: readFileSync(`${PROMPTS}/${name}.wav`) });
    else console.log('(no people: asterisk-core-sounds-en-wav is not installed)');
    for (const voice of ['slt', 'rms', 'awb', 'kal16']) {
        for (const text of SPOKEN) {
            const response = await fetch(`${server.url}/api/tts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text, voice: `flite/${voice}` }) });
            clips.push({ set: `flite ${voice}`, text, file: Buffer.from(await response.arrayBuffer()) });
        }
    }
    console.log('| recogniser | heard | words | wrong | WER | time / sound |\n|---|---|---|---|---|---|');
    for (const provider of ['pocketsphinx', ...others.map((o) => o.split('=')[0])]) {
        for (const set of [...new Set(clips.map((c) => c.set))]) {
            let [count, wrong, sound, took] = [0, 0, 0, 0];
            for (const clip of clips.filter((c) => c.set === set)) {
                const began = performance.now();
                const heard = await (await fetch(`${server.url}/api/asr?provider=${provider}`, { method: 'POST', headers: { 'content-type': 'audio/wav' }, body: clip.file })).json();
                if (heard.error) throw new Error(heard.error.message);
                took += performance.now() - began;
                sound += heard.duration_ms;
                const [want, got] = [words(clip.text), words(heard.text)];
                const errors = distance(want, got);
                if (show && errors) console.log(`    ${set}: "${clip.text}" -> "${heard.text}"`);
                count += want.length;
                wrong += errors;
            }
            console.log(`| ${provider} | ${set} | ${count} | ${wrong} | ${((100 * wrong) / count).toFixed(1)} % | ${(took / sound).toFixed(2)} |`);
        }
    }
} finally {
    await server.stop();
    removeFolder(server.data);
}
