//! Which broker, and how it is reached.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rumqttc::MqttOptions;

/// The longest packet that is taken, in bytes. A notification has 4,096 at most; what is longer is read, refused and acknowledged.
/// Beyond this a packet ends the connection, and is taken in the next one.
pub(crate) const MAX_PACKET: usize = 1 << 20;
/// How often a connection without messages shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The longest password file, in bytes.
const LONGEST_PASSWORD: u64 = 1 << 10;

/// A broker, and who we are there.
#[derive(Clone)]
pub struct Broker {
    host: String,
    port: u16,
    login: Option<(String, String)>,
}

impl Broker {
    /// Reads `HOST:PORT`; the port is 1883 if none is given. An IPv6 address stands in brackets.
    ///
    /// # Errors
    /// It names no host, or a port that is none.
    pub fn parse(text: &str) -> Result<Self> {
        let unclear = || format!("--broker: '{}' is not HOST or HOST:PORT", text.escape_debug());
        let text = text.strip_prefix("mqtt://").unwrap_or(text);
        let (host, port) = match text.rsplit_once(':') {
            Some((host, _)) if host.contains(':') && !host.ends_with(']') => (text, None),
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        };
        let port = port.map_or(Ok(1_883), str::parse).ok().filter(|port| *port != 0).with_context(unclear)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '@');
        ensure!(!host.is_empty() && !host.contains(odd), unclear());
        Ok(Self { host: host.to_owned(), port, login: None })
    }

    /// Logs in with this name, and the password in the file. A password on a command line is for all accounts of the host to see.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn with_login(mut self, user: &str, password: &Path) -> Result<Self> {
        let mut text = String::new();
        let read = File::open(password).and_then(|file| file.take(LONGEST_PASSWORD).read_to_string(&mut text));
        read.with_context(|| format!("--password-file {}", password.display()))?;
        self.login = Some((user.to_owned(), text.trim_end_matches(['\r', '\n']).to_owned()));
        Ok(self)
    }

    pub(crate) fn options(&self, client: &str) -> MqttOptions {
        let mut options = MqttOptions::new(client, &self.host, self.port);
        options.set_keep_alive(KEEP_ALIVE).set_max_packet_size(MAX_PACKET, MAX_PACKET);
        if let Some((user, password)) = &self.login {
            options.set_credentials(user, password);
        }
        options
    }
}

/// The topic of notifications for this receiver. A name that has no place in a topic stands in hexadecimal digits, or
/// as its SHA-256 if it has more than 127 bytes.
#[must_use]
pub fn topic_of(receiver: &str) -> String {
    format!("cep/notices/{}", dropbox::folder_of(receiver).display().to_string().replace('+', "="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_a_host_and_a_port() {
        for (text, host, port) in [
            ("broker.example", "broker.example", 1_883),
            ("mqtt://broker.example:8883", "broker.example", 8_883),
            ("127.0.0.1:1", "127.0.0.1", 1),
            ("[::1]:1884", "::1", 1_884),
            ("::1", "::1", 1_883),
        ] {
            let broker = Broker::parse(text).expect(text);
            assert_eq!((&*broker.host, broker.port), (host, port), "{text}");
        }
        for text in ["", ":1883", "host:", "host:0", "host:99999", "host:x", "user@host", "a b", "http://host"] {
            assert!(Broker::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_topic_has_no_wildcard_and_no_level_that_a_name_chose() {
        assert_eq!(topic_of("bob"), "cep/notices/bob");
        for name in ["#", "+", "a/b", "bob/#", "", "\u{0}", "Ünal"] {
            let topic = topic_of(name);
            assert_eq!(topic.matches('/').count(), 2, "{topic}");
            assert!(!topic.contains(['#', '+', '\u{0}']), "{topic}");
        }
        assert_ne!(topic_of("a/b"), topic_of("a-b"));
    }
}
