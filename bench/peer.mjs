// Unmodified whatsapp-web.js with LocalAuth and its own defaults, many clients in one Node process: its most
// economical use. Events go out as JSON lines stamped by this process's clock; commands come in the same way.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const { packages, profiles, chromium, args } = JSON.parse(process.argv[2]);
const { Client, LocalAuth } = createRequire(packages)('whatsapp-web.js');
const say = (event, fields = {}) => process.stdout.write(JSON.stringify({ event, at: Date.now() / 1000, ...fields }) + '\n');

const clients = new Map();
let closing = false;
const fail = (id) => (error) => closing || say('error', { id, message: String(error?.stack ?? error) });

function start(id) {
  const client = new Client({
    authStrategy: new LocalAuth({ clientId: id, dataPath: profiles }),
    puppeteer: { executablePath: chromium, args },
  });
  clients.set(id, client);
  client.on('qr', (text) => say('qr', { id, text }));
  client.on('ready', () => say('ready', { id, number: client.info.wid.user }));
  client.on('auth_failure', fail(id));
  client.initialize().catch(fail(id));
}

async function close() {
  closing = true;
  await Promise.allSettled([...clients.values()].map((client) => client.destroy()));
  say('closed');
  process.exit(0);
}

process.on('unhandledRejection', fail(null));
createInterface({ input: process.stdin }).on('line', (line) => {
  const { start: ids, close: over } = JSON.parse(line);
  if (over) return close();
  say('starting');
  ids.forEach(start);
});
say('loaded');
