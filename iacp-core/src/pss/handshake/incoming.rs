//! A datagram is parsed once, and passed on in parsed form.

use iacp_wire::{Cookie, Flags, Frame, Message, MessageType};

use crate::pss::discard::Discard;

/// A frame of a session or of its handshake, parsed. The receiver of datagrams parses them, finds their session, and
/// passes them on to [`Session::take`](crate::pss::Session::take) or a [`Responder`](crate::pss::Responder).
///
/// ```
/// use iacp_core::pss::{Discard, Incoming};
///
/// let mut noise = [0; 40];
/// assert_eq!(Incoming::parse(&mut noise).err(), Some(Discard::Malformed));
/// ```
pub enum Incoming<'d> {
    /// PSS_DATA_STREAM: its content is decrypted in place.
    Sealed(Sealed<'d>),
    /// A frame that carries a signature.
    Signed(Signed<'d>),
}

/// The fields of a PSS_DATA_STREAM, before it is authenticated.
///
/// A receiver of datagrams asks which session a frame belongs to, and gives it to that session or to the responder:
///
/// ```
/// use iacp_core::pss::{Incoming, Sealed, Signed};
/// use iacp_wire::Cookie;
/// # use iacp_core::pss::{Capabilities, Session, TRANSMIT_BUFFER};
/// # use iacp_core::{crypto::Portable, identity::Identity, time::Mono};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// # let now = Mono(0);
/// # let (alice, bob) = (Identity::<Portable>::generate(&mut rng), Identity::<Portable>::generate(&mut rng));
/// # let bob_at = ([192, 0, 2, 2], 4227).into();
///
/// enum To<'d> {
///     Session((Cookie, Cookie), Sealed<'d>),
///     Responder(Signed<'d>),
/// }
///
/// fn route(datagram: &mut [u8]) -> Option<To<'_>> {
///     let incoming = Incoming::parse(datagram).ok()?;
///     let cookies = incoming.cookies()?;
///     Some(match incoming {
///         Incoming::Sealed(sealed) => To::Session(cookies, sealed),
///         Incoming::Signed(signed) => To::Responder(signed),
///     })
/// }
///
/// # let mut session = Session::<Portable, 4096, 8>::IDLE;
/// # session.initiate(now, &alice, bob.eid(), bob_at, Capabilities::NONE, &mut rng)?;
/// # let mut buffer = [0; TRANSMIT_BUFFER];
/// let mut init = session.poll_transmit(now, &mut buffer)?.ok_or("PSS_INIT is due")?.bytes.to_vec();
/// assert!(matches!(route(&mut init), Some(To::Responder(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Sealed<'d> {
    pub(crate) initiator: Cookie,
    pub(crate) responder: Cookie,
    pub(crate) sequence: u64,
    pub(crate) nonce: [u8; 12],
    pub(crate) flags: Flags,
    pub(crate) carried: bool,
    pub(crate) bytes: &'d mut [u8],
}

/// A signed frame, parsed and not yet verified.
pub struct Signed<'d> {
    /// The frame.
    pub frame: Frame<'d>,
    /// The bytes from which it was parsed, which its signature covers.
    pub bytes: &'d [u8],
}

impl<'d> Incoming<'d> {
    /// Parses a datagram.
    ///
    /// # Errors
    /// [`Discard::Malformed`] if it is not one well-formed frame.
    pub fn parse(datagram: &'d mut [u8]) -> Result<Self, Discard> {
        if is_data_stream(datagram) {
            let frame = Frame::parse(datagram).map_err(|_| Discard::Malformed)?;
            let Message::PssDataStream { head, .. } = frame.message else { return Err(Discard::Malformed) };
            let responder = frame.responder_cookie.ok_or(Discard::Malformed)?;
            let (initiator, flags) = (head.session_connection_cookie, frame.flags);
            let (sequence, nonce) = (head.sequence_number.get(), head.aead_nonce.0);
            let sealed = Sealed { initiator, responder, sequence, nonce, flags, carried: false, bytes: datagram };
            return Ok(Self::Sealed(sealed));
        }
        let bytes: &'d [u8] = datagram;
        let frame = Frame::parse(bytes).map_err(|_| Discard::Malformed)?;
        Ok(Self::Signed(Signed { frame, bytes }))
    }

    /// Marks the frame as carried by a third host (ERP_DEFLECT, PATH_RELAY): its source address is not that of the
    /// peer.
    #[must_use]
    pub const fn carried(mut self) -> Self {
        if let Self::Sealed(sealed) = &mut self {
            sealed.carried = true;
        }
        self
    }

    /// The I-Cookie and the R-Cookie, of a frame that belongs to a session; the latter is zero in PSS_INIT.
    #[must_use]
    pub fn cookies(&self) -> Option<(Cookie, Cookie)> {
        match self {
            Self::Sealed(sealed) => Some((sealed.initiator, sealed.responder)),
            Self::Signed(signed) => signed.frame.message.initiator_cookie().zip(signed.frame.responder_cookie),
        }
    }

    /// The type of the message.
    #[must_use]
    pub fn message_type(&self) -> MessageType {
        match self {
            Self::Sealed(_) => MessageType::PssDataStream,
            Self::Signed(signed) => signed.frame.message.message_type(),
        }
    }
}

/// Whether the header's type is PSS_DATA_STREAM: it is in the low half of the first byte and the high half of the
/// second.
fn is_data_stream(datagram: &[u8]) -> bool {
    let code = MessageType::PssDataStream.code();
    datagram.first_chunk().is_some_and(|[first, second]| first & 0x0f == code >> 4 && second >> 4 == code & 0x0f)
}
