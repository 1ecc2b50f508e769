"""Faults in the environment that the HTTP library reads itself: proxies and certificates.

The address of a proxy may contain a password, so the library's message is not repeated.
"""

import httpx

from woopra_pipeline.errors import ConfigurationError

UNUSABLE_ENVIRONMENT = (httpx.InvalidURL, ValueError, OSError, ImportError)
"""Errors of a new `httpx.Client` for a proxy or a file of certificates that it cannot use."""


def unusable_environment() -> ConfigurationError:
    """The error for an environment in which no HTTP client can be made."""
    return ConfigurationError(
        "No HTTP client can be made with this environment: check HTTP_PROXY, HTTPS_PROXY, "
        "ALL_PROXY (no SOCKS proxies), NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR"
    )
