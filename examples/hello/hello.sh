#!/bin/sh
# The example container: serves a page, looks at its secret, says so, ends when asked to.
#   PORT          where it listens inside the container (8080)
#   DB_URL_FILE   the file that holds its secret; LogLine hands secrets over as files below /run/secrets

say() { echo "hello: $*"; }

port="${PORT:-8080}"
case "$port" in
  '' | *[!0-9]*) say "PORT is not a number: $port"; exit 64 ;;
esac

if [ -n "$DB_URL_FILE" ]; then
  # a secret was promised: without it this program has no business running
  if [ ! -r "$DB_URL_FILE" ] || [ ! -s "$DB_URL_FILE" ]; then
    say "no secret at $DB_URL_FILE"
    exit 78
  fi
  say "secret DB_URL ok ($(wc -c <"$DB_URL_FILE") bytes, never printed)"
elif [ -n "$DB_URL" ]; then
  say "secret DB_URL ok (from the environment, never printed)"
else
  say "no secret was given to me"
fi

httpd -f -p "$port" -h /www &
server=$!

finish() {
  say "asked to end, bye"
  kill "$server" 2>/dev/null
  exit 0
}
trap finish TERM INT

say "listening on port $port as user $(id -u)"
wait "$server"
code=$?
say "the server ended by itself ($code)"
exit "$code"
