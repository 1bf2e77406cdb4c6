// What stands between a page and a microphone, told so that a person can do something about it: what went wrong as one
// of a few cases, and for a refusal the way back in this browser.
export type Obstacle = 'insecure' | 'unsupported' | 'refused' | 'no_device' | 'busy' | 'unplugged' | 'failed';

export function obstacleOf(cause: unknown): Obstacle {
    const name = cause instanceof DOMException ? cause.name : '';
    if (name === 'NotAllowedError' || name === 'SecurityError') return 'refused';
    if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'no_device';
    if (name === 'NotReadableError' || name === 'AbortError') return 'busy';
    return 'failed';
}

/* Before anything is asked: can there be a microphone here at all? */
export function hindered(): Obstacle | null {
    if (!isSecureContext) return 'insecure';
    if (!navigator.mediaDevices?.getUserMedia || typeof AudioWorkletNode === 'undefined') return 'unsupported';
    return null;
}

export const TITLES: Record<Obstacle, string> = {
    insecure: 'A microphone needs a secure address',
    unsupported: 'This browser has no microphone for pages',
    refused: 'The microphone is not allowed here',
    no_device: 'No microphone found',
    busy: 'Another program has the microphone',
    unplugged: 'The microphone was unplugged',
    failed: 'The microphone did not start',
};

export const WORDS: Record<Obstacle, string> = {
    insecure: 'Browsers give a page a microphone only over https, or on the machine itself (localhost).',
    unsupported: 'A current Chrome, Edge, Firefox or Safari has one. You can go on writing here, and hear the answers.',
    refused: 'This browser was told to keep the microphone from this page. Only you can change that:',
    no_device: 'Plug one in, or switch on the one of your headset, then try again.',
    busy: 'Close the program that uses it (a call, a recorder), then try again.',
    unplugged: 'Plug it in again, or take another one.',
    failed: 'Try again; if it keeps failing, choose another one in the list of devices.',
};

/* How to undo a refusal, step by step, in the browser one has before one. */
export function wayBack(agent = navigator.userAgent): string[] {
    const phone = /Android|iPhone|iPad/.test(agent);
    if (/iPhone|iPad/.test(agent)) return ['Tap the page’s menu at the left of the address (aA).', 'Choose “Website Settings”, then Microphone, then “Allow”.', 'If it is missing there: Settings of the phone, Apps, Safari, Microphone.'];
    if (/Firefox\//.test(agent)) return ['Click the crossed-out microphone at the left of the address.', 'Take away “Blocked” beside Microphone.', 'Load the page again.'];
    if (/Edg\//.test(agent) || /Chrom(e|ium)\//.test(agent))
        return [phone ? 'Tap the sign at the left of the address, then “Permissions”.' : 'Click the sign at the left of the address.', 'Set Microphone to “Allow”.', 'Load the page again if the browser says so.'];
    if (/Safari\//.test(agent)) return ['Open the Safari menu, then “Settings for this website”.', 'Set Microphone to “Allow”.', 'Load the page again.'];
    return ['Open what the browser knows of this page, usually by the sign at the left of the address.', 'Allow the microphone.', 'Load the page again.'];
}
