//! snow: the Noise protocol framework.

use snow::params::NoiseParams;
use snow::{Builder, Error, HandshakeState, TransportState};

/// The longest Noise message, in bytes.
const MESSAGE: usize = 65_535;

/// Two agents with static keys that speak one Noise protocol.
pub struct Noise {
    params: NoiseParams,
    initiator: Vec<u8>,
    responder: Vec<u8>,
    sent: Vec<u8>,
    read: Vec<u8>,
}

impl Noise {
    /// The protocol with this name, and a static key for each side.
    ///
    /// # Errors
    /// snow does not know the protocol.
    pub fn new(name: &str) -> Result<Self, Error> {
        let params: NoiseParams = name.parse()?;
        let initiator = Builder::new(params.clone()).generate_keypair()?.private;
        let responder = Builder::new(params.clone()).generate_keypair()?.private;
        Ok(Self { params, initiator, responder, sent: vec![0; MESSAGE], read: vec![0; MESSAGE] })
    }

    /// XX, and one message back, as our handshake ends in one heartbeat back: both sides can send afterwards.
    ///
    /// # Errors
    /// The handshake fails.
    pub fn handshake(&mut self) -> Result<(TransportState, TransportState), Error> {
        let mut initiator = Builder::new(self.params.clone()).local_private_key(&self.initiator)?.build_initiator()?;
        let mut responder = Builder::new(self.params.clone()).local_private_key(&self.responder)?.build_responder()?;
        self.pass(&mut initiator, &mut responder)?;
        self.pass(&mut responder, &mut initiator)?;
        self.pass(&mut initiator, &mut responder)?;
        let (mut initiator, mut responder) = (initiator.into_transport_mode()?, responder.into_transport_mode()?);
        let length = responder.write_message(&[0; 48], &mut self.sent)?;
        initiator.read_message(&self.sent[..length], &mut self.read)?;
        Ok((initiator, responder))
    }

    fn pass(&mut self, from: &mut HandshakeState, to: &mut HandshakeState) -> Result<(), Error> {
        let length = from.write_message(&[], &mut self.sent)?;
        to.read_message(&self.sent[..length], &mut self.read)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_reach_transport_mode() {
        for suite in ["ChaChaPoly", "AESGCM"] {
            let mut noise = Noise::new(&format!("Noise_XX_25519_{suite}_SHA256")).expect("snow knows it");
            assert!(
                noise
                    .handshake()
                    .is_ok_and(|(initiator, responder)| { initiator.is_initiator() && !responder.is_initiator() })
            );
        }
    }
}
