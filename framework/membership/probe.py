"""Asks the brokers once whether they are there and let us in; tells a person why not."""

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from typing import Any

import aiokafka.errors as kafka_errors
from aiokafka.conn import create_conn

from framework.errors import BrokerUnavailableError, NotAllowedError

REFUSALS = (
    kafka_errors.AuthenticationFailedError,
    kafka_errors.AuthenticationMethodNotSupported,
    kafka_errors.IllegalSaslStateError,
    kafka_errors.SaslAuthenticationFailed,
    kafka_errors.UnsupportedSaslMechanismError,
)
"""Answers that no waiting changes."""


async def probe(addresses: Iterable[str], security: Mapping[str, Any], timeout: float) -> None:
    """Connect to the first broker that answers, and close.

    Args:
        addresses: `host:port` of each broker.
        security: aiokafka's options for TLS and SASL.
        timeout: seconds after which one broker counts as away.

    Raises:
        BrokerUnavailableError: none of them answered.
        NotAllowedError: one answered, but refused the credentials, or its certificate is not to be trusted.
    """
    reasons = []
    for address in addresses:
        host, _, port = address.rpartition(":")
        try:
            connecting = create_conn(host.strip("[]"), int(port), request_timeout_ms=round(timeout * 1000), **security)
            connection = await asyncio.wait_for(connecting, timeout)
        except ssl.SSLError as exc:
            raise _untrusted(address, exc) from exc
        except REFUSALS as exc:
            raise _refused(address, exc) from exc
        except (kafka_errors.KafkaError, OSError, TimeoutError) as exc:
            reasons.append(f"{address} ({_reason(exc, security, timeout)})")
        else:
            connection.close()
            return
    raise BrokerUnavailableError(
        f"No Kafka broker answers at {', '.join(reasons)}. Start Kafka (`framework kafka up` starts one on this"
        " machine), or set FRAMEWORK_BOOTSTRAP_SERVERS to the address of a running one."
    )


def _reason(exc: BaseException, security: Mapping[str, Any], timeout: float) -> str:
    if isinstance(exc, TimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(exc, kafka_errors.KafkaError):
        is_tls = security.get("ssl_context") is not None
        # One that misses our certificate tells nobody: since TLS 1.3 the handshake is over by then.
        certificate = " Or does it ask for a certificate (FRAMEWORK_SSL_CERTFILE) that it trusts?" if is_tls else ""
        return (
            "the connection was closed before it spoke Kafka; is this port a broker's, with this security protocol?"
            + certificate
        )
    return (getattr(exc, "strerror", None) or str(exc) or type(exc).__name__).lower()


def _untrusted(address: str, exc: ssl.SSLError) -> NotAllowedError:
    why = getattr(exc, "verify_message", "") or exc.reason or str(exc)
    return NotAllowedError(
        f"The broker at {address} was reached, but TLS with it failed: {why}. Set FRAMEWORK_SSL_CAFILE to"
        " the certificate authority that signed the broker's certificate, and connect by a host name that the"
        " certificate names."
    )


def _refused(address: str, exc: kafka_errors.KafkaError) -> NotAllowedError:
    return NotAllowedError(
        f"The broker at {address} was reached, but refused to let this user in ({type(exc).__name__}). Check"
        " FRAMEWORK_SASL_USERNAME, FRAMEWORK_SASL_PASSWORD and FRAMEWORK_SASL_MECHANISM."
    )
