//! QUIC as a carrier of datagrams (RFC 9221).
//!
//! Its TLS is not what tells agents apart. A listener's certificate is made up at start and says nothing; a client
//! takes any. Who the peer is, the session's own handshake proves: it is signed by the EID, and its keys come from that
//! handshake alone. An attacker in the middle of the QUIC connection sees sealed frames, and can lose them, no more.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use quinn::congestion::BbrConfig;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use quinn::rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use quinn::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use quinn::rustls::{self, DigitallySignedStruct, SignatureScheme, version::TLS13};
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, ServerConfig, TransportConfig};

/// The application protocol that both ends name.
const ALPN: &[u8] = b"iacp/1";
/// The name in the certificate, which is not checked.
pub const NAME: &str = "agent.invalid";
/// How long a connection may take to come about.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of datagrams that wait for QUIC's congestion control: what leaves in two milliseconds at a gigabit a second.
const QUEUE: usize = 256 * 1024;

fn transport() -> Result<Arc<TransportConfig>> {
    let mut config = TransportConfig::default();
    // A frame that is sealed keeps its length: the path may not turn out to be narrower later.
    config.mtu_discovery_config(None);
    // Datagrams only.
    config.max_concurrent_bidi_streams(0_u32.into()).max_concurrent_uni_streams(0_u32.into());
    // What does not fit waits in the session's delta log, where nothing is lost.
    config.datagram_send_buffer_size(QUEUE);
    // A radio that loses one frame in a hundred is not taken for a full queue.
    config.congestion_controller_factory(Arc::new(BbrConfig::default()));
    config.max_idle_timeout(Some(Duration::from_secs(45).try_into()?));
    Ok(Arc::new(config))
}

/// A listener's side, with a certificate made for the occasion.
pub fn server() -> Result<ServerConfig> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(transport()?);
    Ok(config)
}

/// The side that begins a connection.
pub fn client() -> Result<ClientConfig> {
    let mut tls = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider())))
        .with_no_client_auth();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(transport()?);
    Ok(config)
}

/// Connects to a listener.
pub async fn connect(from: SocketAddr, to: SocketAddr) -> Result<Connection> {
    let mut endpoint = Endpoint::client(from).context("cannot open a UDP socket for QUIC")?;
    endpoint.set_default_client_config(client()?);
    let connecting = endpoint.connect(to, NAME).with_context(|| format!("cannot reach quic {to}"))?;
    let connection = match tokio::time::timeout(PATIENCE, connecting).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(ConnectionError::ConnectionClosed(_))) => bail!("connection refused: quic {to} takes no connection now"),
        Ok(Err(why)) => bail!("no connection to quic {to}: {why}"),
        Err(_) => bail!(
            "connection refused: no process answers on quic {to} within {} s (does it listen, and with this transport?)",
            PATIENCE.as_secs()
        ),
    };
    if connection.max_datagram_size().is_none() {
        bail!("quic {to} takes no datagrams");
    }
    Ok(connection)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Takes any certificate; its holder still has to sign with it. See the head of this file for why that is enough.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
