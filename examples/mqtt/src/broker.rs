//! A broker in this process: rumqttd, for one host and for tests. It keeps nothing on disk.

use std::collections::HashMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};

/// The longest message that it takes, in bytes; a client that publishes a longer one is disconnected.
pub const MAX_PAYLOAD: usize = 16 << 10;

fn config(bind: SocketAddr) -> Config {
    let connections = ConnectionSettings {
        connection_timeout_ms: 5_000,
        max_payload_size: MAX_PAYLOAD,
        max_inflight_count: 100,
        auth: None,
        external_auth: None,
        dynamic_filters: true,
    };
    let server =
        ServerSettings { name: "mqtt".into(), listen: bind, tls: None, next_connection_delay_ms: 1, connections };
    let router = RouterConfig {
        max_connections: 1_000,
        max_outgoing_packet_count: 200,
        max_segment_size: 1 << 20,
        max_segment_count: 16,
        ..RouterConfig::default()
    };
    Config { id: 0, router, v4: Some(HashMap::from([("1".to_owned(), server)])), ..Config::default() }
}

/// Serves until the process ends.
///
/// # Errors
/// The address cannot be bound, or the broker has ended.
pub fn serve(bind: SocketAddr) -> Result<()> {
    // The broker only logs that it could not bind.
    drop(std::net::TcpListener::bind(bind).with_context(|| format!("--bind {bind}"))?);
    Broker::new(config(bind)).start().with_context(|| format!("the broker on {bind}"))?;
    bail!("the broker on {bind} has ended")
}
