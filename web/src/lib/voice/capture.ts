// The microphone itself: opens a device with the browser's echo cancelling, noise suppression and gain control (unless
// the person switched one off), and hands over 16 kHz frames of 32 ms (recorder.worklet.ts). Closing gives the device
// back, so that the browser's own sign of a recording goes out.
//
// Echo cancelling takes out what this page plays (player.ts), so a persona heard from the loudspeaker does not
// interrupt itself. Not every device has it: `cancelsEcho` says what was given, not what was asked for.
import type { Cleaning } from './prefs.svelte';
import recorder from './recorder.worklet.ts?worker&url';

export interface CaptureEvents {
    frame(samples: Int16Array, level: number): void;
    /* The device went away by itself. */
    gone(): void;
}

export interface Device {
    id: string;
    label: string;
}

export class Capture {
    private constructor(
        private readonly stream: MediaStream,
        private readonly context: AudioContext,
        readonly device: string,
        readonly cancelsEcho: boolean,
    ) {}

    /* Asks the browser, and with it perhaps the person. Throws what getUserMedia throws. */
    static async open(device: string, cleaning: Cleaning, events: CaptureEvents): Promise<Capture> {
        const stream = await Capture.stream(device, cleaning);
        try {
            const context = new AudioContext({ latencyHint: 'interactive' });
            await context.audioWorklet.addModule(recorder);
            const node = new AudioWorkletNode(context, 'recorder', { numberOfInputs: 1, numberOfOutputs: 0, channelCount: 1, channelCountMode: 'explicit' });
            node.port.onmessage = (message: MessageEvent<{ samples: Int16Array; level: number }>) => events.frame(message.data.samples, message.data.level);
            context.createMediaStreamSource(stream).connect(node);
            const track = stream.getAudioTracks()[0]!;
            track.onended = () => events.gone();
            await context.resume();
            const given = track.getSettings();
            return new Capture(stream, context, given.deviceId ?? '', given.echoCancellation !== false);
        } catch (cause) {
            for (const track of stream.getTracks()) track.stop();
            throw cause;
        }
    }

    private static async stream(device: string, { echo, noise, gain }: Cleaning): Promise<MediaStream> {
        const wanted = { echoCancellation: echo, noiseSuppression: noise, autoGainControl: gain, channelCount: 1 };
        try {
            return await navigator.mediaDevices.getUserMedia({ audio: { ...wanted, ...(device && { deviceId: { exact: device } }) } });
        } catch (cause) {
            /* The one that was remembered is not there: the usual one then. */
            if (device && cause instanceof DOMException && cause.name === 'OverconstrainedError') return navigator.mediaDevices.getUserMedia({ audio: wanted });
            throw cause;
        }
    }

    close(): void {
        for (const track of this.stream.getTracks()) {
            track.onended = null;
            track.stop();
        }
        void this.context.close();
    }
}

/* Their names are only told once the microphone is allowed. */
export async function devices(): Promise<Device[]> {
    if (!navigator.mediaDevices?.enumerateDevices) return [];
    const found = (await navigator.mediaDevices.enumerateDevices()).filter((one) => one.kind === 'audioinput' && one.deviceId);
    return found.map((one, i) => ({ id: one.deviceId, label: one.label || `Microphone ${i + 1}` }));
}
