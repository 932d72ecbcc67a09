//! Why a configuration that was read well cannot serve calls all the same.
//!
//! It must never hold a credential.

/// Why a configuration cannot become a policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A value that was checked when the configuration was read does not hold.
    #[error("'{0}' cannot be used: {1}")]
    Unusable(String, &'static str),
    /// TLS is needed and cannot be set up.
    #[error(transparent)]
    Tls(#[from] bastion_outbound::TlsError),
    /// A file of an own CA is of no use.
    #[error("'upstreams.{0}.ca': {1}")]
    Roots(String, bastion_outbound::RootsError),
    /// A variable names a proxy that cannot be used.
    #[error(transparent)]
    Proxy(#[from] bastion_outbound::ProxyError),
}
