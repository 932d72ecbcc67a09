//! TLS for callers: a certificate that can be exchanged while connections run.
//!
//! It must never go on with half of a new pair: the old one stays until the new one is whole.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

/// Between two looks whether the files are others.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Longest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The mode's bits of group and world.
const OTHERS: u32 = 0o077;

/// A certificate and its key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM.
    #[error("{0} cannot be read: {1}; put the PEM there")]
    Unreadable(PathBuf, String),
    /// The key is no secret.
    #[error("{0} can be read by others (mode {1:o}); make it 0600")]
    ReadableByOthers(PathBuf, u32),
    /// The file holds no certificate.
    #[error("{0} holds no certificate; put the chain there, the server's own first")]
    NoCertificate(PathBuf),
    /// The key is another certificate's, or of a kind that TLS does not know.
    #[error("the key in {0} does not fit the certificate: {1}; put the pair there")]
    NoPair(PathBuf, rustls::Error),
    /// TLS cannot be set up at all.
    #[error("TLS cannot be set up: {0}")]
    Setup(rustls::Error),
}

/// Where the certificate's chain and its key lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, in PEM, the server's own certificate first.
    pub cert: PathBuf,
    /// Its key, in PEM, for its owner's eyes alone.
    pub key: PathBuf,
}

/// TLS of a listener.
pub struct Tls {
    acceptor: TlsAcceptor,
    presented: Arc<Presented>,
    read: Mutex<(TlsFiles, Option<Changed>)>,
}

/// When both files were changed last.
type Changed = (SystemTime, SystemTime);

/// The certificate that the next handshake shows.
#[derive(Debug)]
struct Presented {
    pair: ArcSwap<CertifiedKey>,
}

impl ResolvesServerCert for Presented {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.pair.load_full())
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When they cannot be read, do not fit each other, or the key is no secret.
    pub fn read(files: TlsFiles) -> Result<Tls, TlsError> {
        let changed = changed(&files);
        let pair = ArcSwap::from_pointee(pair(&files)?);
        let presented = Arc::new(Presented { pair });
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&presented) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Tls { acceptor, presented, read: Mutex::new((files, changed)) })
    }

    /// Reads files again, perhaps others; the next handshake shows what they hold.
    ///
    /// # Errors
    /// As [`Tls::read`]; the old certificate goes on then.
    pub fn read_again(&self, files: TlsFiles) -> Result<(), TlsError> {
        let changed = changed(&files);
        let read = pair(&files);
        // A bad pair is told once, not with every look.
        *self.read.lock() = (files, changed);
        self.presented.pair.store(Arc::new(read?));
        Ok(())
    }

    /// Looks at the files every few seconds and reads them again when they are others; never ends.
    pub async fn watch(&self) {
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            let (files, before) = self.read.lock().clone();
            if changed(&files) == before {
                continue;
            }
            match self.read_again(files) {
                Ok(()) => tracing::info!("the certificate was read again"),
                Err(cause) => {
                    tracing::error!(%cause, "the new certificate is not used; the old one goes on");
                }
            }
        }
    }

    pub(crate) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }
}

fn changed(files: &TlsFiles) -> Option<Changed> {
    let of = |path: &Path| std::fs::metadata(path).and_then(|about| about.modified()).ok();
    Some((of(&files.cert)?, of(&files.key)?))
}

fn pair(files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
    let chain = text(&files.cert, None)?;
    let unreadable = |path: &Path, cause: &dyn ToString| {
        TlsError::Unreadable(path.to_owned(), cause.to_string())
    };
    let chain = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|cause| unreadable(&files.cert, &cause))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(files.cert.clone()));
    }
    let key = PrivateKeyDer::from_pem_slice(&text(&files.key, Some(OTHERS))?)
        .map_err(|cause| unreadable(&files.key, &cause))?;
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain, key, &provider)
        .map_err(|cause| TlsError::NoPair(files.key.clone(), cause))
}

/// A file's bytes; refused when its mode lets others in.
fn text(path: &Path, refused_mode: Option<u32>) -> Result<Vec<u8>, TlsError> {
    let unreadable =
        |cause: std::io::Error| TlsError::Unreadable(path.to_owned(), cause.to_string());
    let file = File::open(path).map_err(unreadable)?;
    // Of the open file, not of the path: it could be exchanged in between.
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
    if refused_mode.is_some_and(|refused| mode & refused != 0) {
        return Err(TlsError::ReadableByOthers(path.to_owned(), mode));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(folder: &Path, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn told(cert: &str, key: &str, mode: u32) -> String {
        let folder = tempfile::tempdir().unwrap();
        let files = TlsFiles {
            cert: write(folder.path(), "cert.pem", cert, 0o644),
            key: write(folder.path(), "key.pem", key, mode),
        };
        let told = Tls::read(files).err().unwrap().to_string();
        assert!(!key.lines().nth(1).is_some_and(|line| told.contains(line)), "{told}");
        told
    }

    #[test]
    fn a_bad_pair_is_told_with_its_file_and_the_mend() {
        let ((cert, key), (_, other)) = (made(), made());
        assert!(told("nothing", &key, 0o600).contains("cert.pem holds no certificate"));
        assert!(told(&cert, "nothing", 0o600).contains("key.pem cannot be read"));
        assert!(told(&cert, &other, 0o600).contains("does not fit the certificate"));
        assert!(told(&cert, &key, 0o640).contains("mode 640); make it 0600"));
        let nowhere = TlsFiles { cert: "/nowhere".into(), key: "/nowhere".into() };
        assert!(matches!(Tls::read(nowhere), Err(TlsError::Unreadable(..))));
    }

    #[test]
    fn a_new_pair_takes_the_old_ones_place_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = made();
        let files = TlsFiles {
            cert: write(folder.path(), "cert.pem", &cert, 0o644),
            key: write(folder.path(), "key.pem", &key, 0o600),
        };
        let tls = Tls::read(files.clone()).unwrap();
        let shown = |tls: &Tls| tls.presented.pair.load().cert.clone();
        let first = shown(&tls);
        let (cert, key) = made();
        write(folder.path(), "cert.pem", &cert, 0o644);
        assert!(tls.read_again(files.clone()).is_err(), "the key is still the old one");
        assert_eq!(shown(&tls), first);
        write(folder.path(), "key.pem", &key, 0o600);
        tls.read_again(files).unwrap();
        assert_ne!(shown(&tls), first);
    }
}
