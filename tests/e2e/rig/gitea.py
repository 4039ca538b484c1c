"""A Gitea on loopback: users, repositories, protected branches and signed push webhooks over its real API."""

import getpass
import os
import secrets
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from rig import binaries
from rig.certificates import Certified
from rig.processes import Booted, Process, answers, free_port, unprivileged

ADMINISTRATOR = "administrator"

SETTINGS = """
RUN_USER = {user}
RUN_MODE = prod
APP_DATA_PATH = {work}/data
[database]
DB_TYPE = sqlite3
[server]
HTTP_ADDR = {address}
HTTP_PORT = {port}
ROOT_URL = {url}/
{tls}
OFFLINE_MODE = true
DISABLE_SSH = true
STATIC_ROOT_PATH = {work}/static
[security]
INSTALL_LOCK = true
SECRET_KEY = {secret}
PASSWORD_HASH_ALGO = pbkdf2$1000$50
[service]
DISABLE_REGISTRATION = true
[webhook]
ALLOWED_HOST_LIST = loopback
[repository]
DEFAULT_BRANCH = main
[log]
MODE = console
LEVEL = Warn
"""


@dataclass(frozen=True, slots=True)
class User:
    name: str
    password: str

    @property
    def email(self) -> str:
        return f"{self.name}@example.com"


class Gitea(Booted):
    """Boots in a temporary folder that it removes at the end; a context manager that ends what it started.

    Gitea refuses to run as root, so there it runs as `nobody`.
    """

    def __init__(self, logs: Path, address: str = "127.0.0.1", certified: Certified | None = None) -> None:
        self._address = address
        self._certified = certified
        self.url = f"{'https' if certified else 'http'}://{address}:{free_port()}"
        self._log = logs / "gitea.log"
        self._user = unprivileged()

    def user(self, name: str) -> User:
        """A new user with a password of its own."""
        user = User(name, secrets.token_hex(16))
        self._post(
            "admin/users",
            {
                "username": user.name,
                "password": user.password,
                "email": user.email,
                "must_change_password": False,
            },
        )
        return user

    def token(self, user: User) -> User:
        """The same user, with an access token that is good for repositories in place of the password."""
        answer = self._api.post(
            f"users/{user.name}/tokens",
            json={"name": secrets.token_hex(8), "scopes": ["write:repository", "read:user"]},
            auth=(user.name, user.password),
        )
        answer.raise_for_status()
        return replace(user, password=answer.json()["sha1"])

    def repository(self, owner: User, name: str) -> str:
        """The URL, without credentials, of a new empty repository."""
        self._post(f"admin/users/{owner.name}/repos", {"name": name, "default_branch": "main"})
        return f"{self.url}/{owner.name}/{name}.git"

    def signed_in(self, url: str, user: User) -> str:
        """The same URL with the user's credentials in it."""
        return url.replace("://", f"://{user.name}:{user.password}@", 1)

    def collaborate(self, owner: User, name: str, user: User) -> None:
        """Let `user` push to the branches of a repository that are not protected."""
        path = f"repos/{owner.name}/{name}/collaborators/{user.name}"
        self._api.put(path, json={"permission": "write"}).raise_for_status()

    def protect(self, owner: User, name: str, branch: str, pusher: User) -> None:
        """Let nobody but `pusher` push to the branch, and nobody at all force-push."""
        self._post(
            f"repos/{owner.name}/{name}/branch_protections",
            {
                "rule_name": branch,
                "enable_push": True,
                "enable_push_whitelist": True,
                "push_whitelist_usernames": [pusher.name],
                "block_admin_merge_override": True,
            },
        )

    def client(self, owner: User, name: str, back: str) -> tuple[str, str]:
        """Another OpenID client here, which may send people `back`: its id, and its secret."""
        answer = self._api.post(
            "user/applications/oauth2",
            json={"name": name, "redirect_uris": [back], "confidential_client": True},
            auth=(owner.name, owner.password),
        )
        said = answer.raise_for_status().json()
        return said["client_id"], said["client_secret"]

    def webhook(self, owner: User, name: str, target: str, secret: str) -> None:
        """Tell `target` of every push, signed with `secret`: X-Gitea-Signature is its body's HMAC-SHA256."""
        self._post(
            f"repos/{owner.name}/{name}/hooks",
            {
                "type": "gitea",
                "active": True,
                "events": ["push"],
                "config": {"url": target, "content_type": "json", "secret": secret},
            },
        )

    def _boot(self, stack: ExitStack) -> None:
        # Not below the cluster's folder, which the user that Gitea runs as may not enter.
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rig-gitea-")))
        shutil.copytree(binaries.gitea(), work, dirs_exist_ok=True)
        tls = ""
        if self._certified:
            certificate, key = (shutil.copy(file, work) for file in self._certified.files)
            tls = f"PROTOCOL = https\nCERT_FILE = {certificate}\nKEY_FILE = {key}"
        self._settings = work / "app.ini"
        self._settings.write_text(
            SETTINGS.format(
                user=self._user or getpass.getuser(),
                work=work,
                address=self._address,
                port=self.url.rsplit(":", 1)[1],
                url=self.url,
                tls=tls,
                secret=secrets.token_hex(32),
            )
        )
        if self._user:
            for path in (work, *work.rglob("*")):
                shutil.chown(path, self._user)
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(work),
            "TMPDIR": str(work),
            "GITEA_WORK_DIR": str(work),
            "USER": self._user or getpass.getuser(),
        }
        self.process = Process(
            "gitea",
            [str(work / "bin" / "gitea"), "web", "--config", str(self._settings)],
            log=self._log,
            environment=self._environment,
            ready=answers(
                f"{self.url}/api/healthz", ca=self._certified.certificate if self._certified else None
            ),
            user=self._user,
        )
        stack.callback(self.process.stop)
        self.process.start()
        administrator = User(ADMINISTRATOR, secrets.token_hex(16))
        self._create_administrator(administrator)
        self._api = stack.enter_context(
            httpx.Client(
                base_url=f"{self.url}/api/v1/",
                auth=(administrator.name, administrator.password),
                timeout=300,
                verify=self._certified.trusted() if self._certified else True,
            )
        )

    def _create_administrator(self, user: User) -> None:
        subprocess.run(
            [
                *(str(self._settings.parent / "bin" / "gitea"), "--config", str(self._settings)),
                *("admin", "user", "create", "--admin", "--must-change-password=false"),
                *(f"--username={user.name}", f"--password={user.password}", f"--email={user.email}"),
            ],
            check=True,
            capture_output=True,
            env=self._environment,
            cwd=self._settings.parent,
            user=self._user,
            extra_groups=[] if self._user else None,
        )

    def _post(self, path: str, body: dict[str, Any]) -> None:
        self._api.post(path, json=body).raise_for_status()
