import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The page runs under a policy that takes scripts, styles and fonts from files of its own server alone: nothing may be
// put inline, however small.
export default defineConfig({
  plugins: [react()],
  resolve: { conditions: ["@carillon/source", "module", "browser", "development|production"] },
  build: {
    target: "es2022",
    outDir: "../../packages/carillon/dist/chat",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    sourcemap: true,
    modulePreload: { polyfill: false },
    // Where the time of the build goes on a slow machine is no news to whoever starts the chat.
    rolldownOptions: { checks: { bundlerTimings: false } },
  },
  server: { proxy: { "/ticket": "http://127.0.0.1:3000", "/realtime": { target: "ws://127.0.0.1:3000", ws: true } } },
});
