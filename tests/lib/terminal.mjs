// A real terminal for tests: tmux runs the program, keys are sent to it, its screen is read. What the program writes,
// byte by byte, is kept as well (raw()).
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binary } from './server.mjs';

const quote = (word) => `'${String(word).replaceAll("'", "'\\''")}'`;

export class Terminal {
    constructor({ columns = 80, rows = 24 } = {}) {
        this.folder = mkdtempSync(join(tmpdir(), 'eidolon-terminal-'));
        this.socket = join(this.folder, 'tmux.sock');
        this.columns = columns;
        this.rows = rows;
    }

    tmux(...args) {
        return execFileSync('tmux', ['-S', this.socket, ...args], { encoding: 'utf8', env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', TERM: 'xterm-256color', HOME: this.folder } });
    }

    /** Starts `eidolon ARGS` in the terminal; env is added to a bare environment. */
    start(args, { env = {}, shell = null } = {}) {
        const settings = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', HOME: this.folder, ...env };
        const assigns = Object.entries(settings).map(([key, value]) => `${key}=${quote(value)}`);
        const term = env.TERM ?? 'screen-256color';
        const command = shell ?? [binary, ...args].map(quote).join(' ');
        // The window waits before it begins, so that raw() has everything.
        const go = join(this.folder, 'go');
        rmSync(go, { force: true });
        writeFileSync(join(this.folder, 'run.sh'), `until [ -e ${go} ]; do sleep 0.02; done\ncd ${this.folder}\nexec env -i TERM=${term} ${assigns.join(' ')} ${command}\n`);
        if (!this.begun) {
            writeFileSync(join(this.folder, 'tmux.conf'), 'set -g history-limit 20000\nset -g remain-on-exit on\nset -g escape-time 10\nset -g status off\n');
            this.tmux('-f', join(this.folder, 'tmux.conf'), 'new-session', '-d', '-x', this.columns, '-y', this.rows, `sh ${join(this.folder, 'run.sh')}`);
            this.begun = true;
        } else {
            this.tmux('respawn-pane', '-k', `sh ${join(this.folder, 'run.sh')}`);
        }
        this.tmux('pipe-pane', '-o', `cat >> ${join(this.folder, 'raw')}`);
        writeFileSync(go, '');
        return this;
    }

    /** Names of keys as tmux has them: Enter, C-c, Tab, Up, M-Enter. */
    keys(...names) {
        this.tmux('send-keys', ...names);
    }

    type(text) {
        this.tmux('send-keys', '-l', '--', text);
    }

    line(text) {
        this.type(text);
        this.keys('Enter');
    }

    /** Pastes as a terminal does: between the marks, if the program asked for them. */
    paste(text) {
        this.tmux('set-buffer', '--', text);
        this.tmux('paste-buffer', '-p', '-r');
    }

    resize(columns, rows) {
        this.tmux('resize-window', '-x', columns, '-y', rows);
    }

    /** Everything that is on the screen and has scrolled off it, without blank ends. */
    screen({ colors = false } = {}) {
        return this.tmux('capture-pane', '-p', ...(colors ? ['-e'] : []), '-S', '-', '-E', '-').replace(/[ \t]+$/gm, '').trimEnd();
    }

    visible() {
        return this.tmux('capture-pane', '-p').replace(/[ \t]+$/gm, '').trimEnd();
    }

    raw() {
        try {
            return readFileSync(join(this.folder, 'raw'), 'utf8');
        } catch {
            return '';
        }
    }

    cursor() {
        const [x, y] = this.tmux('display-message', '-p', '#{cursor_x} #{cursor_y}').trim().split(' ').map(Number);
        return { x, y };
    }

    exit() {
        const [dead, status, signal] = this.tmux('display-message', '-p', '#{pane_dead},#{pane_dead_status},#{pane_dead_signal}').trim().split(',');
        return dead !== '1' ? null : signal ? `signal ${signal}` : Number(status);
    }

    async until(test, what, ms = 15000) {
        const end = Date.now() + ms;
        for (;;) {
            const screen = this.screen();
            const got = typeof test === 'function' ? test(screen) : screen.match(test);
            if (got) return got;
            if (Date.now() > end) throw new Error(`${what ?? test} did not come; the screen is:\n${screen}`);
            await new Promise((r) => setTimeout(r, 30));
        }
    }

    async ended(ms = 15000) {
        const end = Date.now() + ms;
        while (this.exit() === null) {
            if (Date.now() > end) throw new Error(`the program did not end; the screen is:\n${this.screen()}`);
            await new Promise((r) => setTimeout(r, 30));
        }
        return this.exit();
    }

    close() {
        spawnSync('tmux', ['-S', this.socket, 'kill-server']);
        rmSync(this.folder, { recursive: true, force: true });
    }
}
