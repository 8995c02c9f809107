// Runs one unmodified whatsapp-web.js client. Events go out as JSON lines, commands come in as JSON lines.
import { createInterface } from 'node:readline';
import whatsapp from 'whatsapp-web.js';

const { profile, cache, chromium, args, phone } = JSON.parse(process.argv[2]);
const say = (event, fields = {}) => process.stdout.write(JSON.stringify({ event, ...fields }) + '\n');

const client = new whatsapp.Client({
  authStrategy: new whatsapp.LocalAuth({ dataPath: profile }),
  webVersionCache: { type: 'local', path: cache },
  puppeteer: { executablePath: chromium, headless: 'shell', args },
  ...(phone ? { pairWithPhoneNumber: { phoneNumber: phone } } : {}),
});

client.on('qr', (text) => say('qr', { text }));
client.on('code', (code) => say('code', { code }));
client.on('loading_screen', (percent) => say('loading_screen', { percent }));
client.on('authenticated', () => say('authenticated'));
client.on('auth_failure', (message) => say('auth_failure', { message }));
client.on('change_state', (state) => say('change_state', { state }));
client.on('disconnected', (reason) => say('disconnected', { reason }));
client.on('ready', () => say('ready', { wid: client.info.wid, pushname: client.info.pushname }));

const commands = {
  chats: async () => {
    const chats = await client.getChats();
    say('chats', { chats: chats.map(({ id, name, isGroup, unreadCount }) => ({ id: id._serialized, name, isGroup, unreadCount })) });
  },
  logout: async () => {
    await client.logout();
    say('logged_out');
  },
  close: async () => {
    // The library may still be injecting into a page that navigated; that ends with an error nobody waits for.
    closing = true;
    await client.destroy();
    say('closed');
    process.exit(0);
  },
};

let closing = false;
const fail = (error) => {
  if (closing) return;
  say('error', { message: String(error?.stack ?? error) });
  process.exit(1);
};
process.on('unhandledRejection', fail);
createInterface({ input: process.stdin }).on('line', (line) => commands[line]().catch(fail));
client.initialize().catch(fail);
