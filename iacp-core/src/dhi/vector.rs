//! The Unified Semantic Ingestion Vector (`IACP §4.1.5.2`): everything that the application gets.

use iacp_wire::Eid;

use super::uri::Uri;

/// The result for the application: four fields; the last one is the memory itself.
///
/// The interpreter keeps no reference to it, so the application can use it without effects on the transport; it is
/// freed when the application drops it.
///
/// ```
/// use iacp_core::dhi::vector::Usiv;
/// use iacp_wire::Eid;
///
/// let usiv = Usiv::of_peer(Eid([7; 32]), "iacp:page", vec![b'<', b'a', b'/', b'>', 0, 0], 4).map_err(|_| "4 of 6 bytes")?;
/// assert_eq!(usiv.payload(), b"<a/>");
/// let owned: Vec<u8> = usiv.into_buffer();
/// # assert_eq!(owned.len(), 6);
/// # Ok::<(), &str>(())
/// ```
// keeps: IACP-061 (§4.1.5), IACP-065 (§4.1.5.3)
pub struct Usiv<'m, B> {
    source_eid: [u8; 32],
    target_uri: &'m str,
    payload_byte_length: u32,
    payload: B,
}

impl<'m, B: AsRef<[u8]>> Usiv<'m, B> {
    /// Content of a peer, or of a sandbox that returned with its live derivative.
    ///
    /// # Errors
    /// The buffer is returned if it is shorter than `length`.
    pub fn of_peer(source: Eid, target_uri: &'m str, buffer: B, length: usize) -> Result<Self, B> {
        Self::new(source.0, target_uri, buffer, length)
    }

    /// Content of a web origin, which has no EID: its source is the origin's digest, which is not a key.
    pub(super) fn of_origin(uri: &'m Uri, buffer: B, length: usize) -> Result<Self, B> {
        Self::new(uri.origin_digest(), uri.as_str(), buffer, length)
    }

    fn new(source_eid: [u8; 32], target_uri: &'m str, payload: B, length: usize) -> Result<Self, B> {
        match u32::try_from(length) {
            Ok(payload_byte_length) if length <= payload.as_ref().len() => {
                Ok(Self { source_eid, target_uri, payload_byte_length, payload })
            }
            _ => Err(payload),
        }
    }

    /// Where the content comes from: the peer's EID, or the digest of the web origin.
    #[must_use]
    pub const fn source_eid(&self) -> &[u8; 32] {
        &self.source_eid
    }

    /// The URI that answered.
    #[must_use]
    pub const fn target_uri(&self) -> &'m str {
        self.target_uri
    }

    /// How many bytes the content has.
    #[must_use]
    pub const fn payload_byte_length(&self) -> u32 {
        self.payload_byte_length
    }

    /// The content, unchanged.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        let length = usize::try_from(self.payload_byte_length).unwrap_or(usize::MAX);
        self.payload.as_ref().get(..length).unwrap_or_default()
    }

    /// The memory; the content is its first [`payload_byte_length`](Self::payload_byte_length) bytes.
    #[must_use]
    pub fn into_buffer(self) -> B {
        self.payload
    }
}
