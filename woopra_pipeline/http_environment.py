"""The environment that the HTTP library reads by itself, proxies and certificates, and its faults.

A proxy's address may carry a password, so what the library says of it is not repeated.
"""

import httpx

from woopra_pipeline.errors import ConfigurationError

UNUSABLE_ENVIRONMENT = (httpx.InvalidURL, ValueError, OSError, ImportError)
"""What a new `httpx.Client` raises for a proxy or a file of certificates it cannot use."""


def unusable_environment() -> ConfigurationError:
    """The error for an environment in which no HTTP client can be made."""
    return ConfigurationError(
        "No HTTP client can be made with this environment: check HTTP_PROXY, HTTPS_PROXY, "
        "ALL_PROXY (no SOCKS proxies), NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR"
    )
