//! How a connection to PostgreSQL is encrypted, as libpq's `ssl…` parameters ask.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::ConnectError;
use crate::tls::{Check, authorities, of_the_system};

/// What an address asks of TLS.
pub(crate) struct Wanted {
    pub(crate) check: Check,
    /// The authorities' certificates; the system's where there is none.
    pub(crate) roots: Option<PathBuf>,
    /// Our own certificate and its key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    pub(crate) no_sni: bool,
    pub(crate) newest_only: bool,
    pub(crate) older_only: bool,
}

/// How a server's certificate is checked. Whether TLS is asked for at all is in the address.
pub(crate) fn client(wanted: &Wanted) -> Result<ClientConfig, ConnectError> {
    let mut roots = RootCertStore::empty();
    let certificates = match &wanted.roots {
        Some(path) => authorities(path)?,
        None if wanted.check == Check::Nothing => Vec::new(),
        None => of_the_system(),
    };
    // Those that cannot be read are not trusted.
    roots.add_parsable_certificates(certificates);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: &[_] = match (wanted.newest_only, wanted.older_only) {
        (true, _) => &[&rustls::version::TLS13],
        (_, true) => &[&rustls::version::TLS12],
        _ => rustls::DEFAULT_VERSIONS,
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|_| ConnectError::Url("TLS is not available in this build"))?;
    let builder = if wanted.check == Check::Host {
        builder.with_root_certificates(roots)
    } else {
        let chain = match wanted.check {
            Check::Nothing => None,
            _ => {
                let built = WebPkiServerVerifier::builder_with_provider(
                    Arc::new(roots),
                    Arc::clone(&provider),
                );
                let none = wanted.roots.clone().unwrap_or_else(|| "the system".into());
                Some(built.build().map_err(|_| ConnectError::Certificates(none))?)
            }
        };
        let lenient = Lenient { chain, provider };
        builder.dangerous().with_custom_certificate_verifier(Arc::new(lenient))
    };
    let mut config = match &wanted.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let wrong = || ConnectError::Certificates(key.clone());
            let key = PrivateKeyDer::from_pem_file(key).map_err(|_| wrong())?;
            builder.with_client_auth_cert(authorities(certificate)?, key).map_err(|_| wrong())?
        }
    };
    config.enable_sni = !wanted.no_sni;
    Ok(config)
}

/// Lets certificates pass that are for another host, or made by anybody.
#[derive(Debug)]
struct Lenient {
    /// Checks who made it, where that is asked for.
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<rustls::crypto::CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // It looks at the name last.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            checked => checked,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
