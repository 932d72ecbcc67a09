//! TLS towards others: rustls with the system's roots, and those that an operator adds.
//!
//! It must never accept a certificate that does not verify: there is no switch for that.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;

/// TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// On this machine.
    #[error("TLS cannot be set up: {0}; install the system's root certificates")]
    Setup(#[from] rustls::Error),
    /// The file of added roots cannot be read.
    #[error("the certificates in {0} cannot be read: {1}; put the authority's PEM there")]
    Unreadable(PathBuf, String),
    /// The file holds no certificate.
    #[error(
        "{0} holds no certificate; put the authority's PEM there (-----BEGIN CERTIFICATE-----)"
    )]
    NoCertificate(PathBuf),
}

/// Which versions of HTTP are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// HTTP/1.1 alone.
    Http11,
    /// HTTP/2 alone.
    Http2,
    /// Both; the other side chooses.
    Both,
}

impl Offer {
    fn protocols(self) -> Vec<Vec<u8>> {
        let (old, new) = (b"http/1.1".to_vec(), b"h2".to_vec());
        match self {
            Offer::Http11 => vec![old],
            Offer::Http2 => vec![new],
            Offer::Both => vec![new, old],
        }
    }
}

/// A client's configuration; `roots` counts beside the system's own.
///
/// # Errors
/// When the system's root certificates cannot be used, or an added one makes no sense.
pub fn client_tls(
    offer: Offer,
    roots: Vec<CertificateDer<'static>>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new_with_extra_roots(roots, Arc::clone(&provider))?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = offer.protocols();
    Ok(Arc::new(config))
}

/// The certificates of a PEM file: an authority of the operator's own.
///
/// # Errors
/// When the file cannot be read or holds none.
pub fn read_roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |cause: String| TlsError::Unreadable(path.to_owned(), cause);
    let text = std::fs::read(path).map_err(|cause| unreadable(cause.to_string()))?;
    let roots = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|cause| unreadable(cause.to_string()))?;
    if roots.is_empty() {
        return Err(TlsError::NoCertificate(path.to_owned()));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn a_file_of_roots_is_read_or_told_with_its_path() {
        let made = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
        let pem = made.cert.pem();
        let (_folder, path) = file(&[pem.as_str(), &pem].concat());
        assert_eq!(read_roots(&path).unwrap().len(), 2);
        assert!(client_tls(Offer::Both, read_roots(&path).unwrap()).is_ok());
        let (_folder, path) = file("nothing");
        let told = read_roots(&path).unwrap_err().to_string();
        assert!(told.contains("ca.pem holds no certificate"), "{told}");
        let (_folder, path) = file("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n");
        assert!(matches!(read_roots(&path), Err(TlsError::Unreadable(..))));
        assert!(matches!(read_roots(Path::new("/nowhere")), Err(TlsError::Unreadable(..))));
    }
}
