//! quinn-proto as a flow: one connection, one stream in one direction.

use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn_proto::congestion::{BbrConfig, ControllerFactory, CubicConfig};
use quinn_proto::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn_proto::{
    ClientConfig, Connection, ConnectionHandle, DatagramEvent, Dir, Endpoint, EndpointConfig, Event, ServerConfig,
    StreamId, TransportConfig, VarInt,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::world::{Flow, Side};

/// Congestion control of quinn-proto.
#[derive(Clone, Copy, Debug)]
pub enum Control {
    /// Its default.
    Cubic,
    /// Its BBR.
    Bbr,
}

struct End {
    endpoint: Endpoint,
    connection: Option<(ConnectionHandle, Connection)>,
    answers: Vec<Vec<u8>>,
    peer: SocketAddr,
}

impl End {
    fn receive(&mut self, now: Instant, datagram: &[u8]) {
        let mut buffer = Vec::new();
        let event = self.endpoint.handle(now, self.peer, None, None, datagram.into(), &mut buffer);
        match event {
            Some(DatagramEvent::NewConnection(incoming)) => {
                self.connection = self.endpoint.accept(incoming, now, &mut buffer, None).ok();
            }
            Some(DatagramEvent::ConnectionEvent(_, event)) => {
                if let Some((_, connection)) = &mut self.connection {
                    connection.handle_event(event);
                }
            }
            Some(DatagramEvent::Response(transmit)) => self.answers.push(buffer[..transmit.size].to_vec()),
            None => {}
        }
    }

    fn exchange(&mut self) {
        let Some((handle, connection)) = &mut self.connection else { return };
        while let Some(event) = connection.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(*handle, event) {
                connection.handle_event(event);
            }
        }
    }
}

/// A connection on which the client sends content on one stream.
pub struct Quic {
    base: Instant,
    ends: [End; 2],
    stream: Option<StreamId>,
    incoming: Option<StreamId>,
    left: u64,
    finished: bool,
    began: Option<u64>,
    delivered: u64,
}

fn transport(control: Control) -> Arc<TransportConfig> {
    let factory: Arc<dyn ControllerFactory + Send + Sync> = match control {
        Control::Cubic => Arc::new(CubicConfig::default()),
        Control::Bbr => Arc::new(BbrConfig::default()),
    };
    let mut transport = TransportConfig::default();
    // The network limits it, not its own windows: they are as large as ours.
    let window = VarInt::from_u32(1 << 26);
    transport.stream_receive_window(window).receive_window(window).send_window(1 << 26);
    transport.initial_mtu(1_200).min_mtu(1_200).mtu_discovery_config(None).congestion_controller_factory(factory);
    transport.max_idle_timeout(None);
    Arc::new(transport)
}

impl Quic {
    /// A connection that is about to be opened, with `content` bytes of content.
    #[must_use]
    pub fn new(control: Control, content: u64, seed: u64) -> Self {
        let issued = rcgen::generate_simple_self_signed(["peer".to_owned()]).expect("a certificate");
        let certificate = CertificateDer::from(issued.cert);
        let key = PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate.clone()).expect("a root");
        let server = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key.into())
            .expect("a server");
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut server = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(server).expect("a server")));
        server.transport_config(transport(control));
        let mut client = ClientConfig::new(Arc::new(QuicClientConfig::try_from(client).expect("a client")));
        client.transport_config(transport(control));

        let base = Instant::now();
        let address = |port| SocketAddr::from((Ipv6Addr::LOCALHOST, port));
        let end = |server, side: u8, peer| {
            let mut config = EndpointConfig::default();
            config.rng_seed(Some([u8::try_from(seed % 251).unwrap_or(0) ^ side; 32]));
            let endpoint = Endpoint::new(Arc::new(config), server, true, None);
            End { endpoint, connection: None, answers: Vec::new(), peer }
        };
        let mut sender = end(None, 0, address(2));
        sender.connection = sender.endpoint.connect(base, client, address(2), "peer").ok();
        let receiver = end(Some(Arc::new(server)), 1, address(1));
        let ends = [sender, receiver];
        Self { base, ends, stream: None, incoming: None, left: content, finished: false, began: None, delivered: 0 }
    }

    fn at(&self, now: u64) -> Instant {
        self.base + Duration::from_micros(now)
    }

    /// The client's application: writes what the stream takes.
    fn write(&mut self, now: u64) {
        let Some((_, connection)) = &mut self.ends[0].connection else { return };
        while let Some(event) = connection.poll() {
            match event {
                Event::Connected => {
                    self.stream = connection.streams().open(Dir::Uni);
                    self.began = Some(now);
                }
                Event::ConnectionLost { reason } => panic!("quinn: {reason}"),
                _ => {}
            }
        }
        let Some(stream) = self.stream.filter(|_| !self.finished) else { return };
        let mut stream = connection.send_stream(stream);
        static PIECE: [u8; 65_536] = [7; 65_536];
        while self.left > 0 {
            let piece = PIECE.len().min(usize::try_from(self.left).unwrap_or(PIECE.len()));
            match stream.write(&PIECE[..piece]) {
                Ok(written) => self.left -= written as u64,
                Err(_) => return,
            }
        }
        let _ = stream.finish();
        self.finished = true;
    }

    /// The server's application: takes what has come.
    fn read(&mut self) {
        let Some((_, connection)) = &mut self.ends[1].connection else { return };
        while connection.poll().is_some() {}
        if self.incoming.is_none() {
            self.incoming = connection.streams().accept(Dir::Uni);
        }
        let Some(stream) = self.incoming else { return };
        let mut stream = connection.recv_stream(stream);
        let Ok(mut chunks) = stream.read(false) else { return };
        while let Ok(Some(chunk)) = chunks.next(usize::MAX) {
            self.delivered += chunk.bytes.len() as u64;
        }
        let _ = chunks.finalize();
    }
}

impl Flow for Quic {
    fn transmit(&mut self, now: u64, side: Side) -> Option<Vec<u8>> {
        let at = self.at(now);
        match side {
            Side::Sender => self.write(now),
            Side::Receiver => self.read(),
        }
        let end = &mut self.ends[side as usize];
        if let Some(answer) = end.answers.pop() {
            return Some(answer);
        }
        end.exchange();
        let (_, connection) = end.connection.as_mut()?;
        if connection.poll_timeout().is_some_and(|timeout| timeout <= at) {
            connection.handle_timeout(at);
        }
        let mut buffer = Vec::with_capacity(1_200);
        let transmit = connection.poll_transmit(at, 1, &mut buffer)?;
        buffer.truncate(transmit.size);
        assert!(buffer.len() <= 1_200, "one datagram");
        Some(buffer)
    }

    fn receive(&mut self, now: u64, side: Side, datagram: Vec<u8>) {
        let at = self.at(now);
        self.ends[side as usize].receive(at, &datagram);
    }

    fn wake(&mut self, side: Side) -> Option<u64> {
        let (_, connection) = self.ends[side as usize].connection.as_mut()?;
        let at = connection.poll_timeout()?.saturating_duration_since(self.base);
        u64::try_from(at.as_nanos().div_ceil(1_000)).ok()
    }

    fn began(&self) -> Option<u64> {
        self.began
    }

    fn delivered(&self) -> u64 {
        self.delivered
    }
}
