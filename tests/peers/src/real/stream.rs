//! The same with quinn: one stream of the same length, in packets of at most 1,200 bytes as ours are.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use quinn::congestion::{BbrConfig, CubicConfig};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::rustls::RootCertStore;
use quinn::rustls::crypto::aws_lc_rs;
use quinn::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use quinn::rustls::version::TLS13;
use quinn::{ClientConfig, Endpoint, ServerConfig, TransportConfig};

use crate::Failure;

/// Congestion control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    Bbr,
    Cubic,
}

impl Control {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bbr => "bbr",
            Self::Cubic => "cubic",
        }
    }

    pub fn read(text: &str) -> Result<Self, Failure> {
        let found = [Self::Bbr, Self::Cubic].into_iter().find(|control| control.name() == text);
        found.ok_or_else(|| format!("{text}: neither bbr nor cubic").into())
    }
}

const NAME: &str = "real.invalid";

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    // Like `agent`: one thread.
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn transport(control: Control) -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config.mtu_discovery_config(None);
    match control {
        Control::Bbr => config.congestion_controller_factory(Arc::new(BbrConfig::default())),
        Control::Cubic => config.congestion_controller_factory(Arc::new(CubicConfig::default())),
    };
    Arc::new(config)
}

/// The certificate that both processes know: where it lies for the length of a measurement.
fn certificate_of(at: SocketAddr) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("real-certificate-{}", at.port()))
}

/// Takes streams until it is killed.
pub fn serve() -> Result<(), Failure> {
    runtime()?.block_on(async {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let certificate = made.cert.der().clone();
        let mut config = ServerConfig::with_single_cert(vec![certificate.clone()], key)?;
        config.transport_config(transport(Control::Cubic));
        let endpoint = Endpoint::server(config, ([127, 0, 0, 1], 0).into())?;
        let at = endpoint.local_addr()?;
        std::fs::write(certificate_of(at), &certificate)?;
        std::fs::write(certificate_of(([127, 0, 0, 1], 0).into()), &certificate)?;
        eprintln!("listening on quic {at}");
        while let Some(incoming) = endpoint.accept().await {
            let connection = incoming.await?;
            let mut stream = connection.accept_uni().await?;
            let mut bytes = 0_u64;
            while let Some(chunk) = stream.read_chunk(usize::MAX, true).await? {
                bytes += chunk.bytes.len() as u64;
            }
            let mut answer = connection.open_uni().await?;
            answer.write_all(&bytes.to_be_bytes()).await?;
            answer.finish()?;
            connection.closed().await;
        }
        Ok(())
    })
}

/// Sends the bytes, and waits until the peer confirms that it has them.
pub fn send(to: SocketAddr, control: Control, bytes: u64) -> Result<(), Failure> {
    runtime()?.block_on(async {
        let mut roots = RootCertStore::empty();
        let known = std::fs::read(certificate_of(([127, 0, 0, 1], 0).into()))?;
        roots.add(CertificateDer::from(known))?;
        let tls = quinn::rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
        config.transport_config(transport(control));
        let mut endpoint = Endpoint::client(([127, 0, 0, 1], 0).into())?;
        endpoint.set_default_client_config(config);
        let connection = endpoint.connect(to, NAME)?.await?;
        let began = Instant::now();
        let mut stream = connection.open_uni().await?;
        let block = vec![0x5A; 100_000];
        for _ in 0..bytes / 100_000 {
            stream.write_all(&block).await?;
        }
        stream.finish()?;
        let answer = connection.accept_uni().await?.read_to_end(8).await?;
        let took = began.elapsed().as_millis();
        if answer != bytes.to_be_bytes() {
            return Err("not all of it arrived".into());
        }
        connection.close(0_u32.into(), b"done");
        eprintln!("sent {bytes} bytes in {took} ms");
        Ok(())
    })
}
