//! TLS towards database servers: rustls, the system's certificates or one's own.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::{ConnectError, Options};

/// How a server's certificate is checked. Whether TLS is asked for at all is in the address.
pub(crate) fn client(options: &Options) -> Result<ClientConfig, ConnectError> {
    let mut roots = RootCertStore::empty();
    match &options.root_certificates {
        Some(path) => {
            let unreadable = |_| ConnectError::Certificates(path.clone());
            for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
                let certificate = certificate.map_err(unreadable)?;
                roots.add(certificate).map_err(|_| ConnectError::Certificates(path.clone()))?;
            }
        }
        // Those that cannot be read are not trusted.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| ConnectError::Url("TLS is not available in this build"))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
