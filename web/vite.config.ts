// The dev server forwards the API and the socket to a running Eidolon (EIDOLON_URL, by default the usual address).
import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vite';

declare const process: { env: Record<string, string | undefined> };
const target = process.env.EIDOLON_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
    plugins: [sveltekit()],
    build: { target: 'es2022', assetsInlineLimit: 0, reportCompressedSize: false },
    server: {
        proxy: Object.fromEntries(
            ['/api', '/v1', '/healthz', '/readyz', '/metrics', '/ws'].map((path) => [
                path,
                { target, ws: path === '/ws', changeOrigin: true, headers: { origin: target } },
            ]),
        ),
    },
});
