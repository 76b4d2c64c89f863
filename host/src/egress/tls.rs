//! Who is believed: the machine's certificate authorities and those that the operator adds.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

/// Why the way out could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file of `egress.ca_files` does not read.
    #[error("`egress.ca_files`: `{path}` {why}", path = path.display())]
    Authority {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// An `[[instance]]` has an address that no request could have.
    #[error("`[[instance]]` of `{provider}`: {cause}")]
    Instance {
        /// The provider.
        provider: String,
        /// The rule.
        cause: super::Denied,
    },
    /// The TLS library refused its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),
}

/// Makes ring the process's cryptography for TLS. May be called any number of times; every `reqwest` client wants it first.
pub fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that somebody was first; the provider is then theirs, which is theirs to answer for.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// One configuration for all connections. Sessions are not resumed: a ticket would tie the connections of different people
/// together, and a mint happens once an hour.
///
/// # Errors
/// A file has no certificates.
pub fn client_config(ca_files: &[PathBuf]) -> Result<ClientConfig, StartError> {
    install_crypto();
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    let (known, strange) = roots.add_parsable_certificates(native.certs);
    tracing::debug!(
        known,
        strange,
        errors = native.errors.len(),
        "the machine's certificate authorities"
    );
    for path in ca_files {
        add_file(&mut roots, path).map_err(|why| StartError::Authority { path: path.clone(), why })?;
    }
    if roots.is_empty() {
        tracing::warn!("no certificate authority is known; every https upstream will be refused: install them or list `egress.ca_files`");
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(StartError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let text = std::fs::read(path).map_err(|cause| format!("cannot be read: {cause}"))?;
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|_| "is no PEM file".to_owned())?;
        roots
            .add(certificate)
            .map_err(|cause| format!("has a certificate that cannot be an authority: {cause}"))?;
        found += 1;
    }
    if found == 0 {
        Err("has no certificate in PEM form".to_owned())
    } else {
        Ok(())
    }
}
