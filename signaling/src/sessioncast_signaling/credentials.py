"""The agent's credential: derived, not stored, so that it is the same on a repeat of the creating
request, on another replica and after a restart.
"""

import base64
import hashlib
import hmac

PREFIX = "sca_"
_KEY_LABEL = b"sessioncast agent credential v1"


def agent_credential(api_secret: str, session: str) -> str:
    """Return the credential with which the agent of this session asks for its tokens."""
    key = hmac.digest(api_secret.encode(), _KEY_LABEL, hashlib.sha256)
    mac = hmac.digest(key, f"agent-credential:{session}".encode(), hashlib.sha256)
    return PREFIX + base64.urlsafe_b64encode(mac).decode().rstrip("=")


def is_agent_credential(api_secret: str, session: str, presented: str) -> bool:
    """Tell, in constant time, whether what was presented is this session's credential."""
    return same_secret(agent_credential(api_secret, session), presented)


def same_secret(expected: str, presented: str) -> bool:
    """Compare in a time that depends on neither: both are hashed first."""
    return hmac.compare_digest(
        hashlib.sha256(expected.encode()).digest(),
        hashlib.sha256(presented.encode("utf-8", "surrogatepass")).digest(),
    )
