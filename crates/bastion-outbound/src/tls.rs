//! TLS towards others: rustls with the system's roots.
//!
//! It must never accept a certificate that does not verify: there is no switch for that.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;

/// TLS cannot be set up on this machine.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up: {0}; install the system's root certificates")]
pub struct TlsError(#[from] rustls::Error);

/// A client's configuration, HTTP/1.1 only.
///
/// # Errors
/// When the system's root certificates cannot be used.
pub fn client_tls() -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
