//! TLS towards others: rustls with the system's roots, and those of an own CA beside them.
//!
//! It must never accept a certificate that does not verify: there is no switch for that.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;

/// HTTP/2 in ALPN. Source: RFC 9113, 3.1.
pub(crate) const HTTP2: &[u8] = b"h2";

/// HTTP/1.1 in ALPN. Source: RFC 7301, 6.
const HTTP11: &[u8] = b"http/1.1";

/// Longest file of certificates, in bytes: a system's whole bundle has about 220 KiB.
const MAX_ROOTS_BYTES: u64 = 1024 * 1024;

/// Which versions of HTTP a server is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Versions {
    /// Over TLS the server chooses (ALPN); in plain text HTTP/1.1.
    #[default]
    Auto,
    /// HTTP/1.1 and no other.
    Http11,
    /// HTTP/2 and no other; in plain text by prior knowledge.
    Http2,
}

/// TLS cannot be set up on this machine.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up: {0}; install the system's root certificates")]
pub struct TlsError(#[from] rustls::Error);

/// Why a file of certificates is of no use.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// It cannot be read.
    #[error("'{0}' cannot be read: {1}; put the CA's certificate there, readable for bastion")]
    Unreadable(PathBuf, std::io::Error),
    /// It is longer than any list of certificates.
    #[error("'{0}' is longer than 1 MiB; keep only the CA's certificates in it")]
    TooLong(PathBuf),
    /// It holds none.
    #[error(
        "'{0}' holds no certificate; it must be PEM, with '-----BEGIN CERTIFICATE-----' \
         (openssl x509 -inform der -in FILE -out FILE.pem makes it of DER)"
    )]
    None(PathBuf),
    /// One of them is broken.
    #[error("certificate {1} in '{0}' is broken: {2}; copy the CA's file again")]
    Broken(PathBuf, usize, String),
}

/// Certificates of an own CA.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExtraRoots {
    certificates: Vec<CertificateDer<'static>>,
}

impl ExtraRoots {
    /// Reads a PEM file of one or more certificates; what else stands in it is passed over.
    ///
    /// # Errors
    /// When it cannot be read, is longer than 1 MiB, holds no certificate or a broken one.
    pub fn read(path: &Path) -> Result<ExtraRoots, RootsError> {
        let unreadable = |cause| RootsError::Unreadable(path.to_owned(), cause);
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let mut text = Vec::new();
        file.take(MAX_ROOTS_BYTES + 1).read_to_end(&mut text).map_err(unreadable)?;
        if text.len() as u64 > MAX_ROOTS_BYTES {
            return Err(RootsError::TooLong(path.to_owned()));
        }
        let broken = |place: usize, why: String| RootsError::Broken(path.to_owned(), place, why);
        let mut certificates = Vec::new();
        for read in CertificateDer::pem_slice_iter(&text) {
            let place = certificates.len() + 1;
            let certificate = read.map_err(|cause| broken(place, cause.to_string()))?;
            // Tried one by one: the error can say which.
            rustls::RootCertStore::empty()
                .add(certificate.clone())
                .map_err(|cause| broken(place, cause.to_string()))?;
            certificates.push(certificate);
        }
        if certificates.is_empty() {
            return Err(RootsError::None(path.to_owned()));
        }
        Ok(ExtraRoots { certificates })
    }
}

/// A client's configuration: the system's roots, and `extra` beside them.
///
/// # Errors
/// When the system's root certificates cannot be used.
pub fn client_tls(
    versions: Versions,
    extra: Option<&ExtraRoots>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(verifier(extra, &provider)?);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        // The name is rustls': what verifies is the system's own verifier with its roots.
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = match versions {
        Versions::Auto => vec![HTTP2.to_vec(), HTTP11.to_vec()],
        Versions::Http11 => vec![HTTP11.to_vec()],
        Versions::Http2 => vec![HTTP2.to_vec()],
    };
    Ok(Arc::new(config))
}

fn verifier(
    extra: Option<&ExtraRoots>,
    provider: &Arc<CryptoProvider>,
) -> Result<Verifier, rustls::Error> {
    let extra = extra.map(|roots| roots.certificates.clone()).unwrap_or_default();
    Verifier::new_with_extra_roots(extra, Arc::clone(provider))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> String {
        rcgen::generate_simple_self_signed(vec!["ca.test".to_owned()]).unwrap().cert.pem()
    }

    fn check(text: &[u8], says: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, text).unwrap();
        let told = ExtraRoots::read(&path).unwrap_err().to_string();
        assert!(told.contains(says) && told.contains("ca.pem"), "{told}");
    }

    #[test]
    fn certificates_are_read_whatever_stands_between_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let text = format!("our CA\n{}\nthe next one\n{}", certificate(), certificate());
        std::fs::write(&path, text).unwrap();
        assert_eq!(ExtraRoots::read(&path).unwrap().certificates.len(), 2);
    }

    #[test]
    fn a_file_that_is_of_no_use_is_named_with_the_mend() {
        check(b"", "holds no certificate; it must be PEM");
        check(&[0x30, 0x82, 1, 2], "holds no certificate; it must be PEM");
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        check(key.as_bytes(), "holds no certificate");
        let cut = certificate().replace("-----END CERTIFICATE-----", "");
        check(cut.as_bytes(), "certificate 1");
        let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        check(format!("{}{nonsense}", certificate()).as_bytes(), "certificate 2");
        check(&vec![b'x'; 1024 * 1024 + 1], "longer than 1 MiB");
        let absent = ExtraRoots::read(Path::new("/nowhere/ca.pem")).unwrap_err().to_string();
        assert!(absent.starts_with("'/nowhere/ca.pem' cannot be read"), "{absent}");
    }

    #[test]
    fn each_setting_offers_its_versions_and_no_other() {
        let offers = |versions| client_tls(versions, None).unwrap().alpn_protocols.clone();
        assert_eq!(offers(Versions::Auto), [HTTP2, HTTP11]);
        assert_eq!(offers(Versions::Http11), [HTTP11]);
        assert_eq!(offers(Versions::Http2), [HTTP2]);
    }
}
