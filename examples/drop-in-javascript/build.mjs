// `node build.mjs FILE`: the component, into FILE.
import { componentize } from '@bytecodealliance/componentize-js';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

// The engine loads modules of JavaScript and nothing else: the manifest, which people read and approve as JSON, becomes one.
const manifest = await readFile(here('manifest.json'), 'utf8');
await writeFile(here('manifest.js'), `export const MANIFEST = ${JSON.stringify(manifest)};\n`);

const { component } = await componentize({
  sourcePath: here('tidemark.js'),
  witPath: here('wit'),
  worldName: 'drop-in',
  // With all of them off, the component imports nothing but the contract: no clock, no randomness, no streams of WASI.
  disableFeatures: ['random', 'stdio', 'clocks', 'http', 'fetch-event'],
});
await writeFile(process.argv[2] ?? here('tidemark.wasm'), component);
