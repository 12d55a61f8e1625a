//! TLS settings of the client: ring, TLS 1.2 and later, Mozilla's roots or the operator's own.

use std::path::Path;
use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::config::ConfigError;

/// A client configuration that trusts `ca_bundle` alone, or Mozilla's roots without one.
///
/// # Errors
/// [`ConfigError::CaBundle`] when the file has no usable certificate.
pub(crate) fn client_config(ca_bundle: Option<&Path>) -> Result<ClientConfig, ConfigError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::Tls(error.to_string()))?;
    Ok(match ca_bundle {
        None => builder.with_webpki_roots().with_no_client_auth(),
        Some(path) => builder
            .with_root_certificates(roots_of(path)?)
            .with_no_client_auth(),
    })
}

fn roots_of(path: &Path) -> Result<RootCertStore, ConfigError> {
    let fail = |reason: String| ConfigError::CaBundle {
        path: path.display().to_string(),
        reason,
    };
    let mut roots = RootCertStore::empty();
    for certificate in
        CertificateDer::pem_file_iter(path).map_err(|error| fail(error.to_string()))?
    {
        let certificate = certificate.map_err(|error| fail(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| fail(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(fail("it holds no certificate".to_owned()));
    }
    Ok(roots)
}
