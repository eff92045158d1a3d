"""Signs the sums of a pack with an SSH key, by `ssh-keygen`: staff have such keys, and any system can verify them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from assignments.errors import UserError, shell_word
from reports.board.read_me import NAMESPACE


def check_key(key: Path) -> None:
    """Refuse a key that cannot be read, before anything is written.

    Raises:
        UserError: there is no such file.
    """
    if not key.is_file():
        cure = f"name a private key, such as ~/.ssh/id_ed25519, or make one: ssh-keygen -t ed25519 -f {shell_word(key)}"
        raise UserError(f"--sign {key}: there is no such file; {cure}")


def sign(file: Path, key: Path) -> Path:
    """Write the signature of a file beside it; a passphrase is asked for on the terminal.

    Raises:
        UserError: `ssh-keygen` is missing, or does not sign with this key.
    """
    command = ["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", NAMESPACE, str(file)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise UserError("--sign needs ssh-keygen: apt-get install openssh-client") from None
    signature = file.with_name(f"{file.name}.sig")
    if done.returncode or not signature.is_file():
        what = done.stderr.strip().splitlines()[-1:] or [f"it ended with code {done.returncode}"]
        raise UserError(f"--sign {key}: ssh-keygen does not sign with this key ({what[0]}). Nothing was written.")
    return signature
