"""Wait until the database takes our login, then become the command that follows, if one does.

The connection is libpq's own: PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD, PGSSLMODE.
"""

import argparse
import os
import socket
import sys
import time

import psycopg2

PAUSE_SECONDS = 2


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--timeout", type=float, required=True, help="seconds to keep trying")
    parser.add_argument(
        "--may-be-absent", action="store_true", help="succeed where the host does not exist: a first install"
    )
    parser.add_argument("command", nargs="*")
    options = parser.parse_args()

    if options.may_be_absent and not host_exists(os.environ["PGHOST"]):
        print(f"{os.environ['PGHOST']} does not exist yet: a first install, with nothing to check or migrate")
        return
    log_in(time.monotonic() + options.timeout)
    print("the database takes our login", flush=True)
    if options.command:
        os.execvp(options.command[0], options.command)


def host_exists(host):
    """Only a certain no counts: where the name service itself fails, the login tells."""
    try:
        socket.getaddrinfo(host, None)
    except socket.gaierror as error:
        return error.errno != socket.EAI_NONAME
    return True


def log_in(deadline):
    while True:
        try:
            psycopg2.connect("", connect_timeout=5).close()
            return
        except psycopg2.OperationalError as error:
            if time.monotonic() + PAUSE_SECONDS > deadline:
                sys.exit(f"no login to the database: {error}")
            print(f"waiting: {error}".strip(), flush=True)
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
