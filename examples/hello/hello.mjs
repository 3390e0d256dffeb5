// The same program as hello.sh, for machines that have no static busybox to put into an image: Node serves instead.
import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';

const say = (text) => console.log(`hello: ${text}`);
const { PORT: port = '8080', DB_URL_FILE: secretFile, DB_URL: secret } = process.env;

if (!/^[0-9]+$/.test(port)) {
  say(`PORT is not a number: ${port}`);
  process.exit(64);
}

const sizeOf = (file) => {
  try {
    return statSync(file).size > 0 ? readFileSync(file).length : 0;
  } catch {
    return 0;
  }
};
if (secretFile) {
  const size = sizeOf(secretFile);
  if (size === 0) {
    say(`no secret at ${secretFile}`);
    process.exit(78);
  }
  say(`secret DB_URL ok (${size} bytes, never printed)`);
} else if (secret) {
  say('secret DB_URL ok (from the environment, never printed)');
} else {
  say('no secret was given to me');
}

const page = readFileSync('/www/index.html');
const server = createServer((request, response) => {
  const isPage = request.url === '/' || request.url === '/index.html';
  const body = isPage ? page : request.url === '/healthz' ? 'ok\n' : undefined;
  response.writeHead(body === undefined ? 404 : 200, { 'content-type': isPage ? 'text/html' : 'text/plain' });
  response.end(body ?? 'not found\n');
});
server.listen(Number(port), '0.0.0.0', () => say(`listening on port ${port} as user ${process.getuid()}`));

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    say('asked to end, bye');
    process.exit(0);
  });
}
