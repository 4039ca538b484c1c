"""A certificate of the rig's own for one address, which is its own authority."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rig.processes import program


@dataclass(frozen=True, slots=True)
class Certified:
    """Files in PEM."""

    certificate: Path
    key: Path

    @property
    def files(self) -> tuple[Path, Path]:
        return self.certificate, self.key

    def trusted(self) -> ssl.SSLContext:
        """For a client that believes it and nobody else."""
        return ssl.create_default_context(cafile=self.certificate)


def certify(folder: Path, name: str, *extensions: str, subject: str = "/CN=rig") -> Certified:
    """Make `NAME.crt` and `NAME.key`, with the `extensions` as OpenSSL writes them."""
    openssl = program("openssl", install="`apt-get install openssl`, or your system's openssl package")
    made = Certified(folder / f"{name}.crt", folder / f"{name}.key")
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", subject),
            *("-keyout", made.key, "-out", made.certificate),
            *(part for extension in extensions for part in ("-addext", extension)),
        ],
        check=True,
        capture_output=True,
    )
    return made
